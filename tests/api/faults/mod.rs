//! Whatever goes wrong on the way to the API server, the end is the same.
//!
//! Runs with an API server and the Deployment controller of the controller manager. Recreate makes its part of the end
//! predictable where no pod ever becomes ready.

mod api_server;
mod crash;
mod requests;
mod watches;

use crate::harness::{EndState, Namespace, Scene};

/// A release that uses what a release can: each verb of the operator serves it at least once, the last when it changes.
const FIRST: &str = "
image: shop:1
replicas: 2
ports: [{name: http, containerPort: 4000}]
envFrom: [{configMapRef: {name: settings}}]
rollout: {strategy: Recreate}
";

/// The same release later.
const SECOND: &str = "
image: shop:2
replicas: 3
ports: [{name: http, containerPort: 4000}]
envFrom: [{configMapRef: {name: settings}}]
rollout: {strategy: Recreate}
disruptionBudget: {mode: Disabled}
";

async fn settings(namespace: &Namespace, pool_size: &str) {
    let map = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"POOL_SIZE": pool_size},
    });
    namespace.apply_object(map).await;
}

/// Makes the release and changes it.
async fn story(scene: &Scene) {
    settings(scene, "5").await;
    scene.apply("shop", FIRST).await;
    scene.applied("shop").await;
    scene.apply("shop", SECOND).await;
    scene.applied("shop").await;
}

/// Waits until nothing happens any more, and returns how it ended.
async fn ending(scene: &Scene, release: &str, replicas: i32) -> EndState {
    let all_made = |release: &beam_operator::api::ElixirRelease| {
        release.status.as_ref().is_some_and(|status| (status.replicas, status.updated_replicas) == (replicas, replicas))
    };
    scene.until(release, "every pod is made", all_made).await;
    scene.rest().await;
    scene.state().await
}
