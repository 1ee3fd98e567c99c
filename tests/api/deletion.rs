//! Deleting a release leaves nothing of it and touches nothing else.
//!
//! Runs with an API server and the garbage collector of the controller manager.

use beam_operator::controller::kind::ChildKind;
use kube::ResourceExt;
use serde_json::json;

use crate::harness::{Scene, eventually};

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn deletion_leaves_nothing_and_touches_nothing_else() {
    let scene = Scene::start("deletion").await;
    let objects = [
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop-env"}, "data": {"A": "1"}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop-db"}, "spec": {"ports": [{"port": 5432}]}}),
        // Made by a person who has copied our labels.
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "copied", "labels": {
            "app.kubernetes.io/managed-by": "beam-operator", "beam-operator.io/release": "shop"}}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [], "metadata": {"name": "copied",
            "labels": {"app.kubernetes.io/managed-by": "beam-operator", "beam-operator.io/release": "shop"}}}),
    ];
    let mut before = Vec::new();
    for object in &objects {
        before.push(scene.apply_object(object.clone()).await.resource_version());
    }
    let nothing = scene.state().await;

    let spec = "
image: shop:1
replicas: 2
ports: [{containerPort: 4000}]
autoscaling: {minReplicas: 2, maxReplicas: 4}
envFrom: [{configMapRef: {name: shop-env}}]
cluster: {discovery: Kubernetes}";
    scene.apply("shop", spec).await;
    scene.applied("shop").await;
    scene.rest().await;
    scene.proxy.forget();
    scene.delete("shop").await;
    scene.reaches(&nothing).await;
    scene.rest().await;

    // Nothing had to be written for it, and nothing was written because of it.
    assert_eq!(scene.proxy.changes(), [""; 0]);
    for (object, version) in objects.iter().zip(before) {
        let (api, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let name = object["metadata"]["name"].as_str().unwrap();
        assert_eq!(Some(scene.version(api, kind, name).await), version, "{kind} {name}");
    }
}

/// Somebody deletes a release, and applies it again when nothing is left of it.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_release_can_come_back() {
    let scene = Scene::start("back-again").await;
    let nothing = scene.state().await;
    for _ in 0..2 {
        scene.apply("shop", "{image: 'shop:1', ports: [{containerPort: 4000}]}").await;
        scene.applied("shop").await;
        scene.delete("shop").await;
        scene.reaches(&nothing).await;
        scene.rest().await;
    }
}

/// Somebody deletes a release and applies it again at once, while the garbage collector is at work.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_release_made_anew_gets_children_of_its_own() {
    let scene = Scene::start("made-anew").await;
    let spec = "{image: 'shop:1', replicas: 2, ports: [{containerPort: 4000}]}";
    scene.apply("shop", spec).await;
    scene.applied("shop").await;
    let wanted = scene.state().await.only_children();
    scene.delete("shop").await;
    let uid = scene.apply("shop", spec).await.uid().unwrap();
    scene.applied("shop").await;
    eventually("every child belongs to the new release", async || {
        for kind in ChildKind::ALL {
            for child in scene.children(kind).list(&Default::default()).await.unwrap() {
                let owned = child.owner_references().iter().all(|owner| owner.uid == uid);
                if !owned || child.metadata.deletion_timestamp.is_some() {
                    return Err(format!("{} {}", kind.as_str(), child.name_any()));
                }
            }
        }
        scene.state().await.only_children().compared_with(&wanted)
    })
    .await;
}

/// The operator hears of the children once more after the release is gone, and must not keep its name in mind.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_release_made_again_later_is_looked_at() {
    let scene = Scene::start("made-again").await;
    let nothing = scene.state().await;
    let spec = "{image: 'shop:1', ports: [{containerPort: 4000}]}";
    scene.apply("shop", spec).await;
    scene.applied("shop").await;
    let wanted = scene.state().await.only_children();
    scene.delete("shop").await;
    scene.reaches(&nothing).await;
    scene.rest().await;

    scene.apply("shop", spec).await;
    scene.applied("shop").await;
    scene.reaches(&wanted).await;
}
