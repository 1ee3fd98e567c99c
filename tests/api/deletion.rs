//! Deleting a release leaves nothing of it and touches nothing else.
//!
//! Runs with an API server and the garbage collector of the controller manager.

use beam_operator::controller::kind::ChildKind;
use kube::ResourceExt;
use kube::api::{DeleteParams, PropagationPolicy};
use serde_json::{Value, json};

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

/// `kubectl delete --cascade=foreground`: the release stays until what it controls is gone, and the operator does not make
/// anew what the garbage collector takes. What a cluster shares does not hold it up and stays with the other member.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_release_that_waits_for_its_children_is_not_held_up() {
    let scene = Scene::start("foreground").await;
    let spec = "{image: 'shop:1', replicas: 2, ports: [{containerPort: 4000}], cluster: {name: market}}";
    for release in ["shop", "blog"] {
        scene.apply(release, spec).await;
        scene.applied(release).await;
    }
    scene.rest().await;
    let before = scene.state().await;
    // Somebody else's finalizer keeps one child for a while, as a load balancer's does.
    let services = scene.children(ChildKind::Service);
    scene.patch(&services, "shop", json!({"metadata": {"finalizers": ["example.com/held"]}})).await;
    scene.rest().await;
    scene.proxy.forget();

    scene.releases().delete("shop", &DeleteParams::foreground()).await.unwrap();
    let is_terminating = |it: &Value| !it["metadata"]["deletionTimestamp"].is_null();
    scene.child(ChildKind::Service, "shop", is_terminating).await;
    scene.gone(ChildKind::Deployment, "shop").await;
    scene.rest().await;
    let waiting = scene.releases().get("shop").await.unwrap();
    assert!(waiting.metadata.deletion_timestamp.is_some(), "it waits for its Service");
    let made: Vec<_> = scene.proxy.changes().into_iter().filter(|change| change.contains(" shop")).collect();
    assert_eq!(made, [""; 0], "the operator made anew what was being deleted");

    scene.patch(&services, "shop", json!({"metadata": {"finalizers": null}})).await;
    eventually("the release is gone", async || match scene.releases().get_opt("shop").await {
        Ok(None) => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
    eventually("nothing is left of it, and all of the other", async || {
        let state = scene.state().await;
        let left: Vec<_> = state.children().into_iter().filter(|child| child.contains(" shop")).collect();
        let owners = &state.object("Secret market-cookie")["metadata"]["ownerReferences"];
        if !left.is_empty() || *owners != json!(["\"ElixirRelease\" \"blog\" null"]) {
            return Err(format!("{left:?}, {owners}"));
        }
        Ok(())
    })
    .await;
    scene.rest().await;
    let after = scene.state().await;
    for child in ["Deployment blog", "Service blog", "NetworkPolicy blog", "PodDisruptionBudget blog"] {
        assert_eq!(after.object(child), before.object(child));
    }
}

/// `kubectl delete --cascade=orphan`: what ran goes on, and a release that is made under the name takes it up as it is.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn children_that_were_left_behind_are_taken_up() {
    let scene = Scene::start("orphans").await;
    let spec = "{image: 'shop:1', replicas: 2, ports: [{containerPort: 4000}]}";
    scene.apply("shop", spec).await;
    scene.applied("shop").await;
    scene.rest().await;
    let wanted = scene.state().await.only_children();
    let uids = async || {
        let mut uids = Vec::new();
        for kind in ChildKind::ALL {
            for child in scene.children(kind).list(&Default::default()).await.unwrap() {
                uids.push((kind, child.name_any(), child.uid()));
            }
        }
        uids
    };
    let before = uids().await;
    let orphan = DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };
    scene.releases().delete("shop", &orphan).await.unwrap();
    eventually("the release is gone and has left its children", async || {
        let left = scene.releases().get_opt("shop").await.map_err(|error| error.to_string())?;
        let owners = scene.children(ChildKind::Deployment).get("shop").await.map_err(|error| error.to_string())?;
        if left.is_none() && owners.owner_references().is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    scene.rest().await;
    assert_eq!(uids().await, before);

    scene.apply("shop", spec).await;
    scene.applied("shop").await;
    scene.reaches(&wanted).await;
    scene.rest().await;
    assert_eq!(uids().await, before, "a child was made anew");
    scene.condition("shop", "Degraded", "AsExpected").await;
}
