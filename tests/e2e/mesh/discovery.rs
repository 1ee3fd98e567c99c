//! Nodes that meet: because the operator connects them, in large numbers, and across releases.

use beam_operator::api::NodeState;

use crate::harness::{Namespace, meshed, shop};

/// The sample application asks DNS only where the operator says so; here it has nothing to find others by.
const BY_THE_OPERATOR: &str = "{replicas: 3, cluster: {discovery: Operator}}";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn nodes_without_a_clustering_library_are_connected_by_the_operator() {
    let namespace = Namespace::new("connected").await;
    namespace.apply(&shop("shop", BY_THE_OPERATOR)).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 3).await;
    shop.condition("Clustered", "AllNodesConnected").await;

    // One node that is thrown out takes the whole mesh with it, as OTP prevents overlapping partitions.
    let nodes = shop.nodes().await;
    let peers = nodes[0].rpc("Node.list() |> Enum.each(&Node.disconnect/1)").await;
    assert_eq!(peers, "", "rpc prints nothing");
    meshed(&[shop], 3).await;
    shop.condition("Clustered", "AllNodesConnected").await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn twenty_nodes_are_one_mesh() {
    let namespace = Namespace::alone("twenty").await;
    let small = "{replicas: 20, resources: {requests: {cpu: 5m, memory: 32Mi}}}";
    namespace.apply(&shop("shop", small)).await;
    let shop = namespace.release("shop");
    let status = shop
        .until("twenty nodes see each other", |release| {
            release.status.as_ref().is_some_and(|status| status.clustered_replicas == Some(20))
        })
        .await;
    let cluster = status.cluster.unwrap();
    assert_eq!((cluster.size, cluster.partitions), (Some(20), Some(1)));
    assert!(status.nodes.iter().all(|node| (node.connected, node.expected) == (19, 19)), "{:?}", status.nodes);
    let message = shop.condition("Clustered", "AllNodesConnected").await.message;
    assert_eq!(message, "20 nodes, and each is connected to every other");
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn each_member_of_a_cluster_tells_of_one_mesh() {
    let namespace = Namespace::new("roles").await;
    namespace.apply(&shop("api", "{replicas: 2, cluster: {name: market}}")).await;
    let worker = "{replicas: 1, cluster: {name: market}, image: 'localhost/shop:1-otp25', service: {type: None}}";
    namespace.apply(&shop("worker", worker)).await;
    for (name, count) in [("api", 2), ("worker", 1)] {
        let release = namespace.release(name);
        let status = release
            .until("its nodes are in a mesh of three", |release| {
                let Some(status) = &release.status else { return false };
                let size = status.cluster.as_ref().and_then(|cluster| cluster.size);
                size == Some(3) && status.clustered_replicas == Some(count)
            })
            .await;
        release.condition("Clustered", "AllNodesConnected").await;
        assert_eq!(status.nodes.len(), usize::try_from(count).unwrap(), "{:?}", status.nodes);
        assert!(status.nodes.iter().all(|node| node.state == NodeState::Clustered), "{:?}", status.nodes);
        if name == "worker" {
            assert_eq!(status.nodes[0].otp_release.as_deref(), Some("25"));
        }
    }
}
