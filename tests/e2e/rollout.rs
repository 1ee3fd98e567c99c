//! A new version replaces the old one under traffic, with nothing but the defaults for how.

use beam_operator::api::RolloutPhase;
use serde_json::json;

use crate::harness::{Connections, Namespace, Operator, Release, Traffic, meshed, shop};

const NODES: usize = 3;

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_new_version_costs_no_request_and_no_count() {
    let namespace = Namespace::alone("rollout").await;
    // Every node is drained before it stops, by a command that starts a second virtual machine beside it.
    let drain = "drain: {rpc: Shop.Drain.run(), timeoutSeconds: 30}";
    let spec = format!("{{replicas: {NODES}, rollout: {{}}, shutdown: {{{drain}}}}}");
    namespace.apply(&shop("shop", &spec)).await;
    let shop = namespace.release("shop");
    let first = shop.complete().await.current_revision;
    meshed(&[shop], NODES).await;

    let url = shop.url().await;
    let traffic = Traffic::start(&url);
    roll(shop, "localhost/shop:2").await;
    let second = shop.complete().await;
    assert!(meshed(&[shop], NODES).await.iter().all(|it| it.version == "2.0.0"));
    assert_ne!(second.current_revision, first);
    assert_eq!((second.target_revision, second.updated_replicas), (second.current_revision, 3));

    // The operator is killed in the middle: it is Kubernetes that rolls.
    roll(shop, "localhost/shop:1").await;
    Operator::of(&namespace.cluster).kill().await;
    let third = shop.complete().await;
    assert!(meshed(&[shop], NODES).await.iter().all(|it| it.version == "1.0.0"));
    assert_eq!(third.current_revision, first, "what was rolled out before has the name it had before");

    let tally = traffic.stop().await;
    assert_eq!(tally.failures, Vec::<String>::new(), "beside {} good requests", tally.counted);
    assert!(tally.counted > 200, "the traffic was no more than {} requests", tally.counted);
    let counter = Connections::fresh().get(&format!("{url}/count")).await.unwrap();
    assert_eq!(counter, format!(r#"{{"counter":{}}}"#, tally.counted));
}

/// Asks for another image and waits until its rollout shows in the status.
async fn roll(shop: Release<'_>, image: &str) {
    let before = shop.status().await;
    shop.change(&json!({"image": image})).await;
    let during = shop
        .until("the rollout is under way", |release| {
            let status = release.status.clone().unwrap_or_default();
            let phase = status.rollout.map(|rollout| rollout.phase);
            phase == Some(RolloutPhase::Progressing) && status.target_revision != before.target_revision
        })
        .await;
    assert_eq!(during.current_revision, before.current_revision, "it is not yet what ran completely");
    assert!(!during.rollout.unwrap().message.is_empty());
}
