//! Who decides how many nodes there are.
//!
//! Runs with an API server and the controller manager: its HorizontalPodAutoscaler controller has no metrics, and so does
//! no more than to keep the number between its limits.

use beam_operator::controller::kind::ChildKind;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::harness::Scene;

async fn scale(scene: &Scene, replicas: i32) {
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    scene.releases().patch_scale("shop", &PatchParams::default(), &patch).await.unwrap();
}

async fn deployment_has(scene: &Scene, replicas: i32) {
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["replicas"] == replicas).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn kubectl_scale_moves_the_deployment_and_an_apply_without_replicas_does_not() {
    let scene = Scene::start("scale").await;
    scene.apply("shop", "image: shop:1").await;
    deployment_has(&scene, 1).await;
    scale(&scene, 5).await;
    deployment_has(&scene, 5).await;
    scene.pods("shop", 5).await;
    scene.until("shop", "its status tells of 5 replicas", |it| it.status.as_ref().unwrap().replicas == 5).await;
    let found = scene.releases().get_scale("shop").await.unwrap();
    let status = found.status.unwrap();
    assert_eq!((found.spec.unwrap().replicas, status.replicas), (Some(5), 5));
    assert_eq!(status.selector.as_deref(), Some("beam-operator.io/release=shop"));

    scene.apply("shop", "image: shop:2").await;
    scene.applied("shop").await;
    deployment_has(&scene, 5).await;
    assert_eq!(scene.releases().get("shop").await.unwrap().spec.replicas, 5);
    // Somebody who says a number means it.
    scene.apply("shop", "{image: 'shop:2', replicas: 2}").await;
    deployment_has(&scene, 2).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_autoscaler_decides_through_the_release() {
    let scene = Scene::start("autoscaler").await;
    scene.apply("shop", "{image: 'shop:1', autoscaling: {minReplicas: 3, maxReplicas: 6}}").await;
    deployment_has(&scene, 3).await;
    assert_eq!(scene.releases().get("shop").await.unwrap().spec.replicas, 3);
    scene.applied("shop").await;
    let revisions = scene.state().await.children().into_iter().filter(|it| it.contains("Revision")).count();
    assert_eq!(revisions, 1, "scaling made a revision");
    // Others who write to the release do not reset what the autoscaler has decided.
    scene.apply("shop", "{image: 'shop:2', autoscaling: {minReplicas: 3, maxReplicas: 6}}").await;
    scene.applied("shop").await;
    deployment_has(&scene, 3).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn paused_stops_every_write_but_the_status() {
    let scene = Scene::start("paused").await;
    scene.apply("shop", "{image: 'shop:1', replicas: 2}").await;
    scene.applied("shop").await;
    scene.apply("shop", "{image: 'shop:1', replicas: 2, paused: true}").await;
    let told = scene.condition("shop", "Progressing", "Paused").await;
    assert_eq!(told.message, "spec.paused is true: nothing but the status is written");
    scene.pods("shop", 2).await;
    scene.rest().await;
    scene.proxy.forget();

    scene.apply("shop", "{image: 'shop:2', replicas: 4, paused: true, networkPolicy: Disabled}").await;
    let budgets = scene.children(ChildKind::PodDisruptionBudget);
    scene.patch(&budgets, "shop", json!({"spec": {"maxUnavailable": 2}})).await;
    scene.apply("blog", "{image: 'blog:1', paused: true}").await;
    scene.condition("blog", "Progressing", "Paused").await;
    // It goes on to observe: a pod that becomes ready is told.
    scene.become_ready("shop", 2).await;
    scene.until("shop", "its status tells of ready nodes", |it| it.status.as_ref().unwrap().ready_replicas == 2).await;
    scene.rest().await;
    assert_eq!(scene.proxy.changes(), [""; 0]);
    assert_eq!(budgets.get("shop").await.unwrap().data["spec"]["maxUnavailable"], 2);

    scene.apply("shop", "{image: 'shop:2', replicas: 4, networkPolicy: Disabled}").await;
    deployment_has(&scene, 4).await;
    scene.gone(ChildKind::NetworkPolicy, "shop").await;
    scene.child(ChildKind::PodDisruptionBudget, "shop", |it| it["spec"]["maxUnavailable"] == 1).await;
}
