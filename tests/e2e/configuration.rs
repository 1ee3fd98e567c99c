//! Nodes follow the ConfigMaps and Secrets that they read.

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::harness::{Namespace, Release, meshed, shop};

const CONFIGURED: &str = "
replicas: 2
envFrom:
  - configMapRef: {name: settings}
  - configMapRef: {name: ignored}
  - secretRef: {name: keys}
";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn nodes_restart_for_configuration_that_counts() {
    let namespace = Namespace::new("configuration").await;
    namespace.apply(&settings("hello")).await;
    namespace.apply(&ignored("one")).await;
    namespace.apply(&keys()).await;
    namespace.apply(&shop("shop", CONFIGURED)).await;
    let shop = namespace.release("shop");
    let first = shop.complete().await.current_revision;
    meshed(&[shop], 2).await;
    assert_eq!(greetings(shop).await, ["hello one", "hello one"]);

    // Scaling makes the operator look at the release with the change before it in view.
    namespace.apply(&ignored("two")).await;
    namespace.kubectl(&["scale", "exr/shop", "--replicas=3"]).await;
    assert_eq!(shop.complete().await.current_revision, first, "an annotated object restarts nobody");
    let mut told = greetings(shop).await;
    told.sort();
    assert_eq!(told, ["hello one", "hello one", "hello two"], "who starts later reads what is there then");

    namespace.apply(&settings("good morning")).await;
    shop.until("a new revision is rolled out", |release| {
        release.status.as_ref().is_some_and(|status| status.target_revision != first)
    })
    .await;
    let second = shop.complete().await.current_revision;
    meshed(&[shop], 3).await;
    assert_eq!(greetings(shop).await, ["good morning two"; 3]);

    let before = pods(shop).await;
    namespace.kubectl(&["delete", "secret", "keys"]).await;
    let invalid = shop.condition("ConfigurationValid", "Invalid").await;
    assert!(invalid.message.contains("keys"), "{}", invalid.message);
    assert_eq!(pods(shop).await, before, "what runs goes on running");
    assert_eq!(shop.status().await.ready_replicas, 3);

    namespace.apply(&keys()).await;
    shop.condition("ConfigurationValid", "Valid").await;
    assert_eq!(shop.complete().await.current_revision, second, "the same content is the same revision");
    assert_eq!(pods(shop).await, before);
}

fn settings(greeting: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"GREETING": greeting}})
}

fn ignored(number: &str) -> Value {
    let metadata = json!({"name": "ignored", "annotations": {"beam-operator.io/restart": "false"}});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"NUMBER": number}})
}

fn keys() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"KEY": "s3cr3t"}})
}

/// What the nodes read when they started.
async fn greetings(shop: Release<'_>) -> Vec<String> {
    let mut told = Vec::new();
    for node in shop.nodes().await {
        let greeting = node.exec(&["sh", "-c", "echo $GREETING $NUMBER"]).await.unwrap();
        told.push(greeting.trim().to_owned());
    }
    told
}

async fn pods(shop: Release<'_>) -> Vec<String> {
    let mut names: Vec<_> = shop.pods().await.iter().map(ResourceExt::name_any).collect();
    names.sort();
    names
}
