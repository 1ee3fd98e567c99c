use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-25T08:10:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn release(spec: &Value, annotations: &Value, status: &Value) -> ElixirRelease {
    let metadata = json!({
        "name": "shop", "namespace": "store", "generation": 2, "annotations": annotations,
        "creationTimestamp": "2026-11-22T08:00:00Z",
    });
    let release = json!({
        "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease",
        "metadata": metadata, "spec": spec, "status": status,
    });
    serde_json::from_value(release).unwrap()
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    let since = "2026-11-25T08:05:00Z";
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": since})
}

fn node(pod: &str, name: Option<&str>, state: &str, connected: i32) -> Value {
    let seen = json!({
        "pod": pod, "expectedNode": format!("shop@{pod}"), "revision": "shop-9d0c71c327", "connected": connected,
        "expected": 2, "state": state,
    });
    let mut node = seen;
    if let Some(name) = name {
        node["node"] = json!(name);
        node["otpRelease"] = json!("27");
        node["startedAt"] = json!("2026-11-25T08:00:00Z");
    }
    node
}

fn healthy() -> ElixirRelease {
    let status = json!({
        "observedGeneration": 2, "replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "clusteredReplicas": 2,
        "ready": "2/2", "currentRevision": "shop-9d0c71c327", "targetRevision": "shop-9d0c71c327",
        "cluster": {"name": "shop", "size": 2, "partitions": 1, "changedAt": "2026-11-25T08:00:00Z"},
        "nodes": [node("a", Some("shop@a"), "Clustered", 1), node("b", Some("shop@b"), "Clustered", 1)],
        "rollout": {"phase": "Complete"},
        "conditions": [
            condition("Ready", "True", "AllNodesReady", "2 of 2 nodes are ready"),
            condition("Progressing", "False", "RolloutComplete", ""),
            condition("Degraded", "False", "AsExpected", ""),
            condition("Clustered", "True", "AllNodesConnected", ""),
            condition("ConfigurationValid", "True", "Valid", ""),
        ],
    });
    release(&json!({"image": "shop:1", "replicas": 2}), &json!({}), &status)
}

/// A canary that waits, with an odd node, a lost one and one that nobody has asked.
fn troubled() -> ElixirRelease {
    let waits = "step 1 of 2: 1 of 3 nodes runs shop-9d0c71c327; to go on: kubectl annotate exr shop";
    let status = json!({
        "observedGeneration": 2, "replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "clusteredReplicas": 0,
        "ready": "2/3", "currentRevision": "shop-f7c39485fa", "targetRevision": "shop-9d0c71c327",
        "cluster": {"name": "market", "size": 3, "partitions": 2, "changedAt": "2026-11-25T08:09:00Z"},
        "nodes": [
            node("a", Some("shop@a"), "Partitioned", 1), node("b", Some("shop@x"), "NameMismatch", 1),
            node("c", None, "Joining", 0),
        ],
        "nodesOmitted": 4,
        "rollout": {"phase": "Waiting", "step": 1, "message": waits},
        "requests": [
            {"annotation": "beam-operator.io/abort", "value": "1", "outcome": "Refused", "message": "no rollout is under way"},
        ],
        "conditions": [
            condition("Ready", "False", "NodesNotReady", "2 of 3 nodes are ready"),
            condition("Progressing", "False", "WaitingForPromotion", waits),
            condition("Degraded", "True", "CrashLoop", "pod c ends again and again:\n** (EXIT) \u{1b}[31mno"),
            condition("Clustered", "False", "Partitioned", "shop@a and shop@b have lost each other"),
            condition("ConfigurationValid", "True", "ValidWithWarnings", "spec.env: odd"),
        ],
    });
    let spec = json!({
        "image": "shop:2", "replicas": 3,
        "rollout": {"strategy": "Canary", "canary": {"steps": [{"replicas": 1}, {"replicas": 2}]}},
    });
    release(&spec, &json!({"beam-operator.io/abort": "1", "beam-operator.io/promote": "2"}), &status)
}

#[test]
fn a_release_at_rest_is_a_few_lines() {
    insta::assert_snapshot!(page(&healthy(), now()));
}

#[test]
fn what_is_wrong_and_what_is_waited_for_is_told() {
    insta::assert_snapshot!(page(&troubled(), now()));
}

#[test]
fn a_release_that_nobody_has_looked_at_says_so() {
    let new = release(&json!({"image": "shop:1"}), &json!({"beam-operator.io/retry": "1"}), &Value::Null);
    insta::assert_snapshot!(page(&new, now()));
}

#[test]
fn a_status_of_an_earlier_spec_is_told_as_such() {
    let mut release = healthy();
    release.metadata.generation = Some(3);
    assert!(page(&release, now()).contains("\nOperator:    The operator has not seen the present spec yet."));
}

#[test]
fn several_are_a_table_and_one_that_is_odd_hides_none() {
    let odd = json!({
        "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "spec": {"image": 7},
        "metadata": {"name": "odd", "namespace": "store", "creationTimestamp": "2026-11-25T08:00:00Z"},
    });
    let odd: kube::core::DeserializeGuard<ElixirRelease> = serde_json::from_value(odd).unwrap();
    let new = release(&json!({"image": "shop:1"}), &json!({}), &Value::Null);
    let all = [Ok(healthy()), Ok(troubled()), Ok(new), odd.0.map_err(Box::new)];
    insta::assert_snapshot!(list(&all, true, now()));
    assert!(list(&all, false, now()).starts_with("NAME "));
}

#[test]
fn only_what_an_annotation_holds_is_resumed() {
    let mut release = healthy();
    let status = release.status.get_or_insert_default();
    status.conditions = vec![serde_json::from_value(condition("Progressing", "False", "Paused", "")).unwrap()];
    let resume = |release: &ElixirRelease| page(release, now()).contains("kubectl beam resume shop -n store");
    release.spec.paused = true;
    assert!(!resume(&release));
    release.annotations_mut().insert(beam_operator::resources::labels::PAUSE.to_owned(), "true".to_owned());
    assert!(!resume(&release));
    release.spec.paused = false;
    assert!(resume(&release));
}
