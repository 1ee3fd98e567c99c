//! What somebody changes, removes or deletes of a child is put right.
//!
//! Runs with an API server; the controller manager, where there is one, may look after the children as it likes.

use beam_operator::controller::kind::ChildKind;
use beam_operator::resources::labels;
use kube::api::DeleteParams;
use kube::{Resource, ResourceExt};
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{EndState, Scene};

/// A release that has a child of every kind. Its autoscaler wants what there is.
const SHOP: &str = "
image: shop:1
replicas: 2
ports: [{name: http, containerPort: 4000}]
autoscaling: {minReplicas: 2, maxReplicas: 4}
cluster: {discovery: Kubernetes}
rollout: {minReadySeconds: 10}
";

async fn shop(purpose: &str) -> (Scene, EndState) {
    let scene = Scene::start(purpose).await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    let state = scene.state().await.only_children();
    (scene, state)
}

/// The children with, for each, a change of a field that the operator sets and the removal of one.
fn children() -> Vec<(ChildKind, &'static str, Value, Value)> {
    let owners = json!({"metadata": {"ownerReferences": null}});
    let selector = json!({"spec": {"selector": {(labels::RELEASE): "other"}}});
    let name = json!({"metadata": {"labels": {(labels::NAME): "other"}}});
    vec![
        (ChildKind::Secret, "shop-cookie", json!({"metadata": {"ownerReferences": []}}), owners.clone()),
        (ChildKind::Service, "shop", selector, json!({"spec": {"selector": null}})),
        (
            ChildKind::Service,
            "shop-nodes",
            json!({"spec": {"publishNotReadyAddresses": false}}),
            json!({"spec": {"publishNotReadyAddresses": null}}),
        ),
        (ChildKind::ServiceAccount, "shop-discovery", name, owners),
        (ChildKind::Role, "shop-discovery", json!({"rules": []}), json!({"rules": null})),
        (ChildKind::RoleBinding, "shop-discovery", json!({"subjects": []}), json!({"subjects": null})),
        (ChildKind::NetworkPolicy, "shop", json!({"spec": {"ingress": [{}]}}), json!({"spec": {"ingress": null}})),
        (
            ChildKind::ControllerRevision,
            "",
            json!({"metadata": {"labels": {(labels::NAME): "other"}}}),
            json!({"metadata": {"annotations": {(labels::INPUTS): null}}}),
        ),
        (
            ChildKind::Deployment,
            "shop",
            json!({"spec": {"replicas": 9, "template": {"spec": {"terminationGracePeriodSeconds": 45}}}}),
            json!({"spec": {"minReadySeconds": null, "template": {"metadata": {"labels": {(labels::NAME): null}}}}}),
        ),
        (
            ChildKind::PodDisruptionBudget,
            "shop",
            json!({"spec": {"maxUnavailable": 2}}),
            json!({"spec": {"unhealthyPodEvictionPolicy": null}}),
        ),
        (
            ChildKind::HorizontalPodAutoscaler,
            "shop",
            json!({"spec": {"maxReplicas": 9}}),
            json!({"spec": {"minReplicas": null}}),
        ),
    ]
}

/// The name of the child; a revision's is not known in advance.
async fn name(scene: &Scene, kind: ChildKind, name: &str) -> String {
    if kind != ChildKind::ControllerRevision {
        return name.to_owned();
    }
    scene.applied("shop").await.status.unwrap().target_revision.unwrap()
}

#[rstest]
#[case::changed("changed", |changed, _| changed)]
#[case::removed("removed", |_, removed| removed)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_field_is_put_right(#[case] what: &str, #[case] choose: fn(Value, Value) -> Value) {
    let (scene, wanted) = shop(what).await;
    let kinds: std::collections::BTreeSet<_> = children().iter().map(|child| child.0).collect();
    // A StatefulSet takes the place of a Deployment: `stateful` has it. A Job is run once and never put right.
    let others = [ChildKind::StatefulSet, ChildKind::Job];
    assert!(ChildKind::ALL.iter().all(|kind| kinds.contains(kind) || others.contains(kind)), "a kind is not covered");
    for (kind, child, changed, removed) in children() {
        let (child, patch) = (name(&scene, kind, child).await, choose(changed, removed));
        let children = scene.children(kind);
        let before = children.get(&child).await.unwrap().resource_version();
        let after = scene.patch(&children, &child, patch).await.resource_version();
        assert_ne!(before, after, "{} {child} was not changed", kind.as_str());
        scene.reaches(&wanted).await;
    }
}

#[rstest]
#[case::not_managed(labels::MANAGED_BY, Value::Null)]
#[case::managed_by_another(labels::MANAGED_BY, json!("another"))]
#[case::of_no_release(labels::RELEASE, Value::Null)]
#[case::of_another_release(labels::RELEASE, json!("another"))]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_child_is_found_again_without_its_labels(#[case] label: &str, #[case] value: Value) {
    let (scene, wanted) = shop("label").await;
    for (kind, child, ..) in children() {
        let child = name(&scene, kind, child).await;
        let children = scene.children(kind);
        let labels = children.get(&child).await.unwrap().labels().clone();
        let label = if labels.contains_key(label) { label } else { labels::CLUSTER };
        let uid = scene.patch(&children, &child, json!({"metadata": {"labels": {label: value}}})).await.uid();
        scene.reaches(&wanted).await;
        assert_eq!(children.get(&child).await.unwrap().uid(), uid, "{} {child} was made anew", kind.as_str());
    }
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_child_that_is_deleted_is_made_anew() {
    let (scene, wanted) = shop("deleted").await;
    for (kind, child, ..) in children() {
        let child = name(&scene, kind, child).await;
        let children = scene.children(kind);
        let uid = children.get(&child).await.unwrap().uid().unwrap();
        let other = |value: &Value| value["metadata"]["uid"] != uid && value["metadata"]["deletionTimestamp"].is_null();
        children.delete(&child, &DeleteParams::background()).await.unwrap();
        scene.child(kind, &child, other).await;
        scene.reaches(&wanted).await;
    }
}

/// A cookie is never overwritten: nodes that run know no other. Whoever changes it has to restart them, and knows it.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_changed_cookie_is_not_put_right() {
    let (scene, _) = shop("cookie").await;
    let secrets = scene.children(ChildKind::Secret);
    let changed = scene.patch(&secrets, "shop-cookie", json!({"stringData": {"cookie": "another"}})).await;
    scene.apply("shop", &SHOP.replace("shop:1", "shop:2")).await;
    scene.applied("shop").await;
    scene.rest().await;
    let after = secrets.get("shop-cookie").await.unwrap();
    assert_eq!(after.meta().resource_version, changed.meta().resource_version);
}
