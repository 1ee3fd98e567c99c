//! The rights of the operator: too few are named, and those that the manifests grant are enough.

use std::fs;

use beam_operator::api::ElixirRelease;
use beam_operator::controller::kind::ChildKind;
use beam_operator::operator::startup::FOR_ROUTES;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::starting::{lacks, tells, waits_for};
use crate::harness::{Cluster, Namespace, Proxy, Scene};
use crate::routes;
use crate::strategies::{Kubelet, complete, version};

/// The rules that the manifests grant in every namespace that is watched.
pub fn granted() -> Vec<Value> {
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/manifests/install.yaml");
    let manifests = fs::read_to_string(manifests).unwrap();
    let mut documents = serde_yaml::Deserializer::from_str(&manifests).map(|it| Value::deserialize(it).unwrap());
    let is_it = |it: &Value| it["kind"] == "ClusterRole" && it["metadata"]["name"] == "beam-operator";
    documents.find(is_it).unwrap()["rules"].as_array().unwrap().clone()
}

async fn grant(namespace: &Namespace, rules: &[Value]) {
    let rbac = "rbac.authorization.k8s.io";
    let name = json!({"name": "operator"});
    let role = json!({"apiVersion": format!("{rbac}/v1"), "kind": "Role", "metadata": name, "rules": rules});
    namespace.apply_object(role).await;
    namespace
        .apply_object(json!({
            "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding", "metadata": name,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "operator"},
            "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": namespace.name}],
        }))
        .await;
}

/// A scene whose operator is a ServiceAccount with these rights in its namespace, and none elsewhere.
pub async fn with(rules: &[Value], purpose: &str) -> Scene {
    let cluster = Cluster::shared().await;
    let namespace = Namespace::new(&cluster, purpose).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator"}});
    namespace.apply_object(account).await;
    grant(&namespace, rules).await;
    let accounts = Api::<ServiceAccount>::namespaced(namespace.client.clone(), &namespace.name);
    let request: TokenRequest = serde_json::from_value(json!({"spec": {"audiences": []}})).unwrap();
    let token = accounts.create_token_request("operator", &PostParams::default(), &request).await.unwrap();
    let client = cluster.with_token(&token.status.unwrap().token);
    Scene::on(namespace, Proxy::to(client).await, &[])
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn missing_rights_are_named() {
    let mut rules = granted();
    rules.retain(|rule| rule["resources"] != json!(["poddisruptionbudgets"]));
    for rule in &mut rules {
        if rule["resources"] == json!(["secrets"]) {
            rule["verbs"] = json!(["get", "list", "watch"]);
        }
    }
    let mut scene = with(&rules, "rights").await;
    let all = [
        format!("no permission to create, patch, delete secrets in namespace {}", scene.name),
        format!(
            "no permission to get, list, watch, create, patch, delete poddisruptionbudgets.policy in namespace {}",
            scene.name
        ),
        "permissions are granted by: helm upgrade (with rbac.create=true), or kubectl apply -f deploy/manifests"
            .to_owned(),
    ];
    waits_for(&scene.operator, &all.join("\n")).await;
    grant(&scene, &granted()).await;
    scene.operator.ready().await;
}

/// Somebody tightens the Role of an operator that runs. A watch that is open goes on, so nothing is wrong until it has to
/// begin again; what the operator may still do goes on all the same.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn rights_that_are_taken_away_are_named() {
    let mut scene = with(&granted(), "revoked").await;
    scene.operator.ready().await;
    scene.apply("shop", "image: shop:1").await;
    scene.applied("shop").await;

    let mut fewer = granted();
    fewer.retain(|rule| rule["resources"] != json!(["pods"]));
    grant(&scene, &fewer).await;
    scene.proxy.cut_watches();
    let told = [
        &*format!("no permission to list, watch pods in namespace {}", scene.name),
        "permissions are granted by: helm upgrade (with rbac.create=true), or kubectl apply -f deploy/manifests",
    ];
    lacks(&scene.operator, &told.join("\n")).await;
    scene.apply("shop", "{image: 'shop:1', replicas: 3}").await;
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["replicas"] == 3).await;

    grant(&scene, &granted()).await;
    scene.operator.ready().await;
    assert!(scene.operator.log().contains("what was missing is there again"), "{}", scene.operator.log());
    scene.rest().await;
}

