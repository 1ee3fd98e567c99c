//! Revisions that fail, and what people ask of rollouts by annotation.
//!
//! Runs with an API server and the Deployment controller of the controller manager: it is that which finds a rollout late.

use beam_operator::api::{ElixirRelease, RequestOutcome, RolloutPhase};
use beam_operator::controller::kind::ChildKind;
use beam_operator::resources::labels;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::harness::Scene;

pub(super) fn version(image: &str, more: &str) -> String {
    let rollout = format!("rollout: {{minReadySeconds: 0, progressDeadlineSeconds: 2{more}}}");
    format!("image: {image}\nreplicas: 2\n{rollout}")
}

/// A release whose first version runs, and whose second does not become ready.
pub(super) async fn with_first_version(subject: &str) -> Scene {
    let scene = Scene::start(subject).await;
    scene.apply("shop", &version("shop:1", "")).await;
    scene.applied("shop").await;
    scene.pods("shop", 2).await;
    scene.become_ready("shop", 2).await;
    phase(&scene, RolloutPhase::Complete).await;
    scene
}

pub(super) async fn phase(scene: &Scene, phase: RolloutPhase) -> ElixirRelease {
    let is_in_it = |release: &ElixirRelease| {
        let status = release.status.as_ref();
        let observed = status.and_then(|status| status.observed_generation) == release.metadata.generation;
        observed && status.and_then(|status| status.rollout.as_ref()).is_some_and(|rollout| rollout.phase == phase)
    };
    scene.until("shop", &format!("the rollout is {phase:?}"), is_in_it).await
}

pub(super) async fn runs(scene: &Scene, image: &str) {
    let path = "/spec/template/spec/containers/0/image";
    scene.child(ChildKind::Deployment, "shop", |it| it.pointer(path) == Some(&json!(image))).await;
}

async fn annotate(scene: &Scene, annotation: &str, value: Value) {
    let releases = scene.objects("beam-operator.io/v1alpha1", "ElixirRelease");
    scene.patch(&releases, "shop", json!({"metadata": {"annotations": {annotation: value}}})).await;
}

/// Waits for the answer to a request.
pub(super) async fn answer(scene: &Scene, annotation: &str, value: &str) -> (RequestOutcome, String) {
    let of = |release: &ElixirRelease| {
        let mut requests = release.status.iter().flat_map(|status| &status.requests);
        requests.find(|request| request.annotation == annotation && request.value == value).cloned()
    };
    let release = scene.until("shop", "the request is answered", |release| of(release).is_some()).await;
    let request = of(&release).unwrap();
    (request.outcome, request.message)
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_version_that_does_not_come_up_gives_way_to_the_last_good_one() {
    let mut scene = with_first_version("rollback").await;
    scene.apply("shop", &version("shop:2", "")).await;
    let release = phase(&scene, RolloutPhase::RolledBack).await;
    runs(&scene, "shop:1").await;
    assert_eq!(release.spec.image, "shop:2");
    let status = release.status.unwrap();
    assert_eq!(status.current_revision, status.target_revision);
    let told = scene.event("shop", "RolledBack").await;
    assert!(told.contains("failed") && told.contains("no progress for 2 seconds"), "{told}");
    assert_eq!(scene.condition("shop", "Degraded", "RolledBack").await.message, told);

    // It is on the record, and another process of the operator does not try it again.
    scene.rest().await;
    scene.begin_anew().await;
    assert_eq!(scene.proxy.writes(), []);
    runs(&scene, "shop:1").await;

    // Somebody asks for another try, which fails as well.
    annotate(&scene, labels::RETRY, json!("1")).await;
    assert_eq!(answer(&scene, labels::RETRY, "1").await.0, RequestOutcome::Done);
    assert!(scene.event("shop", "RequestDone").await.contains("is tried again"));
    phase(&scene, RolloutPhase::RolledBack).await;
    runs(&scene, "shop:1").await;

    // Another version is tried, of course.
    scene.apply("shop", &version("shop:3", ", onFailure: Hold")).await;
    phase(&scene, RolloutPhase::Failed).await;
    runs(&scene, "shop:3").await;
    annotate(&scene, labels::ABORT, json!("enough")).await;
    assert_eq!(answer(&scene, labels::ABORT, "enough").await.0, RequestOutcome::Done);
    runs(&scene, "shop:1").await;
    phase(&scene, RolloutPhase::RolledBack).await;
    assert_eq!(scene.condition("shop", "Degraded", "AsExpected").await.status, "False");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn people_go_back_restart_and_hold() {
    let scene = with_first_version("verbs").await;
    let first = scene.applied("shop").await.status.unwrap().target_revision.unwrap();
    scene.apply("shop", &version("shop:2", "")).await;
    scene.pods("shop", 3).await;
    scene.become_ready("shop", 3).await;
    scene.pods("shop", 3).await;
    scene.become_ready("shop", 3).await;
    phase(&scene, RolloutPhase::Complete).await;

    annotate(&scene, labels::UNDO, json!("shop-nothing")).await;
    let (outcome, message) = answer(&scene, labels::UNDO, "shop-nothing").await;
    assert_eq!(outcome, RequestOutcome::Refused);
    assert!(message.contains(&first), "{message}");
    assert!(scene.event("shop", "RequestRefused").await.contains("is no revision of this release"));
    annotate(&scene, labels::UNDO, json!("1")).await;
    assert_eq!(answer(&scene, labels::UNDO, "1").await.0, RequestOutcome::Done);
    runs(&scene, "shop:1").await;

    annotate(&scene, labels::PAUSE, json!("true")).await;
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["paused"] == true).await;
    scene.condition("shop", "Progressing", "Paused").await;
    annotate(&scene, labels::PAUSE, Value::Null).await;
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["paused"].is_null()).await;

    // A restart is another revision, which is asked for anew.
    annotate(&scene, labels::RESTARTED_AT, json!("now")).await;
    runs(&scene, "shop:2").await;
    let restarted = |it: &Value| it["spec"]["template"]["metadata"]["annotations"][labels::RESTARTED_AT] == "now";
    let deployment = scene.child(ChildKind::Deployment, "shop", restarted).await;
    annotate(&scene, labels::RESTARTED_AT, Value::Null).await;
    scene.rest().await;
    let after = scene.child(ChildKind::Deployment, "shop", restarted).await;
    assert_eq!(after.labels()[labels::REVISION], deployment.labels()[labels::REVISION]);
}
