//! A migration that fails holds back its version, and nothing else.

use beam_operator::api::RolloutPhase;
use serde_json::json;

use crate::harness::{Namespace, Operator, Traffic, meshed, shop};

/// What the migration reads and the nodes do not, so that mending it is no new revision.
async fn mode(namespace: &Namespace, mode: &str) {
    let metadata = json!({"name": "migration"});
    namespace
        .apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mode": mode}}))
        .await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_migration_that_fails_leaves_the_first_version_serving() {
    let namespace = Namespace::alone("migrations").await;
    mode(&namespace, "succeed").await;
    let migrations = "migrations: [{name: ecto, eval: Shop.Release.migrate(), env: [{name: SHOP_MIGRATION, \
                      valueFrom: {configMapKeyRef: {name: migration, key: mode}}}]}]";
    namespace.apply(&shop("shop", &format!("replicas: 2\n{migrations}"))).await;
    let shop = namespace.release("shop");
    let first = shop.complete().await.current_revision;
    shop.condition("Migrated", "Migrated").await;
    meshed(&[shop], 2).await;

    let url = shop.url().await;
    let traffic = Traffic::start(&url);
    mode(&namespace, "fail").await;
    shop.change(&json!({"image": "localhost/shop:2"})).await;
    shop.condition("Migrated", "MigrationRunning").await;
    // Whoever comes after the operator finds the Job, be it at work or at its end, and makes no other.
    Operator::of(&namespace.cluster).kill().await;
    let told = shop.condition("Migrated", "MigrationFailed").await.message;
    assert!(told.contains("SHOP_MIGRATION=fail"), "the end of the log: {told}");
    let status = shop.phase(RolloutPhase::Waiting).await;
    assert_eq!(status.current_revision, first);
    assert!(meshed(&[shop], 2).await.iter().all(|node| node.version == "1.0.0"));
    let jobs = async || namespace.kubectl(&["get", "jobs", "--output=name"]).await.lines().count();
    assert_eq!(jobs().await, 1);

    mode(&namespace, "succeed").await;
    namespace.kubectl(&["annotate", "exr/shop", "beam-operator.io/retry=mended"]).await;
    shop.complete().await;
    shop.condition("Migrated", "Migrated").await;
    assert!(meshed(&[shop], 2).await.iter().all(|node| node.version == "2.0.0"));
    assert_eq!(jobs().await, 2, "the one that failed and the other try");
    let tally = traffic.stop().await;
    assert_eq!(tally.failures, Vec::<String>::new(), "beside {} good requests", tally.counted);
}
