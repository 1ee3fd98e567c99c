//! A scale-down that waits for nodes to leave.
//!
//! Runs with an API server and the controller manager, which takes pods away as ever. There is no kubelet, so no command can
//! be run in a pod, and every node fails to leave until somebody says that it has.

use beam_operator::controller::kind::ChildKind;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::harness::{Scene, container};

async fn scale(scene: &Scene, replicas: i32) {
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    scene.releases().patch_scale("shop", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn no_node_is_taken_away_before_it_has_left_and_then_that_one_is() {
    let mut scene = Scene::start("leave").await;
    let spec = "{image: 'shop:1', replicas: 3, rollout: {minReadySeconds: 0}, shutdown: {leave: {exec: [forget]}}}";
    scene.apply("shop", spec).await;
    scene.become_ready("shop", 3).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    let names = scene.pods("shop", 3).await;
    // It is the first that Kubernetes would take, too.
    let first = &names[1];
    let running = json!({"running": {"startedAt": "2020-01-01T00:00:00Z"}});
    let unready = json!({
        "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
        "containerStatuses": [container(false, &running)],
    });
    scene.pod_says(first, &unready).await;
    scene.condition("shop", "Ready", "NodesNotReady").await;

    scale(&scene, 2).await;
    let told = scene.condition("shop", "Degraded", "LeaveFailed").await.message;
    assert!(told.contains(&format!("waits for the node of pod {first}, which has not left")), "{told}");
    let pods = Api::<Pod>::namespaced(scene.client.clone(), &scene.name);
    let marks = pods.get(first).await.unwrap().metadata.annotations.unwrap_or_default();
    assert!(marks.contains_key("beam-operator.io/leaving"), "{marks:?}");
    assert_eq!(marks["controller.kubernetes.io/pod-deletion-cost"], "-2147483648");
    scene.event("shop", "LeaveFailed").await;

    // Neither a restart of the operator nor the node's being ready again makes it another one.
    scene.restart();
    let ready = json!({
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}],
        "containerStatuses": [container(true, &running)],
    });
    scene.pod_says(first, &ready).await;
    scene
        .until("shop", "its node is asked again", |release| {
            let status = release.status.clone().unwrap_or_default();
            let degraded = status.conditions.iter().find(|it| it.type_ == "Degraded").map(|it| it.message.clone());
            status.ready_replicas == 3 && degraded.is_some_and(|told| told.contains(first))
        })
        .await;
    assert_eq!(scene.pods("shop", 3).await, names);
    let deployment = scene.child(ChildKind::Deployment, "shop", |_| true).await;
    assert_eq!(deployment.data["spec"]["replicas"], 3);

    // A person knows better, as the message says.
    let by_hand = Patch::Merge(json!({"metadata": {"annotations": {"beam-operator.io/left": "true"}}}));
    pods.patch(first, &PatchParams::default(), &by_hand).await.unwrap();
    let left = scene.pods("shop", 2).await;
    assert!(!left.contains(first), "{first} has left, and another was taken: {left:?}");
    scene.condition("shop", "Degraded", "AsExpected").await;

    // The last that are wanted are not asked: the cluster stops as a whole.
    scale(&scene, 0).await;
    scene.pods("shop", 0).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_node_that_was_asked_and_is_to_stay_after_all_is_replaced() {
    let scene = Scene::start("stays-after-all").await;
    let spec = "{image: 'shop:1', replicas: 2, rollout: {minReadySeconds: 0}, shutdown: {leave: {exec: [forget]}}}";
    scene.apply("shop", spec).await;
    scene.become_ready("shop", 2).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    let names = scene.pods("shop", 2).await;
    scale(&scene, 1).await;
    let told = scene.condition("shop", "Degraded", "LeaveFailed").await.message;
    let asked = names.iter().find(|name| told.contains(*name)).unwrap();

    scale(&scene, 2).await;
    let replaced = scene.event("shop", "NodeReplaced").await;
    assert!(replaced.contains(asked), "{replaced}");
    scene.condition("shop", "Degraded", "AsExpected").await;
    let now = scene.pods("shop", 2).await;
    assert!(!now.contains(asked) && names.iter().any(|name| now.contains(name)), "{names:?} became {now:?}");
}
