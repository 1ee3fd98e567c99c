//! What is run on a node before it is told to stop.

use kube::ResourceExt;
use serde_json::json;

use crate::harness::{Namespace, Operator, meshed, shop as shop_of};

/// What is logged for a caller on another node is in no log of the node, but what its own user device prints is.
const DRAIN: &str = "IO.puts(:user, \"drained by #{node()}\")";

/// Deletes a pod and returns what its node said from then on to its end.
async fn last_words(namespace: &Namespace, pod: &str) -> String {
    let follow = ["--namespace", &namespace.name, "logs", "--follow", "--tail=0", pod];
    let mut log = tokio::process::Command::from(namespace.cluster.kubectl(&follow));
    let log = log.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    // It has to be there before there is something to hear.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    namespace.kubectl(&["delete", "pod", pod]).await;
    String::from_utf8_lossy(&log.wait_with_output().await.unwrap().stdout).into_owned()
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_node_is_drained_before_it_stops_also_while_nobody_watches() {
    let namespace = Namespace::alone("drain").await;
    let drain = json!({"delaySeconds": 1, "drain": {"rpc": DRAIN, "timeoutSeconds": 20}});
    namespace.apply(&shop_of("shop", &json!({"replicas": 2, "shutdown": drain}).to_string())).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 2).await;

    let operator = Operator::of(&namespace.cluster);
    let away = operator.replicas(0).await;
    let pod = shop.pods().await[0].name_any();
    let said = last_words(&namespace, &pod).await;
    assert!(said.contains("drained by shop@"), "{said}");
    drop(away);
    shop.complete().await;

    // The second virtual machine that it takes finds the node without EPMD as well.
    let fixed = json!({"replicas": 1, "release": {"name": "shop"}, "cluster": {"epmd": "Disabled"}, "shutdown": drain});
    namespace.apply(&shop_of("fixed", &fixed.to_string())).await;
    let alone = namespace.release("fixed");
    alone.complete().await;
    let said = last_words(&namespace, &alone.pods().await[0].name_any()).await;
    assert!(said.contains("drained by fixed@"), "{said}");
    namespace.kubectl(&["delete", "exr", "fixed"]).await;

    // One that hangs is cut off, and the node stops in order all the same.
    let hangs = json!({"shutdown": {"drain": {"rpc": "Process.sleep(:infinity)", "timeoutSeconds": 3}}});
    shop.change(&hangs).await;
    shop.complete().await;
    let pod = shop.pods().await[0].name_any();
    let begun = std::time::Instant::now();
    let said = last_words(&namespace, &pod).await;
    assert!(said.contains("SIGTERM"), "it stopped in order: {said}");
    assert!(begun.elapsed().as_secs() < 40, "it took {:?}, which is the grace period", begun.elapsed());
    let events = namespace.kubectl(&["events", "--for", &format!("pod/{pod}")]).await;
    assert!(events.contains("FailedPreStopHook"), "{events}");
    shop.complete().await;
    meshed(&[shop], 2).await;
}
