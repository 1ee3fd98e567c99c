//! A Kubernetes node that is lost: its BEAM node is told missing, comes back elsewhere, and the lost one heals.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::harness::{Cluster, Namespace, Operator, Release, eventually, meshed, shop};

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
    let namespace = Namespace::new("lost").await;
    namespace.apply(&shop("shop", SPREAD)).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 3).await;

    let (lost, pod) = victim(&namespace, shop).await;
    let stopped = Stopped::stop(&namespace.cluster, &lost).await;
    let told = shop.condition("Degraded", "NodeLost").await.message;
    assert!(told.contains(&format!("{pod}: the Kubernetes node {lost} does not answer")), "{told}");
    let ready = shop.condition("Ready", "NodesNotReady").await.message;
    assert_eq!(ready, "2 of 3 nodes are ready");

    // Whoever comes after the operator finds the same.
    Operator::of(&namespace.cluster).kill().await;
    shop.complete().await;
    meshed(&[shop], 3).await;
    assert!(shop.pods().await.iter().all(|pod| place(pod) != lost), "the replacement is elsewhere");

    stopped.start().await;
    eventually("all Kubernetes nodes are ready", async || {
        let nodes = namespace.kubectl(&["get", "nodes", "--no-headers"]).await;
        if nodes.contains("NotReady") { Err(nodes) } else { Ok(()) }
    })
    .await;
    eventually("the pod of the lost node is gone", async || {
        let pods = namespace.kubectl(&["get", "pods", "--output=name"]).await;
        if pods.contains(&pod) { Err(pods) } else { Ok(()) }
    })
    .await;
    shop.complete().await;
    meshed(&[shop], 3).await;
}

/// A Kubernetes node that can be stopped, and the pod on it. Node n1 carries the traffic from outside, and an operator that
/// is lost with its node comes back only after five minutes.
async fn victim(namespace: &Namespace, shop: Release<'_>) -> (String, String) {
    let operator = Operator::of(&namespace.cluster).places().await;
    let pods: Vec<_> = shop.pods().await;
    let mut places = pods.iter().map(|pod| (place(pod), pod.name_any()));
    let victim = places.find(|(place, _)| place != "n1" && !operator.contains(place));
    victim.unwrap_or_else(|| panic!("the operator is on {operator:?}, so there is no node to stop"))
}

fn place(pod: &Pod) -> String {
    pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default()
}

/// A stopped node, which is started again also when the test fails.
struct Stopped<'a> {
    cluster: &'a Cluster,
    node: &'a str,
    is_down: bool,
}

impl<'a> Stopped<'a> {
    async fn stop(cluster: &'a Cluster, node: &'a str) -> Self {
        cluster.change_node("stop", node).await;
        Self { cluster, node, is_down: true }
    }

    async fn start(mut self) {
        self.cluster.change_node("start", self.node).await;
        self.is_down = false;
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        if self.is_down {
            let started = self.cluster.node_change("start", self.node).status();
            eprintln!("starting {} again: {started:?}", self.node);
        }
    }
}
