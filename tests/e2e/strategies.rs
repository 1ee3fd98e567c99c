//! Blue and green, and a canary: from one version to the next and back, under traffic.

use beam_operator::api::RolloutPhase;
use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use crate::harness::{Connections, Namespace, Operator, Release, Traffic, eventually, meshed, shop};

async fn annotate(shop: Release<'_>, annotation: &str) {
    shop.namespace.kubectl(&["annotate", "--overwrite", "exr/shop", annotation]).await;
}

/// Waits until a Service leads to this version: the Kubernetes nodes are told a moment after the API server.
async fn leads_to(namespace: &Namespace, service: &str, version: &str) {
    let found: Service = namespace.objects().get(service).await.unwrap();
    let url = format!("http://{}:4000", found.spec.unwrap().cluster_ip.unwrap());
    eventually(&format!("{service} leads to {version}"), async || {
        let page = Connections::fresh().get(&url).await?;
        let page: Value = serde_json::from_str(&page).map_err(|error| error.to_string())?;
        if page["version"] == version { Ok(()) } else { Err(page.to_string()) }
    })
    .await;
}

/// The traffic ends: no request has failed, and each was counted.
pub(super) async fn all_went_well(shop: Release<'_>, traffic: Traffic) {
    let tally = traffic.stop().await;
    assert_eq!(tally.failures, Vec::<String>::new(), "beside {} good requests", tally.counted);
    let counter = Connections::fresh().get(&format!("{}/count", shop.url().await)).await.unwrap();
    assert_eq!(counter, format!(r#"{{"counter":{}}}"#, tally.counted));
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn traffic_is_switched_to_the_green_side_and_back() {
    let namespace = Namespace::alone("blue-green").await;
    let blue_green = json!({"promotion": "Manual", "scaleDownDelaySeconds": 20});
    let rollout = json!({"strategy": "BlueGreen", "blueGreen": blue_green, "minReadySeconds": 1});
    namespace.apply(&shop("shop", &format!("{{replicas: 2, rollout: {rollout}}}"))).await;
    let shop = namespace.release("shop");
    let first = shop.complete().await.current_revision;
    meshed(&[shop], 2).await;
    let traffic = Traffic::start(&shop.url().await);

    shop.change(&json!({"image": "localhost/shop:2"})).await;
    shop.condition("Progressing", "WaitingForPromotion").await;
    leads_to(&namespace, "shop", "1.0.0").await;
    leads_to(&namespace, "shop-preview", "2.0.0").await;
    // Whoever comes after the operator goes on.
    Operator::of(&namespace.cluster).kill().await;
    annotate(shop, "beam-operator.io/promote=1").await;
    shop.until("it is switched", |release| release.status.iter().any(|status| !status.requests.is_empty())).await;
    leads_to(&namespace, "shop", "2.0.0").await;
    // Its nodes are still there.
    annotate(shop, "beam-operator.io/undo=previous").await;
    let back = shop.phase(RolloutPhase::RolledBack).await;
    assert_eq!(back.current_revision, first);
    leads_to(&namespace, "shop", "1.0.0").await;

    annotate(shop, "beam-operator.io/retry=1").await;
    shop.condition("Progressing", "WaitingForPromotion").await;
    annotate(shop, "beam-operator.io/promote=2").await;
    shop.complete().await;
    assert!(meshed(&[shop], 2).await.iter().all(|it| it.version == "2.0.0"));
    all_went_well(shop, traffic).await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_canary_takes_its_steps_and_so_does_the_way_back() {
    let namespace = Namespace::alone("canary").await;
    let steps = json!([{"replicas": 1}, {"replicas": "50%", "pauseSeconds": 3}]);
    let rollout = json!({"strategy": "Canary", "canary": {"steps": steps}, "minReadySeconds": 1});
    namespace.apply(&shop("shop", &format!("{{replicas: 3, rollout: {rollout}}}"))).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 3).await;
    let traffic = Traffic::start(&shop.url().await);

    for (round, version) in [("1", "2"), ("2", "1")] {
        shop.change(&json!({"image": format!("localhost/shop:{version}")})).await;
        let status = shop.phase(RolloutPhase::Waiting).await;
        assert_eq!((status.rollout.unwrap().step, status.updated_replicas), (Some(0), 1));
        let versions: Vec<_> = meshed(&[shop], 3).await.into_iter().map(|it| it.version).collect();
        let new = versions.iter().filter(|it| **it == format!("{version}.0.0")).count();
        assert_eq!(new, 1, "{versions:?}");
        Operator::of(&namespace.cluster).kill().await;
        annotate(shop, &format!("beam-operator.io/promote={round}")).await;
        shop.complete().await;
        assert!(meshed(&[shop], 3).await.iter().all(|it| it.version == format!("{version}.0.0")));
    }
    all_went_well(shop, traffic).await;
}