/// A right to write is missed as soon as something is to be written.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_right_to_write_that_is_taken_away_is_named() {
    let mut scene = with(&granted(), "read-only").await;
    scene.operator.ready().await;
    let mut fewer = granted();
    for rule in &mut fewer {
        if rule["resources"].as_array().unwrap().contains(&json!("deployments")) {
            rule["verbs"] = json!(["get", "list", "watch"]);
        }
    }
    grant(&scene, &fewer).await;
    scene.apply("shop", "image: shop:1").await;
    scene.condition("shop", "Degraded", "WriteFailed").await;
    let told = format!("no permission to create, patch, delete deployments.apps in namespace {}", scene.name);
    tells(&scene.operator, "missing", |line| line == told).await;
    grant(&scene, &granted()).await;
    scene.applied("shop").await;
    scene.condition("shop", "Degraded", "AsExpected").await;
    scene.operator.ready().await;
}

/// Without the right to look at routes, a release that names one says so; with what the chart grants for it, a canary splits
/// one.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn routes_take_rights_of_their_own() {
    let mut scene = with(&granted(), "route-rights").await;
    routes::install(&Cluster::shared().await).await;
    scene.operator.ready().await;
    routes::make(&scene).await;
    let _kubelet = Kubelet::of(&scene);
    scene.apply("shop", &version("shop:1", routes::WEIGHTED)).await;
    let told = scene.condition("shop", "ConfigurationValid", "ValidWithWarnings").await.message;
    let lacking = "the operator has no permission to list and watch httproutes.gateway.networking.k8s.io: grant it, with Helm \
                   by rbac.httpRoutes=true";
    assert!(told.ends_with(lacking), "{told}");
    complete(&scene, "shop:1").await;

    let right = json!({"apiGroups": [FOR_ROUTES.group], "resources": [FOR_ROUTES.resource], "verbs": FOR_ROUTES.verbs});
    grant(&scene, &[granted(), vec![right]].concat()).await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    scene.operator.ready().await;
    scene.apply("shop", &version("shop:2", routes::WEIGHTED)).await;
    complete(&scene, "shop:2").await;
    assert!(scene.event("shop", "TrafficSplit").await.contains("HTTPRoute front sends"));
}

/// Everything that a release can ask for, with nothing but what the manifests grant.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_rights_that_the_manifests_grant_are_enough() {
    let mut scene = with(&granted(), "granted").await;
    scene.operator.ready().await;
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"A": "1"}});
    scene.apply_object(config).await;
    let everything = "
image: shop:1
replicas: 2
ports: [{containerPort: 4000}]
envFrom: [{configMapRef: {name: settings}}]
autoscaling: {minReplicas: 2, maxReplicas: 4}
cluster: {name: market, discovery: Kubernetes}
";
    scene.apply("shop", everything).await;
    scene.applied("shop").await;
    // Less, and the other type of Service: deletes of every kind that the operator deletes.
    let less = "
image: shop:2
ports: [{containerPort: 4000}]
service: {type: Headless}
cluster: {name: fair}
networkPolicy: Disabled
rollout: {revisionHistoryLimit: 0}
";
    scene.apply("shop", less).await;
    scene.applied("shop").await;
    // From one kind of workload to the other and back, which deletes each once.
    for (kind, gone) in [("StatefulSet", ChildKind::Deployment), ("Deployment", ChildKind::StatefulSet)] {
        scene.apply("shop", &format!("{{image: 'shop:3', replicas: 0, workload: {{kind: {kind}}}}}")).await;
        scene.applied("shop").await;
        scene.gone(gone, "shop").await;
    }
    scene.apply("bad", "image: 'bad: 1'").await;
    scene.event("bad", "ConfigurationInvalid").await;
    let is_degraded =
        |it: &ElixirRelease| it.status.iter().flat_map(|it| &it.conditions).any(|it| it.reason == "WriteFailed");
    assert!(!is_degraded(&scene.releases().get("shop").await.unwrap()));
    scene.rest().await;
    let refused = scene.operator.get("/metrics").await.unwrap().1;
    let refused: Vec<_> = refused.lines().filter(|line| line.contains("code=\"403\"")).collect();
    assert_eq!(refused, [""; 0]);
}
