//! Revisions whose nodes meet no others (`cluster.scope: Revision`).
//!
//! Runs with an API server and the Deployment and garbage collecting controllers of the controller manager.

use beam_operator::api::RolloutPhase;
use beam_operator::controller::kind::ChildKind;
use beam_operator::resources::{labels, revision_cookie};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::harness::{Scene, container, eventually};

fn version(image: &str) -> String {
    format!("{{image: {image}, replicas: 2, cluster: {{scope: Revision}}, rollout: {{minReadySeconds: 0}}}}")
}

async fn cookie(scene: &Scene, name: &str) -> Vec<u8> {
    let secret = Api::<Secret>::namespaced(scene.client.clone(), &scene.name).get(name).await.unwrap();
    secret.data.unwrap()["cookie"].0.clone()
}

/// Waits until the Deployment runs this image, and names the revision.
async fn revision(scene: &Scene, image: &str) -> String {
    let container = "/spec/template/spec/containers/0";
    let is_it = |it: &Value| it.pointer(&format!("{container}/image")) == Some(&json!(image));
    let deployment = scene.child(ChildKind::Deployment, "shop", is_it).await;
    let value = serde_json::to_value(&deployment).unwrap();
    let revision = value["spec"]["template"]["metadata"]["labels"][labels::REVISION].as_str().unwrap().to_owned();
    let env = value.pointer(&format!("{container}/env")).unwrap().as_array().unwrap().clone();
    let of = |name: &str| env.iter().find(|entry| entry["name"] == name).unwrap();
    assert_eq!(of("BEAM_COOKIE")["valueFrom"]["secretKeyRef"]["name"], format!("{revision}-cookie"));
    assert_eq!(of("BEAM_CLUSTER_SERVICE")["value"], "$(BEAM_REVISION)-nodes");
    revision
}

/// Pods become ready as they come, until those of the revision that is asked for are all that is left.
async fn roll_out(scene: &Scene) {
    let pods = Api::<Pod>::namespaced(scene.client.clone(), &scene.name);
    let long_ago = "2020-01-01T00:00:00Z";
    let ready = json!({"status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": long_ago}],
        "containerStatuses": [container(true, &json!({"running": {"startedAt": long_ago}}))],
    }});
    eventually("the rollout is complete", async || {
        for pod in pods.list(&ListParams::default()).await.map_err(|error| error.to_string())? {
            // It may be gone by now.
            let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&ready)).await;
        }
        let release = scene.releases().get("shop").await.map_err(|error| error.to_string())?;
        let rollout = release.status.as_ref().and_then(|status| status.rollout.clone());
        let is_seen =
            release.status.as_ref().and_then(|status| status.observed_generation) == release.metadata.generation;
        let is_complete = rollout.as_ref().is_some_and(|rollout| rollout.phase == RolloutPhase::Complete);
        if is_seen && is_complete { Ok(()) } else { Err(format!("{rollout:?}")) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn each_revision_has_its_own_for_as_long_as_it_runs() {
    let mut scene = Scene::start("apart").await;
    scene.apply("shop", &version("shop:1")).await;
    let first = revision(&scene, "shop:1").await;
    let derived = revision_cookie::derive(&cookie(&scene, "shop-cookie").await, &first);
    assert_eq!(cookie(&scene, &format!("{first}-cookie")).await, derived.as_bytes());
    let selects = json!({labels::CLUSTER: "shop", labels::RELEASE: "shop", labels::REVISION: first});
    scene.child(ChildKind::Service, &format!("{first}-nodes"), |it| it["spec"]["selector"] == selects).await;
    scene.gone(ChildKind::Service, "shop-nodes").await;
    roll_out(&scene).await;

    scene.rest().await;
    scene.begin_anew().await;
    assert_eq!(scene.proxy.writes(), []);

    // Somebody deletes what is needed.
    scene.children(ChildKind::Secret).delete(&format!("{first}-cookie"), &Default::default()).await.unwrap();
    scene.child(ChildKind::Secret, &format!("{first}-cookie"), |_| true).await;
    assert_eq!(cookie(&scene, &format!("{first}-cookie")).await, derived.as_bytes());

    // Both are there as long as both run.
    scene.apply("shop", &version("shop:2")).await;
    let second = revision(&scene, "shop:2").await;
    scene.pods("shop", 3).await;
    scene.rest().await;
    for revision in [&first, &second] {
        scene.child(ChildKind::Secret, &format!("{revision}-cookie"), |_| true).await;
        scene.child(ChildKind::Service, &format!("{revision}-nodes"), |_| true).await;
    }
    roll_out(&scene).await;
    scene.gone(ChildKind::Secret, &format!("{first}-cookie")).await;
    scene.gone(ChildKind::Service, &format!("{first}-nodes")).await;

    // What is gone back to has the cookie that it had.
    scene.apply("shop", &version("shop:1")).await;
    assert_eq!(revision(&scene, "shop:1").await, first);
    assert_eq!(cookie(&scene, &format!("{first}-cookie")).await, derived.as_bytes());

    // Every revision has another one anyway.
    let releases = scene.objects("beam-operator.io/v1alpha1", "ElixirRelease");
    let asked = json!({"metadata": {"annotations": {labels::ROTATE_COOKIE: "1"}}});
    scene.patch(&releases, "shop", asked).await;
    let told = scene.event("shop", "CookieRotationWaits").await;
    assert!(told.contains("beam-operator.io/restarted-at"), "{told}");

    // All of them go with the release.
    scene.delete("shop").await;
    scene.gone(ChildKind::Secret, &format!("{first}-cookie")).await;
    scene.gone(ChildKind::Service, &format!("{first}-nodes")).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn whoever_is_alone_in_a_cluster_stays_so() {
    let scene = Scene::start("alone-in-it").await;
    scene.apply("shop", &version("shop:1")).await;
    scene.applied("shop").await;
    scene.apply("worker", "{image: 'worker:1', cluster: {name: shop}}").await;
    let told = scene.condition("worker", "ConfigurationValid", "Invalid").await.message;
    assert!(told.contains("spec.cluster.scope: shop, an older release of cluster shop, has scope Revision"), "{told}");
    scene.gone(ChildKind::Deployment, "worker").await;
    assert_eq!(scene.condition("shop", "ConfigurationValid", "Valid").await.status, "True");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn without_a_cookie_to_derive_one_from_nothing_starts() {
    let scene = Scene::start("underived").await;
    let theirs = |name: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"a": "b"}});
    scene.apply_object(theirs("shop-cookie")).await;
    scene.apply("shop", &version("shop:1")).await;
    scene.condition("shop", "Degraded", "NameTaken").await;
    scene.gone(ChildKind::Deployment, "shop").await;
}
