//! Children that a release has or has not come and go with what it asks for.
//!
//! Runs with an API server; the controller manager, where there is one, may look after the children as it likes.

use rstest::rstest;
use serde_json::json;

use crate::harness::{EndState, Scene};

/// The children, but for those of whom every release has one.
fn others(state: &EndState) -> Vec<&str> {
    let mut children = state.children();
    children.retain(|child| !child.starts_with("ControllerRevision") && !child.starts_with("Deployment"));
    children
}

#[rstest]
#[case::budget("replicas: 2", "replicas: 1", &["PodDisruptionBudget shop"])]
#[case::budget_disabled("replicas: 2", "replicas: 2\ndisruptionBudget: {mode: Disabled}", &["PodDisruptionBudget shop"])]
#[case::autoscaler(
    "autoscaling: {minReplicas: 1, maxReplicas: 2}",
    "",
    &["HorizontalPodAutoscaler shop", "PodDisruptionBudget shop"]
)]
#[case::network_policy("networkPolicy: PeersOnly", "networkPolicy: Disabled", &["NetworkPolicy shop"])]
#[case::discovery(
    "cluster: {discovery: Kubernetes}",
    "cluster: {discovery: DNS}",
    &["Role shop-discovery", "RoleBinding shop-discovery", "ServiceAccount shop-discovery"]
)]
#[case::discovery_with_an_account_of_ones_own(
    "serviceAccountName: mine\ncluster: {discovery: Kubernetes}",
    "serviceAccountName: mine\ncluster: {discovery: None}",
    &["Role shop-discovery", "RoleBinding shop-discovery"]
)]
#[case::service("ports: [{containerPort: 4000}]", "ports: [{containerPort: 4000}]\nservice: {type: None}", &["Service shop"])]
#[case::service_without_ports("ports: [{containerPort: 4000}]", "", &["Service shop"])]
#[case::distribution("", "cluster: {distribution: Disabled}", &["NetworkPolicy shop", "Service shop-nodes"])]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn it_comes_and_goes(#[case] with: &str, #[case] without: &str, #[case] children: &[&str]) {
    let scene = Scene::start("optional").await;
    let state = async |spec: &str| {
        scene.apply("shop", &format!("image: shop:1\n{spec}")).await;
        scene.applied("shop").await;
        scene.state().await
    };
    let before = state(with).await;
    let (there, remaining): (Vec<_>, Vec<_>) = others(&before).into_iter().partition(|child| children.contains(child));
    assert_eq!(there, children);
    assert_eq!(others(&state(without).await), remaining);
    assert_eq!(others(&state(with).await), others(&before));
}

/// A headless Service has no address of its own, and a Service cannot lose the one it has.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_type_of_the_service_changes() {
    let scene = Scene::start("service-type").await;
    for (kind, address, stored) in [
        ("ClusterIP", false, "ClusterIP"),
        ("NodePort", false, "NodePort"),
        ("LoadBalancer", false, "LoadBalancer"),
        ("Headless", true, "ClusterIP"),
        ("ClusterIP", false, "ClusterIP"),
    ] {
        scene
            .apply("shop", &format!("image: shop:1\nports: [{{containerPort: 4000}}]\nservice: {{type: {kind}}}"))
            .await;
        scene.applied("shop").await;
        let state = scene.state().await;
        let spec = &state.object("Service shop")["spec"];
        assert_eq!((spec["clusterIP"] == "None", &spec["type"]), (address, &stored.into()), "{kind}");
    }
}

/// The limits of a rolling update belong to no other strategy, and the API server refuses them beside it.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_strategy_changes() {
    let scene = Scene::start("strategy").await;
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    for (strategy, stored) in
        [("RollingUpdate", &rolling), ("Recreate", &json!({"type": "Recreate"})), ("RollingUpdate", &rolling)]
    {
        let applied = scene.apply("shop", &format!("image: shop:1\nrollout: {{strategy: {strategy}}}")).await;
        let is_told = |status: &beam_operator::api::ElixirReleaseStatus| {
            status.observed_generation == applied.metadata.generation
                && status.conditions.iter().any(|it| it.type_ == "Degraded" && it.reason == "AsExpected")
        };
        scene.until("shop", strategy, |release| release.status.as_ref().is_some_and(is_told)).await;
        scene.applied("shop").await;
        let state = scene.state().await;
        assert_eq!(state.object("Deployment shop")["spec"]["strategy"], *stored, "{strategy}");
    }
    assert!(!scene.operator.log().contains("WriteFailed"), "{}", scene.operator.log());
}

/// What the operator is told about its surroundings reaches the children.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn facts_of_the_operator_reach_the_children() {
    let scene = Scene::with("facts", &["--cluster-domain", "example.org", "--pod-namespace", "ops"]).await;
    scene.apply("shop", "image: shop:1").await;
    scene.applied("shop").await;
    let state = scene.state().await;
    let env = &state.object("Deployment shop")["spec"]["template"]["spec"]["containers"][0]["env"];
    let dns = env.as_array().unwrap().iter().find(|entry| entry["name"] == "BEAM_CLUSTER_DNS").unwrap();
    assert_eq!(dns["value"], "shop-nodes.(namespace).svc.example.org");
    let policy = state.object("NetworkPolicy shop")["spec"].to_string();
    assert!(policy.contains("\"kubernetes.io/metadata.name\":\"ops\""), "{policy}");
}
