//! What is wrong with a node, each with the reason and the words that it is told in.

use beam_operator::api::{ElixirReleaseStatus, NodeState};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use rstest::rstest;
use serde_json::json;

use crate::harness::{Cluster, Namespace, meshed, place, shop};

/// What an image does whose `env.sh` sets these whatever the pod says, or one with a `vm.args` of its own.
#[rstest]
#[case::name("RELEASE_NODE", "other@$(POD_IP)", "NameMismatch", "and calls itself other@")]
#[case::cookie("RELEASE_COOKIE", "anothercookie", "CookieMismatch", "has another cookie")]
#[case::not_distributed("RELEASE_DISTRIBUTION", "none", "NotDistributed", "is not distributed")]
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn what_an_image_sets_itself(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] reason: &str,
    #[case] words: &str,
) {
    let namespace = Namespace::new("sets").await;
    namespace.apply(&shop("shop", &format!("{{replicas: 1, env: [{{name: {variable}, value: {value}}}]}}"))).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    let condition = shop.condition("Clustered", reason).await;
    assert_eq!(condition.status, "False");
    assert!(condition.message.contains(words), "{}", condition.message);
    assert!(!condition.message.contains("anothercookie"), "{}", condition.message);
    // What is mended is told as well.
    shop.change(&json!({"env": null})).await;
    shop.complete().await;
    shop.condition("Clustered", "AllNodesConnected").await;
    let events = namespace.kubectl(&["get", "events.events.k8s.io", "--output=jsonpath={.items[*].reason}"]).await;
    assert!(events.contains(reason) && events.contains("MeshComplete"), "{events}");
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_node_that_is_frozen_is_missing_until_it_goes_on() {
    let namespace = Namespace::new("frozen").await;
    namespace.apply(&shop("shop", "{replicas: 3, probes: {default: None}}")).await;
    let shop = namespace.release("shop");
    shop.clustered().await;
    let frozen = &shop.pods().await[0];
    let pod = frozen.name_any();
    signal(&namespace.cluster, frozen, "STOP").await;
    let status = shop
        .until("the frozen node cannot be asked", |release| {
            let nodes = release.status.as_ref().map(|status| &status.nodes);
            nodes.is_some_and(|nodes| nodes.iter().any(|node| node.pod == pod && node.state == NodeState::Unreachable))
        })
        .await;
    assert_eq!(status.nodes.len(), 3);
    signal(&namespace.cluster, frozen, "CONT").await;
    shop.condition("Clustered", "AllNodesConnected").await;
    meshed(&[shop], 3).await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_virtual_machine_that_is_killed_is_back_in_the_mesh() {
    let namespace = Namespace::new("killed").await;
    namespace.apply(&shop("shop", "replicas: 3")).await;
    let shop = namespace.release("shop");
    shop.clustered().await;
    let killed = &shop.pods().await[0];
    let pod = killed.name_any();
    let started = |status: &ElixirReleaseStatus| {
        status.nodes.iter().find(|node| node.pod == pod).and_then(|node| node.started_at.clone())
    };
    let before = started(&shop.status().await);
    signal(&namespace.cluster, killed, "KILL").await;
    shop.until("the node was started anew and is in the mesh", |release| {
        let status = release.status.as_ref();
        let node = status.and_then(|status| status.nodes.iter().find(|node| node.pod == pod));
        node.is_some_and(|node| node.state == NodeState::Clustered && node.connected == 2 && node.started_at != before)
    })
    .await;
    shop.condition("Clustered", "AllNodesConnected").await;
    meshed(&[shop], 3).await;
}

/// Sends a signal to the virtual machine in a pod, from outside: there it is the first process, which signals from inside
/// do not reach.
async fn signal(cluster: &Cluster, pod: &Pod, signal: &str) {
    let name = pod.name_any();
    let find = format!(
        "for process in /proc/[0-9]*; do if [ \"$(cat $process/comm)\" = beam.smp ] \
         && tr '\\0' '\\n' < $process/environ | grep -qx POD_NAME={name}; then kill -{signal} ${{process#/proc/}}; echo sent; fi; done"
    );
    let place = place(pod);
    let told = cluster.on_node(&place, &["sh", "-c", &find]).await;
    assert!(told.contains("sent"), "no virtual machine of {name} is on {place}: {told}");
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn without_observation_nothing_is_claimed() {
    let namespace = Namespace::new("unseen").await;
    namespace.apply(&shop("shop", "{replicas: 2, cluster: {observation: {mode: Disabled}}}")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    let condition = shop.condition("Clustered", "ObservationDisabled").await;
    assert_eq!(condition.status, "Unknown");
    let node = &shop.nodes().await[0];
    assert_eq!(node.rpc("IO.inspect(Node.list(:hidden) |> length())").await, "1", "only the one that asks");
    // It is taken up when it is wanted.
    shop.change(&json!({"cluster": {"observation": null}})).await;
    shop.condition("Clustered", "AllNodesConnected").await;
}
