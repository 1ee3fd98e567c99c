//! What keeps a pod from starting, and what else is read of it.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn pod(status: &Value) -> PodView {
    let live = json!({
        "metadata": {"name": "shop-1-a", "labels": {"beam-operator.io/revision": "shop-1"}},
        "spec": {"nodeName": "n3"},
        "status": status,
    });
    PodView::of(&serde_json::from_value(live).unwrap()).unwrap()
}

fn container(ready: bool, state: Value, last: Value) -> Value {
    let mut container = json!({"name": "release", "image": "shop:1", "imageID": "", "ready": ready, "restartCount": 1});
    container["state"] = state;
    container["lastState"] = last;
    json!({"containerStatuses": [container]})
}

fn failed() -> Value {
    json!({"terminated": {"exitCode": 1, "message": "no database\n"}})
}

#[rstest]
#[case::image(container(false, json!({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}), json!({})),
    TroubleKind::ImagePull, "container release: image shop:1: not found")]
#[case::config(container(false, json!({"waiting": {"reason": "CreateContainerConfigError", "message": "no key"}}), json!({})),
    TroubleKind::ContainerConfig, "container release: no key")]
#[case::crash_waiting(container(false, json!({"waiting": {"reason": "CrashLoopBackOff"}}), failed()),
    TroubleKind::CrashLoop, "container release: ended with exit code 1: no database")]
#[case::crash_running_again(container(false, json!({"running": {}}), failed()),
    TroubleKind::CrashLoop, "container release: ended with exit code 1: no database")]
#[case::memory(container(false, json!({"running": {}}), json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})),
    TroubleKind::OutOfMemory, "container release: was killed because it used more memory than its limit")]
#[case::unschedulable(json!({"conditions": [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]}),
    TroubleKind::Unschedulable, "0/3 nodes are available")]
#[case::node_lost(json!({"conditions": [
    {"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}]}),
    TroubleKind::NodeLost, "the Kubernetes node n3 does not answer")]
fn trouble_is_told_in_kubernetes_words(#[case] status: Value, #[case] kind: TroubleKind, #[case] message: &str) {
    assert_eq!(pod(&status).trouble, Some(Trouble::lasting(kind, message)));
}

#[test]
fn waiting_for_the_next_try_to_pull_an_image_is_no_other_trouble_than_the_last_try() {
    let waiting = |reason: &str, message: &str| {
        pod(&container(false, json!({"waiting": {"reason": reason, "message": message}}), json!({}))).trouble
    };
    let tried = waiting("ErrImagePull", "failed to pull: not found");
    assert!(tried.is_some());
    let message = r#"Back-off pulling image "shop:1": ErrImagePull: failed to pull: not found"#;
    assert_eq!(waiting("ImagePullBackOff", message), tried);
}

#[test]
fn a_crash_is_over_once_the_container_has_been_ready_for_a_minute() {
    let running = json!({"running": {"startedAt": "2026-11-23T04:42:32Z"}});
    let trouble = pod(&container(true, running.clone(), failed())).trouble.unwrap();
    assert_eq!(trouble.until, Some("2026-11-23T04:43:32Z".parse().unwrap()));
    assert!(trouble.is_present("2026-11-23T04:43:31Z".parse().unwrap()));
    assert!(!trouble.is_present("2026-11-23T04:43:32Z".parse().unwrap()));
    assert_eq!(pod(&container(false, running, failed())).trouble.unwrap().until, None, "it is not ready");
}

#[rstest]
#[case::evicted("Failed")]
#[case::done("Succeeded")]
fn a_pod_that_has_ended_for_good_is_in_no_trouble(#[case] phase: &str) {
    let terminated = json!({"terminated": {"exitCode": 137}});
    let mut status = container(false, terminated, json!({}));
    status["phase"] = phase.into();
    let view = pod(&status);
    assert_eq!((view.trouble, view.has_ended), (None, true));
}

#[rstest]
#[case::of_a_deployment("ReplicaSet", Some(ChildKind::Deployment))]
#[case::of_a_stateful_set("StatefulSet", Some(ChildKind::StatefulSet))]
#[case::of_something_else("Job", None)]
fn what_runs_it_is_its_controller(#[case] kind: &str, #[case] expected: Option<ChildKind>) {
    let controller = json!({"apiVersion": "apps/v1", "kind": kind, "name": "x", "uid": "u", "controller": true});
    let owners = json!([{"apiVersion": "v1", "kind": "StatefulSet", "name": "y", "uid": "v"}, controller]);
    let ready = |status: &str| {
        let condition = json!({"type": "Ready", "status": status, "lastTransitionTime": "2026-11-23T04:00:00Z"});
        let view: LivePod = serde_json::from_value(json!({
            "metadata": {
                "name": "shop-0", "ownerReferences": owners, "creationTimestamp": "2026-11-23T03:00:00Z",
            },
            "status": {"conditions": [condition]},
        }))
        .unwrap();
        PodView::of(&view).unwrap()
    };
    assert_eq!(ready("True").runs_in, expected);
    assert_eq!(ready("True").moved, Some("2026-11-23T04:00:00Z".parse().unwrap()));
    let made = Some("2026-11-23T03:00:00Z".parse().unwrap());
    assert_eq!(ready("False").moved, made, "that it is ready no longer is no step further");
}

#[rstest]
#[case::starting(container(false, json!({"waiting": {"reason": "ContainerCreating"}}), json!({})))]
#[case::ended_well(container(false, json!({"running": {}}), json!({"terminated": {"exitCode": 0}})))]
#[case::a_gate_is_shut(json!({"conditions": [
    {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"},
    {"type": "ContainersReady", "status": "True"}]}))]
#[case::nothing(json!({}))]
fn no_trouble(#[case] status: Value) {
    assert_eq!(pod(&status).trouble, None);
}
