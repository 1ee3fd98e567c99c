use beam_operator::resources::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::*;

fn release(current: &str, target: &str) -> ElixirRelease {
    let metadata = json!({"name": "shop", "namespace": "store", "uid": "1"});
    let release = json!({
        "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "metadata": metadata,
        "spec": {"image": "shop:3"}, "status": {"currentRevision": current, "targetRevision": target},
    });
    serde_json::from_value(release).unwrap()
}

fn record(number: i64, owner: &str, annotations: &Value) -> DynamicObject {
    let containers =
        json!([{"name": "sidecar", "image": "proxy:1"}, {"name": "release", "image": format!("shop:{number}")}]);
    let owner = json!({"apiVersion": "v1", "kind": "ElixirRelease", "name": "shop", "uid": owner, "controller": true});
    let record = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
        "metadata": {
            "name": format!("shop-{number}"), "annotations": annotations, "ownerReferences": [owner],
            "creationTimestamp": Time(Timestamp::from_second(number * 60).unwrap()),
        },
        "data": {"spec": {"template": {"spec": {"containers": containers}}}},
    });
    serde_json::from_value(record).unwrap()
}

fn rejected(number: i64) -> Value {
    let rejection =
        json!({"number": number, "cause": "CrashLoop", "message": "pod shop-a ends\nagain", "instead": "shop-2"});
    json!({labels::REJECTED: rejection.to_string()})
}

#[test]
fn the_newest_revision_is_the_last_and_each_says_what_it_is() {
    let now = Timestamp::from_second(600).unwrap();
    let unmigrated = json!({labels::BEFORE: "ecto"});
    let records = [
        record(4, "1", &rejected(4)),
        record(2, "1", &json!({})),
        record(1, "1", &rejected(0)),
        record(3, "1", &unmigrated),
        // That of its StatefulSet.
        record(5, "2", &json!({})),
    ];
    insta::assert_snapshot!(history(&release("shop-2", "shop-2"), &records, now));
}

#[test]
fn a_rollout_is_between_two_of_them() {
    let records = [record(1, "1", &json!({})), record(2, "1", &json!({}))];
    insta::assert_snapshot!(history(&release("shop-1", "shop-2"), &records, Timestamp::UNIX_EPOCH));
}

#[test]
fn a_release_that_was_only_made_has_none() {
    assert_eq!(history(&release("", ""), &[], Timestamp::UNIX_EPOCH), "shop has no revision yet\n");
}
