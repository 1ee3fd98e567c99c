//! Clusters that fall apart, by a cut network or because nodes disconnect.

use std::time::Duration;

use beam_operator::api::{ElixirRelease, NodeState};

use crate::harness::{Namespace, Operator, Outage, Release, meshed, shop, victim};

/// Nodes that meet because the test connects them, so that nobody but the operator can bring them together again; each on
/// a Kubernetes node of its own.
const SPREAD: &str = "
replicas: 3
podTemplate:
  spec:
    topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: DoNotSchedule
        labelSelector: {matchLabels: {beam-operator.io/release: shop}}
";

fn spread(cluster: &str) -> String {
    format!("{SPREAD}\ncluster: {cluster}")
}

/// Has the nodes of a release meet, once.
async fn introduce(shop: Release<'_>) {
    let nodes = shop.nodes().await;
    let names: Vec<_> =
        nodes.iter().filter_map(|node| node.address()).map(|address| format!(":'shop@{address}'")).collect();
    let told = nodes[0].rpc(&format!("[{}] |> Enum.each(&Node.connect/1)", names.join(", "))).await;
    assert_eq!(told, "");
    meshed(&[shop], 3).await;
    shop.condition("Clustered", "AllNodesConnected").await;
}

async fn fall_apart(shop: Release<'_>) {
    shop.nodes().await[0].rpc("Node.list() |> Enum.each(&Node.disconnect/1)").await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn nodes_that_lost_each_other_are_connected_again() {
    let namespace = Namespace::alone("healing").await;
    namespace.apply(&shop("shop", "{replicas: 3, cluster: {discovery: None}}")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    let message = shop.condition("Clustered", "NodesMissing").await.message;
    assert!(message.contains("not connected to the others"), "{message}");
    introduce(shop).await;

    fall_apart(shop).await;
    let message = shop.condition("Clustered", "Partitioned").await.message;
    assert!(message.starts_with("the cluster has fallen apart into [shop@"), "{message}");
    // Whoever comes after the operator knows that they had met.
    Operator::of(&namespace.cluster).kill().await;
    meshed(&[shop], 3).await;
    shop.condition("Clustered", "AllNodesConnected").await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn without_healing_a_partition_is_told_and_left() {
    let namespace = Namespace::new("unhealed").await;
    namespace.apply(&shop("shop", "{replicas: 3, cluster: {discovery: None, healing: Disabled}}")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    introduce(shop).await;
    fall_apart(shop).await;
    shop.condition("Clustered", "Partitioned").await;
    // Longer than the operator would have waited before it connects them.
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(shop.condition("Clustered", "Partitioned").await.status, "False");
}

/// A cut that lasts longer than nodes take each other for alive: they tell, status tells the sides, and when the link is back
/// the mesh is whole again though the application looks for nobody.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_cut_link_splits_the_mesh_and_its_end_heals_it() {
    let namespace = Namespace::alone("cut").await;
    namespace.apply(&shop("shop", &spread("{discovery: None}"))).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    introduce(shop).await;

    let (place, pod) = victim(&namespace, shop).await;
    let cut = Outage::cut_link(&namespace.cluster, &place).await;
    // Kubernetes does not know of it for most of this time, and then says that the pod is not ready.
    let status = shop
        .until("the lost node is told", |release| {
            let lost =
                node_of(release, &pod).is_none_or(|node| node.connected == 0 && node.state != NodeState::Clustered);
            let others = release.status.as_ref().is_some_and(|status| status.clustered_replicas == Some(2));
            lost && others
        })
        .await;
    let cluster = status.cluster.unwrap();
    assert_eq!(cluster.size, Some(2), "the others are one mesh of two");
    cut.end().await;
    shop.until("three nodes are ready", |release| {
        release.status.as_ref().is_some_and(|status| status.ready_replicas == 3)
    })
    .await;
    meshed(&[shop], 3).await;
    shop.condition("Clustered", "AllNodesConnected").await;
}

/// A cut that is over before anybody notices costs nothing.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_short_cut_is_no_partition() {
    let namespace = Namespace::alone("blink").await;
    namespace.apply(&shop("shop", &spread("{}"))).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    shop.condition("Clustered", "AllNodesConnected").await;
    let (place, _) = victim(&namespace, shop).await;
    let cut = Outage::cut_link(&namespace.cluster, &place).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    cut.end().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let events = namespace.kubectl(&["get", "events.events.k8s.io", "--output=jsonpath={.items[*].reason}"]).await;
    assert!(!events.contains("Partitioned") && !events.contains("NodesMissing"), "{events}");
    meshed(&[shop], 3).await;
    shop.condition("Clustered", "AllNodesConnected").await;
}

fn node_of<'a>(release: &'a ElixirRelease, pod: &str) -> Option<&'a beam_operator::api::NodeStatus> {
    release.status.as_ref()?.nodes.iter().find(|node| node.pod == pod)
}
