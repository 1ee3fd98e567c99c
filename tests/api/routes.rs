//! Canaries that split the requests of an HTTPRoute by weight, with the CRD as the Gateway API publishes it.
//!
//! Runs with an API server and the controllers of Deployments, and with a stand-in for kubelets that makes every pod ready.
//! There is no gateway: what is looked at is the route.

use beam_operator::api::RolloutPhase;
use beam_operator::resources::labels;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use super::strategies::{annotate, begin, complete, found, leads_to, version, writes_nothing};
use crate::harness::{Cluster, Namespace, OwnCluster, Proxy, Scene, eventually};

/// Names the file with the CRD of HTTPRoutes.
const VARIABLE: &str = "BEAM_OPERATOR_TEST_HTTPROUTES";

const API: &str = "gateway.networking.k8s.io/v1";

pub(super) const WEIGHTED: &str = "rollout: {strategy: Canary, minReadySeconds: 0, \
                                   canary: {httpRoute: {name: front}, steps: [{weight: 50, pauseSeconds: 0}]}}";
const WAITING: &str =
    "rollout: {strategy: Canary, minReadySeconds: 0, canary: {httpRoute: {name: front}, steps: [{weight: 20}]}}";

/// The CRD of HTTPRoutes.
fn definition() -> CustomResourceDefinition {
    let file =
        std::env::var(VARIABLE).unwrap_or_else(|_| panic!("{VARIABLE} must name a file: `cargo xtask test` sets it"));
    serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn routes(namespace: &Namespace) -> Api<DynamicObject> {
    namespace.objects(API, "HTTPRoute")
}

/// Has the API server know HTTPRoutes, if it does not.
pub(super) async fn install(cluster: &Cluster) {
    cluster.install(&definition()).await;
    let resource = beam_operator::controller::view::route::resource();
    let all = Api::<DynamicObject>::all_with(cluster.client.clone(), &resource);
    eventually("HTTPRoutes are served", async || {
        all.list(&ListParams::default().limit(1)).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
}

/// The rules of the routes, if there are any.
pub(super) async fn rules(namespace: &Namespace) -> Vec<Value> {
    let found = routes(namespace).list(&ListParams::default()).await;
    found
        .map(|found| found.items.into_iter().map(|route| route.data["spec"]["rules"].clone()).collect())
        .unwrap_or_default()
}

/// A route with a rule of the release alone, one that it shares, and one of somebody else.
fn front() -> Value {
    let filter =
        json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "by", "value": "front"}]}});
    let shop = |weight: i32| json!({"name": "shop", "port": 4000, "weight": weight, "filters": [filter]});
    let blog = json!({"name": "blog", "port": 80, "weight": 30});
    json!({
        "apiVersion": API, "kind": "HTTPRoute", "metadata": {"name": "front", "labels": {"app": "front"}},
        "spec": {
            "parentRefs": [{"name": "gateway"}],
            "rules": [
                {"matches": [{"path": {"type": "PathPrefix", "value": "/shop"}}], "backendRefs": [shop(1)]},
                {"matches": [{"path": {"type": "PathPrefix", "value": "/both"}}], "backendRefs": [blog, shop(70)]},
                {"matches": [{"path": {"type": "PathPrefix", "value": "/blog"}}], "backendRefs": [blog]},
            ],
        },
    })
}

/// A person makes the route, or puts it back to what it was.
pub(super) async fn make(scene: &Scene) {
    install(&Cluster::shared().await).await;
    scene.apply_object(front()).await;
}

