//! A version that crashes is taken back under traffic.

use beam_operator::api::RolloutPhase;
use serde_json::json;

use crate::harness::{Connections, Namespace, Operator, Traffic, meshed, shop};

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_version_that_crashes_costs_no_request_and_no_count() {
    let namespace = Namespace::alone("rollback").await;
    namespace.apply(&shop("shop", "replicas: 2")).await;
    let shop = namespace.release("shop");
    let first = shop.complete().await.current_revision;
    let nodes = shop.pods().await.into_iter().filter_map(|pod| pod.metadata.uid).collect::<Vec<_>>();
    meshed(&[shop], 2).await;

    let url = shop.url().await;
    let traffic = Traffic::start(&url);
    let crashing = json!({"image": "localhost/shop:2", "env": [{"name": "SHOP_CRASH", "value": "boot"}]});
    shop.change(&crashing).await;
    shop.condition("Degraded", "CrashLoop").await;
    // Whoever comes after the operator counts on.
    Operator::of(&namespace.cluster).kill().await;
    let told = shop.condition("Degraded", "RolledBack").await.message;
    assert!(told.contains("ended with exit code 1") && told.contains("restarted"), "{told}");
    let status = shop.phase(RolloutPhase::RolledBack).await;
    assert_eq!((&status.target_revision, &status.current_revision), (&first, &first));
    assert_eq!(shop.get().await.spec.image, "localhost/shop:2", "the spec is the user's");
    let still = shop.pods().await.into_iter().filter_map(|pod| pod.metadata.uid).collect::<Vec<_>>();
    assert!(nodes.iter().all(|node| still.contains(node)), "the nodes that ran were left alone");

    // Another version is tried, and the failed one only when it is asked for again.
    shop.change(&json!({"env": null})).await;
    shop.complete().await;
    assert!(meshed(&[shop], 2).await.iter().all(|it| it.version == "2.0.0"));
    namespace.kubectl(&["annotate", "exr/shop", "beam-operator.io/undo=previous"]).await;
    shop.phase(RolloutPhase::Progressing).await;
    shop.phase(RolloutPhase::RolledBack).await;

    let tally = traffic.stop().await;
    assert_eq!(tally.failures, Vec::<String>::new(), "beside {} good requests", tally.counted);
    let counter = Connections::fresh().get(&format!("{url}/count")).await.unwrap();
    assert_eq!(counter, format!(r#"{{"counter":{}}}"#, tally.counted));
}
