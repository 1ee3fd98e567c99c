//! What is left of healing where nodes cannot be connected: the smaller side is restarted.

use std::collections::BTreeSet;

use kube::ResourceExt;
use serde_json::json;

use crate::harness::{Namespace, Release, eventually, meshed, shop};

/// Asking it to connect is in vain for a node that wants a cookie of the others which they do not have. That is forgotten
/// when it is started anew.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_node_that_cannot_be_connected_is_restarted_as_soon_as_the_budget_allows() {
    let namespace = Namespace::new("restart").await;
    let spec = "{replicas: 3, cluster: {healing: Restart}, disruptionBudget: {minAvailable: 3}}";
    namespace.apply(&shop("shop", spec)).await;
    let shop = namespace.release("shop");
    shop.clustered().await;
    let before = names(shop).await;
    let lone = &shop.nodes().await[1];
    lone.rpc("for node <- Node.list() do Node.set_cookie(node, :another); Node.disconnect(node) end").await;
    let lone = lone.pod.name_any();

    shop.condition("Clustered", "Partitioned").await;
    let refused = format!("Warning pod {lone}, cut off from the cluster, is not restarted: ");
    let told = eventually("the refusal of an eviction", async || restarts(&namespace).await).await;
    assert!(told.starts_with(&refused) && told.contains("disruption budget"), "{told}");
    assert_eq!(names(shop).await, before);

    shop.change(&json!({"disruptionBudget": null})).await;
    let evicted = format!("Normal evicted pod {lone}: its node is cut off from the larger side of the cluster");
    eventually("the eviction", async || {
        let told = restarts(&namespace).await?;
        if told.lines().any(|line| line == evicted) { Ok(()) } else { Err(told) }
    })
    .await;
    shop.clustered().await;
    meshed(&[shop], 3).await;
    let now = names(shop).await;
    assert_eq!(before.difference(&now).collect::<Vec<_>>(), [&lone], "and nobody else");
}

/// What events say of restarts, a line each; an error if there were none.
async fn restarts(namespace: &Namespace) -> Result<String, String> {
    let rows = r#"--output=jsonpath={range .items[?(@.reason=="NodeRestart")]}{.type} {.note}{"\n"}{end}"#;
    let told = namespace.kubectl(&["get", "events.events.k8s.io", rows]).await;
    if told.is_empty() { Err("no restart was tried".to_owned()) } else { Ok(told) }
}

async fn names(shop: Release<'_>) -> BTreeSet<String> {
    shop.pods().await.iter().map(ResourceExt::name_any).collect()
}
