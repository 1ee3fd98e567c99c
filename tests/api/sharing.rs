//! Releases that name the same cluster share its cookie and its headless Service.
//!
//! Runs with an API server and the garbage collector of the controller manager.

use beam_operator::controller::kind::ChildKind;
use serde_json::{Value, json};

use crate::harness::{Scene, eventually};

const WEB: &str = "{image: 'web:1', replicas: 2, ports: [{containerPort: 4000}], cluster: {name: market}}";
const WORKER: &str = "{image: 'worker:1', cluster: {name: market}}";

async fn market(purpose: &str) -> Scene {
    let scene = Scene::start(purpose).await;
    scene.apply("web", WEB).await;
    scene.apply("worker", WORKER).await;
    scene.applied("web").await;
    scene.applied("worker").await;
    shared_by(&scene, &["web", "worker"]).await;
    scene
}

/// Waits until these releases own what they share.
async fn shared_by(scene: &Scene, owners: &[&str]) {
    let wanted: Vec<_> = owners.iter().map(|owner| json!(format!("\"ElixirRelease\" \"{owner}\" null"))).collect();
    eventually("shared by these alone", async || {
        let state = scene.state().await;
        for child in ["Secret market-cookie", "Service market-nodes"] {
            let owners = &state.object(child)["metadata"]["ownerReferences"];
            if *owners != json!(wanted) {
                return Err(format!("{child} belongs to {owners}"));
            }
        }
        Ok(())
    })
    .await;
}

async fn cookie(scene: &Scene) -> Value {
    scene.children(ChildKind::Secret).get("market-cookie").await.unwrap().data["data"]["cookie"].clone()
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn two_releases_share_cookie_and_headless_service() {
    let scene = market("sharing").await;
    let state = scene.state().await;
    let expected = [
        "ControllerRevision web-revision-1",
        "ControllerRevision worker-revision-1",
        "Deployment web",
        "Deployment worker",
        "NetworkPolicy web",
        "NetworkPolicy worker",
        "PodDisruptionBudget web",
        "Secret market-cookie",
        "Service market-nodes",
        "Service web",
    ];
    assert_eq!(state.children(), expected);
    for release in ["web", "worker"] {
        let pod = &state.object(&format!("Deployment {release}"))["spec"]["template"];
        let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
        let entry = |name: &str| env.iter().find(|entry| entry["name"] == name).unwrap();
        assert_eq!(
            entry("BEAM_COOKIE")["valueFrom"]["secretKeyRef"],
            json!({"name": "market-cookie", "key": "cookie"})
        );
        assert_eq!(entry("BEAM_CLUSTER_SERVICE")["value"], "market-nodes");
        assert_eq!(pod["metadata"]["labels"]["beam-operator.io/cluster"], "market");
    }
    let selector = &state.object("Service market-nodes")["spec"]["selector"];
    assert_eq!(*selector, json!({"beam-operator.io/cluster": "market"}));
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn deleting_one_leaves_the_other_whole() {
    let scene = market("deleting-one").await;
    let (before, of_cookie) = (scene.state().await, cookie(&scene).await);
    scene.rest().await;
    scene.proxy.forget();

    scene.delete("web").await;
    shared_by(&scene, &["worker"]).await;
    eventually("nothing is left of web", async || {
        let state = scene.state().await;
        let left: Vec<_> = state.children().into_iter().filter(|child| child.contains(" web")).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
    })
    .await;
    scene.rest().await;

    let after = scene.state().await;
    for child in ["Deployment worker", "NetworkPolicy worker", "ControllerRevision worker-revision-1"] {
        assert_eq!(after.object(child), before.object(child));
    }
    assert_eq!(cookie(&scene).await, of_cookie);
    // The two shared objects lose an owner, unless the garbage collector was quicker, and that is all.
    let changes = scene.proxy.changes();
    let expected = ["apply services market-nodes", "patch secrets market-cookie"];
    assert!(changes.iter().all(|change| expected.contains(&change.as_str())), "{changes:?}");

    scene.delete("worker").await;
    eventually("nothing is left", async || {
        let state = scene.state().await;
        if state.children().is_empty() { Ok(()) } else { Err(state.children().join(", ")) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_release_that_moves_to_another_cluster_leaves_the_first_whole() {
    let scene = market("moving").await;
    let of_cookie = cookie(&scene).await;
    scene.apply("web", &WEB.replace("market", "fair")).await;
    scene.applied("web").await;
    shared_by(&scene, &["worker"]).await;
    assert_eq!(cookie(&scene).await, of_cookie);
    let state = scene.state().await;
    let env = &state.object("Deployment web")["spec"]["template"]["spec"]["containers"][0]["env"];
    let names_cookie = |entry: &Value| entry["valueFrom"]["secretKeyRef"]["name"] == "fair-cookie";
    assert!(env.as_array().unwrap().iter().any(names_cookie), "{env}");
    assert!(state.children().contains(&"Service fair-nodes"), "{:?}", state.children());

    // The last to leave takes the headless Service along; the cookie stays, for it may be wanted again.
    scene.apply("worker", &WORKER.replace("market", "fair")).await;
    scene.gone(ChildKind::Service, "market-nodes").await;
    assert_eq!(cookie(&scene).await, of_cookie);
}
