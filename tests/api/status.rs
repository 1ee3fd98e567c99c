//! What the status tells, to people and to `kubectl wait`.
//!
//! Runs with an API server and the controller manager. Where a test is about pods, it writes what a kubelet or the
//! scheduler would have said of them.

use std::time::Duration;

use beam_operator::controller::kind::ChildKind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Fault, Scene, container, eventually};

const SHOP: &str = "{image: 'shop:1', replicas: 2, rollout: {strategy: Recreate, minReadySeconds: 0}}";

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_rollout_is_told_from_its_begin_to_its_end() {
    let scene = Scene::start("rollout").await;
    scene.apply("shop", SHOP).await;
    let first = scene.applied("shop").await.status.unwrap().target_revision.unwrap();
    scene.pods("shop", 2).await;
    let ready = scene.condition("shop", "Ready", "NodesNotReady").await;
    assert_eq!((&*ready.status, &*ready.message), ("False", "0 of 2 nodes are ready"));
    let progressing = scene.condition("shop", "Progressing", "RolloutInProgress").await;
    assert_eq!(progressing.message, format!("0 of 2 nodes run {first} and are available"));

    scene.become_ready("shop", 2).await;
    let ready = scene.condition("shop", "Ready", "AllNodesReady").await;
    assert_eq!(
        (&*ready.status, &*ready.message, ready.observed_generation),
        ("True", "2 of 2 nodes are ready", Some(1))
    );
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    assert_eq!(scene.event("shop", "RolloutComplete").await, format!("all 2 nodes run {first}"));
    let status = scene.releases().get("shop").await.unwrap().status.unwrap();
    assert_eq!((status.current_revision.as_deref(), status.ready.as_deref()), (Some(&*first), Some("2/2")));

    scene.apply("shop", &SHOP.replace("shop:1", "shop:2")).await;
    let status = scene.applied("shop").await.status.unwrap();
    let second = status.target_revision.unwrap();
    assert_eq!(status.current_revision.as_deref(), Some(&*first), "the last one that ran completely");
    scene.condition("shop", "Ready", "NodesNotReady").await;
    scene.pods("shop", 2).await;
    scene.become_ready("shop", 2).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    let status = scene.releases().get("shop").await.unwrap().status.unwrap();
    assert_eq!(status.current_revision, Some(second));
}

/// A pod that was evicted stays as a record of it until somebody deletes it. Its replacement does the work.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_pod_that_has_ended_for_good_degrades_nobody() {
    let scene = Scene::start("evicted").await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    let evicted = scene.pods("shop", 2).await.remove(0);
    let ended = json!({"terminated": {"exitCode": 137, "reason": "Error", "startedAt": null, "finishedAt": null}});
    scene.pod_says(&evicted, &json!({"phase": "Running", "containerStatuses": [container(false, &ended)]})).await;
    scene.condition("shop", "Degraded", "CrashLoop").await;

    scene.pod_says(&evicted, &json!({"phase": "Failed", "reason": "Evicted"})).await;
    scene.condition("shop", "Degraded", "AsExpected").await;
    scene.pods("shop", 3).await;
}

/// `kubectl wait --for=condition=Ready` counts a condition only if it is about the present generation. One that was
/// True for the last generation must not claim to be about the next before that is applied.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_change_during_a_write_is_not_told_as_applied() {
    let scene = Scene::start("generation").await;
    let is_deployment =
        |request: &crate::harness::Request| request.verb == "apply" && request.resource == "deployments";
    let writing = scene.proxy.fail(1, Fault::Delay(Duration::from_secs(2)), is_deployment);
    scene.apply("shop", SHOP).await;
    writing.reach(1).await;
    scene.apply("shop", &SHOP.replace("shop:1", "shop:2")).await;
    let target = scene.applied("shop").await.status.unwrap().target_revision.unwrap();
    let deployment = scene.children(ChildKind::Deployment).get("shop").await.unwrap();
    assert_eq!(deployment.data["spec"]["template"]["spec"]["containers"][0]["image"], "shop:2");
    assert_eq!(deployment.data["spec"]["template"]["metadata"]["labels"]["beam-operator.io/revision"], *target);
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"containerStatuses": [container(false, &json!({"waiting": {"reason": reason, "message": message}}))]})
}

