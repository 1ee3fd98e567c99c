//! Who empties a Kubernetes node gets one BEAM node at a time.

use k8s_openapi::api::core::v1::Pod;
use kube::api::EvictParams;
use kube::{Api, ResourceExt};

use crate::harness::{Namespace, Operator, eventually, meshed, shop};

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_second_eviction_waits_for_the_first_node_to_come_back() {
    let namespace = Namespace::alone("eviction").await;
    namespace.apply(&shop("shop", "replicas: 2")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 2).await;
    let names: Vec<_> = shop.pods().await.iter().map(ResourceExt::name_any).collect();
    let [first, second] = &names[..] else { panic!("{names:?}") };

    eventually("the eviction of one node", async || evict(&namespace, first).await).await;
    let refused = evict(&namespace, second).await.unwrap_err();
    assert!(refused.contains("TooManyRequests"), "{refused}");
    assert!(refused.contains("disruption budget"), "{refused}");

    // The budget is an object of Kubernetes: it holds while nobody is there who made it.
    Operator::of(&namespace.cluster).kill().await;
    eventually("the eviction of the other node", async || evict(&namespace, second).await).await;
    shop.until("two other nodes run", |release| {
        release.status.as_ref().is_some_and(|status| status.ready_replicas == 2 && status.replicas == 2)
    })
    .await;
    meshed(&[shop], 2).await;
    assert!(shop.pods().await.iter().all(|pod| !names.contains(&pod.name_any())));
}

async fn evict(namespace: &Namespace, pod: &str) -> Result<(), String> {
    let pods: Api<Pod> = namespace.objects();
    pods.evict(pod, &EvictParams::default()).await.map(drop).map_err(|error| format!("{error:?}"))
}
