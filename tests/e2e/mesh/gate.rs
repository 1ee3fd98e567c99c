//! Pods that wait for the mesh before they are ready.

use beam_operator::api::{ElixirRelease, RolloutPhase};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;

use crate::harness::{Namespace, Operator, Release, eventually, meshed, shop};

const GATED: &str = "{replicas: 3, cluster: {readinessGate: Enabled}}";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_rolling_update_waits_for_the_mesh_and_the_gate_for_the_operator() {
    let namespace = Namespace::alone("gate").await;
    namespace.apply(&shop("shop", GATED)).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 3).await;
    shop.condition("Clustered", "AllNodesConnected").await;
    assert!(shop.pods().await.iter().all(is_open), "every gate is open");

    // While nobody looks, a new pod waits, and what runs goes on.
    let operator = Operator::of(&namespace.cluster);
    let away = operator.replicas(0).await;
    let gone = shop.pods().await[1].name_any();
    namespace.kubectl(&["delete", "pod", &gone]).await;
    let pods = eventually("three pods whose containers are ready", async || {
        let pods = shop.pods().await;
        let running = pods.iter().filter(|pod| has(pod, "ContainersReady")).count();
        if pods.len() == 3 && running == 3 { Ok(pods) } else { Err(format!("{running} of {}", pods.len())) }
    })
    .await;
    assert_eq!(pods.iter().filter(|pod| is_open(pod)).count(), 2, "a gate that is open stays open");
    assert_eq!(pods.iter().filter(|pod| is_ready(pod)).count(), 2, "the new one waits");
    drop(away);
    shop.until("three are ready", |release: &ElixirRelease| {
        release.status.as_ref().is_some_and(|status| status.ready_replicas == 3)
    })
    .await;

    shop.change(&json!({"image": "localhost/shop:2"})).await;
    shop.complete().await;
    meshed(&[shop], 3).await;
    assert!(shop.pods().await.iter().all(is_open));
}

/// Version 2 brings another cookie and never meets version 1: the update stops before it takes a node away, and at its
/// deadline version 1 is what is wanted again.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_version_that_does_not_meet_the_others_replaces_nobody() {
    let namespace = Namespace::new("shut").await;
    let spec =
        "{replicas: 3, cluster: {readinessGate: Enabled}, rollout: {minReadySeconds: 1, progressDeadlineSeconds: 40}}";
    namespace.apply(&shop("shop", spec)).await;
    let shop = namespace.release("shop");
    let first = shop.complete().await.current_revision;
    shop.change(&json!({"image": "localhost/shop:2", "env": [{"name": "RELEASE_COOKIE", "value": "another"}]})).await;
    eventually("a pod of the new version runs and waits", async || {
        let pods = shop.pods().await;
        let waits = |pod: &&Pod| has(pod, "ContainersReady") && !is_ready(pod);
        if pods.iter().any(|pod| waits(&pod)) { Ok(()) } else { Err(format!("{} pods", pods.len())) }
    })
    .await;
    assert_ready(shop, 3).await;
    assert_eq!(of_version(shop, "1.0.0").await, 3, "the three nodes of version 1 are there");
    let status = shop.phase(RolloutPhase::RolledBack).await;
    assert_eq!((status.target_revision, status.ready_replicas), (first, 3));
    assert_eq!(of_version(shop, "1.0.0").await, 3, "and stay");
}

async fn assert_ready(shop: Release<'_>, count: usize) {
    let pods = shop.pods().await;
    assert_eq!(pods.iter().filter(|pod| is_ready(pod)).count(), count);
    assert_eq!(pods.len(), count + 1);
}

async fn of_version(shop: Release<'_>, version: &str) -> usize {
    let mut count = 0;
    for node in shop.nodes().await {
        count += usize::from(node.describe().await.is_ok_and(|told| told.version == version));
    }
    count
}

fn is_open(pod: &Pod) -> bool {
    has(pod, "beam-operator.io/clustered")
}

fn is_ready(pod: &Pod) -> bool {
    has(pod, "Ready")
}

fn has(pod: &Pod, type_: &str) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == type_ && condition.status == "True")
}