fn terminated(reason: &str, code: i32) -> Value {
    let mut status = container(false, &json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}));
    status["lastState"] = json!({"terminated": {"exitCode": code, "reason": reason, "message": "no database"}});
    json!({"containerStatuses": [status]})
}

#[rstest]
#[case::image(
    waiting("ImagePullBackOff", "Back-off pulling image: not found"),
    "ImagePullFailed",
    "container release: image shop:1: Back-off pulling image: not found. To mend it, correct spec.image or spec.imagePullSecrets"
)]
#[case::config(
    waiting("CreateContainerConfigError", "secret \"env\" not found"),
    "ContainerConfigError",
    "container release: secret \"env\" not found. To mend it, correct what it names"
)]
#[case::crash(
    terminated("Error", 1),
    "CrashLoop",
    "container release: ended with exit code 1: no database. To mend it, read the log of its last run with kubectl logs --previous"
)]
#[case::memory(
    terminated("OOMKilled", 137),
    "OutOfMemory",
    "container release: was killed because it used more memory than its limit. To mend it, raise spec.resources.limits.memory"
)]
#[case::unschedulable(
    json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient cpu."}]}),
    "Unschedulable",
    "0/3 nodes are available: 3 Insufficient cpu.. To mend it, free or add room, or lower spec.resources.requests and placement rules"
)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_pod_that_cannot_run_is_told_in_words(#[case] says: Value, #[case] reason: &str, #[case] words: &str) {
    let scene = Scene::start("trouble").await;
    scene.apply("shop", SHOP).await;
    let pod = scene.pods("shop", 2).await.swap_remove(0);
    scene.pod_says(&pod, &says).await;
    let told = scene.condition("shop", "Degraded", reason).await;
    assert_eq!((&*told.status, told.message.clone()), ("True", format!("1 of 2 pods cannot run. {pod}: {words}")));
    assert_eq!(scene.event("shop", reason).await, told.message);
    scene.become_ready("shop", 2).await;
    let mended = json!({"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}],
        "containerStatuses": [container(true, &json!({"running": {}}))]});
    scene.pod_says(&pod, &mended).await;
    scene.condition("shop", "Degraded", "AsExpected").await;
    assert_eq!(scene.event("shop", "Recovered").await, format!("no longer: {reason}"));
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_quota_that_is_used_up_is_told() {
    let scene = Scene::start("quota").await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "1"}}});
    scene.apply_object(quota).await;
    // Until the quota controller has counted what there is, the quota allows nothing at all.
    eventually("the quota is counted", async || {
        let quota = scene.objects("v1", "ResourceQuota").get("small").await.map_err(|error| error.to_string())?;
        if quota.data["status"]["used"]["pods"] == "0" { Ok(()) } else { Err(quota.data["status"].to_string()) }
    })
    .await;
    scene.apply("shop", SHOP).await;
    let told = scene.condition("shop", "Degraded", "PodCreationFailed").await;
    assert!(told.message.starts_with("pods cannot be created: pods \"shop-"), "{}", told.message);
    assert!(
        told.message.ends_with("is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1")
    );
    assert_eq!(scene.event("shop", "PodCreationFailed").await, told.message);
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_rollout_without_progress_is_told() {
    let scene = Scene::start("late").await;
    let spec = "{image: 'shop:1', replicas: 1, rollout: {minReadySeconds: 0, progressDeadlineSeconds: 2}}";
    scene.apply("shop", spec).await;
    let revision = scene.applied("shop").await.status.unwrap().target_revision.unwrap();
    let told = scene.condition("shop", "Degraded", "ProgressDeadlineExceeded").await;
    assert_eq!(
        told.message,
        "no progress for 2 seconds (spec.rollout.progressDeadlineSeconds): pods run but do not become available; look at \
         their readiness probe and log"
    );
    let progressing = scene.condition("shop", "Progressing", "ProgressDeadlineExceeded").await;
    assert_eq!(progressing.message, format!("0 of 1 nodes run {revision} and are available"));
    let release = scene.releases().get("shop").await.unwrap();
    assert_eq!(serde_json::to_value(release.status.unwrap().rollout).unwrap()["phase"], "Failed");
    assert_eq!(scene.event("shop", "ProgressDeadlineExceeded").await, told.message);
    // It recovers by itself when the pods do.
    scene.become_ready("shop", 1).await;
    scene.condition("shop", "Degraded", "AsExpected").await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
}
