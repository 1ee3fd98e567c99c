//! Objects of somebody else that have the name of a child are left alone, and told.
//!
//! Runs with an API server and the garbage collector of the controller manager.

use beam_operator::controller::kind::ChildKind;
use kube::ResourceExt;
use kube::api::DeleteParams;
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Scene, eventually};

/// A release that has a child of every kind.
const SHOP: &str = "
image: shop:1
replicas: 2
ports: [{name: http, containerPort: 4000}]
autoscaling: {minReplicas: 2, maxReplicas: 4}
cluster: {discovery: Kubernetes}
";

/// An object as somebody else would make it.
fn of_somebody_else(kind: ChildKind, name: &str) -> Value {
    let labels = json!({"app": "db"});
    let selector = json!({"matchLabels": labels});
    let pod = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "db", "image": "db:1"}]}});
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "db"});
    let reference = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "db"});
    let mut object = match kind {
        ChildKind::Secret => json!({"stringData": {"cookie": "theirs"}}),
        ChildKind::Service => json!({"spec": {"selector": labels, "ports": [{"port": 5432}]}}),
        ChildKind::ServiceAccount => json!({}),
        ChildKind::Role => json!({"rules": []}),
        ChildKind::RoleBinding => json!({"roleRef": reference, "subjects": []}),
        ChildKind::NetworkPolicy => json!({"spec": {"podSelector": selector, "policyTypes": ["Ingress"]}}),
        ChildKind::ControllerRevision => json!({"revision": 1, "data": {"theirs": true}}),
        ChildKind::Job => json!({"spec": {"suspend": true, "template": pod}}),
        ChildKind::Deployment => json!({"spec": {"replicas": 0, "selector": selector, "template": pod}}),
        ChildKind::StatefulSet => {
            json!({"spec": {"replicas": 0, "selector": selector, "template": pod, "serviceName": "db"}})
        }
        ChildKind::PodDisruptionBudget => json!({"spec": {"selector": selector, "maxUnavailable": 1}}),
        ChildKind::HorizontalPodAutoscaler => json!({"spec": {"scaleTargetRef": target, "maxReplicas": 2}}),
    };
    let resource = kind.api_resource();
    object["apiVersion"] = resource.api_version.into();
    object["kind"] = resource.kind.into();
    object["metadata"] = json!({"name": name});
    object
}

#[rstest]
#[case(ChildKind::Secret, "shop-cookie")]
#[case(ChildKind::Service, "shop")]
#[case(ChildKind::Service, "shop-nodes")]
#[case(ChildKind::ServiceAccount, "shop-discovery")]
#[case(ChildKind::Role, "shop-discovery")]
#[case(ChildKind::RoleBinding, "shop-discovery")]
#[case(ChildKind::NetworkPolicy, "shop")]
#[case(ChildKind::ControllerRevision, "(revision)")]
#[case(ChildKind::Deployment, "shop")]
#[case(ChildKind::StatefulSet, "shop")]
#[case(ChildKind::PodDisruptionBudget, "shop")]
#[case(ChildKind::HorizontalPodAutoscaler, "shop")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn it_is_left_alone_and_told(
    #[case] kind: ChildKind,
    #[case] name: &str,
    // Whoever copies a manifest of ours copies its labels as well.
    #[values(json!({}), json!({"app.kubernetes.io/managed-by": "beam-operator", "beam-operator.io/release": "shop"}))]
    labels: Value,
) {
    let scene = Scene::start("foreign").await;
    let name = &if kind == ChildKind::ControllerRevision { name_of_revision(&scene).await } else { name.to_owned() };
    let workload = if kind == ChildKind::StatefulSet { "workload: {kind: StatefulSet}" } else { "" };
    let mut object = of_somebody_else(kind, name);
    object["metadata"]["labels"] = labels;
    let theirs = scene.apply_object(object).await;
    scene.apply("shop", &format!("{SHOP}\n{workload}")).await;

    let condition = scene.condition("shop", "Degraded", "NameTaken").await;
    let told = format!(
        "not made by this operator and left alone: {} {name}. Delete or rename it, or rename the release; it is looked at \
         again every few minutes",
        kind.as_str()
    );
    assert_eq!((condition.status.as_str(), &condition.message), ("True", &told));
    assert_eq!(scene.event("shop", "NameTaken").await, told);
    scene.rest().await;
    untouched(&scene, kind, name, &theirs).await;
    let children = scene.state().await.children().len();
    // Without its cookie nothing may start; otherwise all that can be made is made.
    assert_eq!(children, if kind == ChildKind::Secret { 1 } else { 11 });

    scene.children(kind).delete(name, &DeleteParams::background()).await.unwrap();
    // One that has our labels is seen to go, and its place is taken at once.
    eventually("theirs is gone", async || match scene.children(kind).get_opt(name).await.unwrap() {
        Some(left) if left.uid() == theirs.uid() => Err("it is there".to_owned()),
        _ => Ok(()),
    })
    .await;
    let releases = scene.objects("beam-operator.io/v1alpha1", "ElixirRelease");
    scene.patch(&releases, "shop", json!({"metadata": {"annotations": {"example.com/look": "again"}}})).await;
    scene.child(kind, name, |child| child["metadata"]["ownerReferences"][0]["name"] == "shop").await;
    scene.condition("shop", "Degraded", "AsExpected").await;
    assert_eq!(scene.event("shop", "Recovered").await, "no longer: NameTaken");
    assert_eq!(scene.state().await.children().len(), 11);
}

/// The name that the revision of the release will have in this namespace.
async fn name_of_revision(scene: &Scene) -> String {
    scene.apply("shop", SHOP).await;
    let revision = scene.applied("shop").await.status.unwrap().target_revision.unwrap();
    scene.delete("shop").await;
    for (kind, name) in [(ChildKind::ControllerRevision, &*revision), (ChildKind::Deployment, "shop")] {
        scene.gone(kind, name).await;
    }
    revision
}

/// Controllers of Kubernetes write the status of some kinds; nobody else has written anything.
async fn untouched(scene: &Scene, kind: ChildKind, name: &str, before: &kube::api::DynamicObject) {
    let after = scene.children(kind).get(name).await.unwrap();
    let by_us = |entry: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
        entry.manager.as_deref().is_some_and(|manager| manager.starts_with("beam-operator"))
    };
    assert_eq!(after.managed_fields().iter().find(by_us), None);
    assert_eq!(after.uid(), before.uid());
    let has_status = [
        ChildKind::Deployment,
        ChildKind::StatefulSet,
        ChildKind::PodDisruptionBudget,
        ChildKind::HorizontalPodAutoscaler,
    ];
    if !has_status.contains(&kind) {
        assert_eq!(after.resource_version(), before.resource_version());
    }
}
