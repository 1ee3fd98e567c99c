//! All pods are replaced at once, or by those of the other kind: who waits for whom.

use beam_operator::api::ElixirRelease;
use beam_operator::controller::kind::ChildKind;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt};
use rstest::rstest;
use serde_json::{Value, json};

use super::{SET, SHOP, claims, complete, pods, ready, roll};
use crate::harness::Scene;

/// Both have pods until those of the new kind are available.
#[rstest]
#[case::to_a_stateful_set("to-stateful", "Deployment", "StatefulSet")]
#[case::to_a_deployment("to-deployment", "StatefulSet", "Deployment")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_kind_changes_without_a_gap(#[case] purpose: &str, #[case] from: &str, #[case] to: &str) {
    let of = |kind: &str| {
        format!("{{image: 'shop:1', replicas: 3, rollout: {{minReadySeconds: 0}}, workload: {{kind: {kind}}}}}")
    };
    let kind = |name: &str| if name == "Deployment" { ChildKind::Deployment } else { SET };
    let scene = complete(purpose, &of(from)).await;
    let before = pods(&scene).await;
    scene.apply("shop", &of(to)).await;
    scene.pods("shop", 6).await;
    scene.rest().await;
    let now = pods(&scene).await;
    assert!(before.iter().all(|old| now.contains(old)), "{now:?}");
    let counts = |it: &ElixirRelease| it.status.as_ref().is_some_and(|status| status.replicas == 6);
    let release = scene.until("shop", "the pods of both count", counts).await;
    assert_eq!(ready(&release).as_deref(), Some("3/3"));
    let progressing = scene.condition("shop", "Progressing", "RolloutInProgress").await;
    assert!(progressing.message.ends_with("; 3 of an earlier one still run"), "{}", progressing.message);

    scene.become_ready("shop", 6).await;
    scene.gone(kind(from), "shop").await;
    scene.pods("shop", 3).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    assert!(pods(&scene).await.iter().all(|pod| !before.contains(pod)));
    scene.children(kind(to)).get("shop").await.unwrap();
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn recreated_the_new_kind_starts_when_the_old_one_is_gone() {
    let of = |kind: &str| {
        let rollout = "{strategy: Recreate, minReadySeconds: 0}";
        format!("{{image: 'shop:1', replicas: 3, rollout: {rollout}, workload: {{kind: {kind}}}}}")
    };
    let scene = complete("recreated-kind", &of("Deployment")).await;
    hold(&scene).await;
    scene.apply("shop", &of("StatefulSet")).await;
    scene.gone(ChildKind::Deployment, "shop").await;
    scene.rest().await;
    assert!(scene.children(SET).get_opt("shop").await.unwrap().is_none(), "old pods are left");
    let told = scene.condition("shop", "Ready", "NotCreated").await;
    assert_eq!(told.message, "no StatefulSet was made yet");

    release(&scene).await;
    scene.become_ready("shop", 3).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    assert_eq!(scene.pods("shop", 3).await, ["shop-0", "shop-1", "shop-2"]);
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn recreated_no_new_pod_starts_beside_an_old_one() {
    let spec = SHOP.replace("{minReadySeconds: 0}", "{strategy: Recreate, minReadySeconds: 0}");
    let mut scene = complete("recreated", &spec).await;
    hold(&scene).await;
    let before = pods(&scene).await;
    scene.apply("shop", &spec.replace("shop:1", "shop:2")).await;
    let stopped =
        |it: &Value| it["spec"]["replicas"] == 0 && it["status"]["observedGeneration"] == it["metadata"]["generation"];
    scene.child(SET, "shop", stopped).await;
    scene.restart();
    scene.operator.ready().await;
    scene.rest().await;
    assert_eq!(pods(&scene).await, before, "they stop, and nothing starts");
    assert!(stopped(&serde_json::to_value(scene.children(SET).get("shop").await.unwrap()).unwrap()));

    release(&scene).await;
    roll(&scene, "shop:2", 3).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    assert_eq!(claims(&scene).await, ["data-shop-0", "data-shop-1", "data-shop-2"]);
}

/// Puts the pods on a node, so that they are not gone before a kubelet says so, and says nothing.
async fn hold(scene: &Scene) {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": scene.name}});
    let nodes = Api::<Node>::all(scene.client.clone());
    nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
    let api = Api::<Pod>::namespaced(scene.client.clone(), &scene.name);
    for (pod, _) in pods(scene).await {
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod},
            "target": {"apiVersion": "v1", "kind": "Node", "name": scene.name},
        });
        let bound: Value = api.create_subresource("binding", &pod, &PostParams::default(), &binding).await.unwrap();
        assert_eq!(bound["status"], "Success");
    }
}

/// Says that the pods which are being deleted have stopped.
async fn release(scene: &Scene) {
    let api = Api::<Pod>::namespaced(scene.client.clone(), &scene.name);
    for pod in api.list(&ListParams::default()).await.unwrap() {
        if pod.metadata.deletion_timestamp.is_some() {
            let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
            api.delete(&pod.name_any(), &now).await.unwrap();
        }
    }
    Api::<Node>::all(scene.client.clone()).delete(&scene.name, &DeleteParams::default()).await.unwrap();
}