/// Waits until the route sends these to the Services of the release, in its first two rules.
async fn splits(namespace: &Namespace, weights: [&[i64]; 2]) -> Value {
    eventually(&format!("the route splits {weights:?}"), async || {
        let rules = rules(namespace).await.swap_remove(0);
        let of = |rule: usize| -> Vec<i64> {
            let refs = rules[rule]["backendRefs"].as_array().unwrap().iter();
            refs.filter(|it| it["name"] != "blog").map(|it| it["weight"].as_i64().unwrap()).collect()
        };
        if [of(0), of(1)] == weights { Ok(rules) } else { Err(rules.to_string()) }
    })
    .await
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn nothing_of_the_route_is_written_but_its_weights() {
    let (scene, _kubelet) = begin("route", WAITING).await;
    let before = routes(&scene).get("front").await.unwrap();
    scene.apply("shop", &version("shop:2", WAITING)).await;
    scene.condition("shop", "Progressing", "WaitingForPromotion").await;
    let rules = splits(&scene, [&[80, 20], &[56, 14]]).await;
    let twin = &rules[0]["backendRefs"][1];
    assert_eq!((&twin["name"], &twin["port"]), (&json!("shop-preview"), &json!(4000)));
    assert_eq!(twin["filters"], before.data["spec"]["rules"][0]["backendRefs"][0]["filters"]);
    assert_eq!(rules[2], before.data["spec"]["rules"][2]);
    let event = scene.event("shop", "TrafficSplit").await;
    assert!(event.starts_with("HTTPRoute front sends 20 % of the requests to shop-"), "{event}");
    // A tool puts it back to what is in Git.
    make(&scene).await;
    splits(&scene, [&[80, 20], &[56, 14]]).await;
    writes_nothing(&scene).await;

    annotate(&scene, labels::PROMOTE, "1").await;
    complete(&scene, "shop:2").await;
    let after = routes(&scene).get("front").await.unwrap();
    assert_eq!((&after.data["spec"], &after.metadata.labels), (&before.data["spec"], &before.metadata.labels));
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_abort_sends_all_requests_back() {
    let (scene, _kubelet) = begin("route-abort", WAITING).await;
    let first = scene.applied("shop").await.status.unwrap().current_revision.unwrap();
    scene.apply("shop", &version("shop:2", WAITING)).await;
    splits(&scene, [&[80, 20], &[56, 14]]).await;
    leads_to(&scene, "shop", &first).await;
    annotate(&scene, labels::ABORT, "1").await;
    splits(&scene, [&[1], &[70]]).await;
    let is_back = |release: &beam_operator::api::ElixirRelease| {
        let rollout = release.status.clone().and_then(|status| status.rollout);
        rollout.is_some_and(|rollout| rollout.phase == RolloutPhase::RolledBack)
    };
    scene.until("shop", "it is rolled back", is_back).await;
    leads_to(&scene, "shop-preview", &first).await;
    assert_eq!(found(&scene).await.0.get("shop:1"), Some(&3));
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn without_the_route_a_canary_waits_and_touches_nothing() {
    let (scene, _kubelet) = begin("route-gone", WAITING).await;
    routes(&scene).delete("front", &Default::default()).await.unwrap();
    let told = scene.condition("shop", "ConfigurationValid", "ValidWithWarnings").await.message;
    let missing = "spec.rollout.canary.httpRoute: there is no HTTPRoute front in this namespace: make it, with a backendRef to \
                   Service shop";
    assert_eq!(told, missing);
    scene.apply("shop", &version("shop:2", WAITING)).await;
    let told = scene.condition("shop", "Progressing", "WaitingForRoute").await.message;
    assert!(told.ends_with(missing), "{told}");
    assert_eq!(scene.event("shop", "WaitingForRoute").await, told);
    scene.rest().await;
    assert_eq!(found(&scene).await.0, [("shop:1".to_owned(), 3)].into());
    let mut other = front();
    other["spec"]["rules"].as_array_mut().unwrap().drain(..2);
    scene.apply_object(other).await;
    let is_told = |release: &beam_operator::api::ElixirRelease| {
        let conditions = &release.status.as_ref().unwrap().conditions;
        conditions
            .iter()
            .any(|it| it.message.ends_with("no rule of HTTPRoute front has a backendRef to Service shop: add one"))
    };
    scene.until("shop", "no rule names its Service", is_told).await;
    make(&scene).await;
    splits(&scene, [&[80, 20], &[56, 14]]).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_api_server_without_routes_is_told_and_costs_others_nothing() {
    let own = OwnCluster::start("no-routes").await;
    own.cluster.install_crd(&beam_operator::api::crd()).await;
    let namespace = Namespace::new(&own.cluster, "no-routes").await;
    let mut scene = Scene::on(namespace, Proxy::to(own.cluster.client.clone()).await, &[]);
    scene.operator.ready().await;
    scene.apply("blog", "image: blog:1").await;
    scene.applied("blog").await;
    let asked = |scene: &Scene| scene.proxy.requests().iter().filter(|it| it.resource == "httproutes").count();
    assert_eq!(asked(&scene), 0, "nobody asks for routes");
    scene.apply("shop", &version("shop:1", WAITING)).await;
    let told = scene.condition("shop", "ConfigurationValid", "ValidWithWarnings").await.message;
    assert!(told.contains("the API server knows no HTTPRoutes: install the Gateway API"), "{told}");
    assert!(asked(&scene) > 0);
    install(&own.cluster).await;
    scene.apply_object(front()).await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
}
