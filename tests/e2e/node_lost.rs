//! A Kubernetes node that is lost: its BEAM node is told missing, comes back elsewhere, and the lost one heals.

use crate::harness::{Namespace, Operator, Outage, eventually, meshed, place, shop, victim};

/// Spread over the Kubernetes nodes, and not waiting five minutes, as pods do by default, for one that is lost.
const SPREAD: &str = "
replicas: 3
podTemplate:
  spec:
    tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 15}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 15}
    topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: DoNotSchedule
        nodeTaintsPolicy: Honor
        labelSelector: {matchLabels: {beam-operator.io/release: shop}}
";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_lost_node_is_told_replaced_and_healed() {
    let namespace = Namespace::alone("lost").await;
    namespace.apply(&shop("shop", SPREAD)).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 3).await;

    let (lost, pod) = victim(&namespace, shop).await;
    let stopped = Outage::stop_node(&namespace.cluster, &lost).await;
    let told = shop.condition("Degraded", "NodeLost").await.message;
    assert!(told.contains(&format!("{pod}: the Kubernetes node {lost} does not answer")), "{told}");
    let ready = shop.condition("Ready", "NodesNotReady").await.message;
    assert_eq!(ready, "2 of 3 nodes are ready");

    // Whoever comes after the operator finds the same.
    Operator::of(&namespace.cluster).kill().await;
    shop.complete().await;
    meshed(&[shop], 3).await;
    assert!(shop.pods().await.iter().all(|pod| place(pod) != lost), "the replacement is elsewhere");

    stopped.end().await;
    eventually("the pod of the lost node is gone", async || {
        let pods = namespace.kubectl(&["get", "pods", "--output=name"]).await;
        if pods.contains(&pod) { Err(pods) } else { Ok(()) }
    })
    .await;
    shop.complete().await;
    meshed(&[shop], 3).await;
}
