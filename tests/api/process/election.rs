//! One process works at a time, another takes over, and the first ends as soon as it may not be the only one.
//!
//! How quickly it ends is measured in [`alone`](crate::alone).

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::harness::{Cluster, Namespace, Operator, Proxy, Scene, eventually};

const SHOP: &str = "{image: 'shop:1'}";

/// The duration of a Lease and the deadline for its renewal, in seconds.
pub struct Times(u8, u8);

/// The shortest that there are: an API server that stalls for six seconds ends the leader.
pub const SHORTEST: Times = Times(9, 6);

/// For where the machine has other things to do. A standby waits 15 s before it takes over.
const PATIENT: Times = Times(15, 12);

/// A namespace with an operator that leads.
pub async fn leader(purpose: &str, Times(duration, deadline): Times) -> Scene {
    let cluster = Cluster::shared().await;
    let namespace = Namespace::new(&cluster, purpose).await;
    let name = namespace.name.clone();
    let arguments = [
        "--leader-elect",
        &format!("--lease-duration={duration}"),
        &format!("--lease-renew-deadline={deadline}"),
        "--lease-retry-period=1",
        "--pod-namespace",
        &name,
        "--log-format=json",
    ];
    let mut scene = Scene::on(namespace, Proxy::to(cluster.client).await, &arguments);
    scene.operator.ready().await;
    leads(&scene.operator).await;
    scene
}

pub async fn leads(operator: &Operator) {
    eventually("it leads", async || {
        let (_, why) = operator.get("/readyz").await?;
        if operator.metric("beam_operator_leader ").await == 1.0 && why == "ready" { Ok(()) } else { Err(why) }
    })
    .await;
}

/// A second operator that stands by.
pub async fn standby(scene: &Scene) -> Operator {
    let mut operator = Operator::start(&scene.options);
    operator.ready().await;
    assert_eq!(operator.get("/readyz").await.unwrap().1, "standing by: another process holds the lease");
    assert_eq!(operator.metric("beam_operator_leader ").await, 0.0);
    operator
}

fn leases(scene: &Scene) -> Api<Lease> {
    Api::namespaced(scene.client.clone(), &scene.name)
}

async fn lease(scene: &Scene) -> LeaseSpec {
    leases(scene).get("beam-operator").await.unwrap().spec.unwrap()
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_standby_takes_over_from_a_leader_that_was_killed() {
    let mut scene = leader("killed", PATIENT).await;
    let second = standby(&scene).await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    assert_eq!(second.metric("beam_operator_reconciles_total").await, 0.0);
    let before = lease(&scene).await;

    scene.operator.kill();
    scene.apply("shop", &SHOP.replace("shop:1", "shop:2")).await;
    scene.applied("shop").await;
    leads(&second).await;
    let after = lease(&scene).await;
    assert_ne!(before.holder_identity, after.holder_identity);
    assert_eq!(after.lease_transitions, Some(1));
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_leader_whose_lease_somebody_takes_ends_at_once() {
    let mut scene = leader("taken", PATIENT).await;
    let somebody = Patch::Merge(json!({"spec": {"holderIdentity": "somebody"}}));
    leases(&scene).patch("beam-operator", &PatchParams::default(), &somebody).await.unwrap();
    let (status, took) = scene.operator.ended().await;
    assert_eq!(status.code(), Some(3));
    // It has heard of it when it renewed the next time, which it does after half the deadline.
    assert!(took < Duration::from_secs(12), "it took {took:?}");
    assert!(
        scene.operator.log().contains("leadership lost: the lease is held by somebody"),
        "{}",
        scene.operator.log()
    );
    assert_eq!(lease(&scene).await.holder_identity.as_deref(), Some("somebody"));
}
