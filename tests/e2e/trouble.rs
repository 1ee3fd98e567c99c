//! What keeps nodes from running is told in words, from the state of the pods, and what runs goes on running.

use beam_operator::api::RolloutPhase;
use serde_json::json;

use crate::harness::{Connections, Namespace, meshed, shop};

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn pods_that_cannot_start_say_why() {
    let namespace = Namespace::new("trouble").await;
    namespace.apply(&shop("nowhere", "image: localhost/nowhere:1")).await;
    namespace.apply(&shop("crashing", "env: [{name: SHOP_CRASH, value: boot}]")).await;
    namespace.apply(&shop("huge", "resources: {requests: {cpu: '1000'}}")).await;

    let expected = [
        ("nowhere", "ImagePullFailed", "container release: image localhost/nowhere:1: "),
        ("crashing", "CrashLoop", "container release: ended with exit code 1"),
        ("huge", "Unschedulable", "3 Insufficient cpu"),
    ];
    for (name, reason, words) in expected {
        let degraded = namespace.release(name).condition("Degraded", reason).await;
        assert_eq!(degraded.status, "True", "{degraded:?}");
        assert!(degraded.message.starts_with("1 of 1 pods cannot run. "), "{}", degraded.message);
        assert!(degraded.message.contains(words) && degraded.message.contains("To mend it, "), "{}", degraded.message);
        let events = namespace.kubectl(&["events", "--for", &format!("elixirrelease/{name}")]).await;
        assert!(events.contains(reason), "{events}");
    }

    let nowhere = namespace.release("nowhere");
    nowhere.change(&json!({"image": "localhost/shop:1"})).await;
    nowhere.complete().await;
    assert_eq!(nowhere.condition("Degraded", "AsExpected").await.status, "False");
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_quota_is_told_and_its_end_noticed() {
    let namespace = Namespace::new("quota").await;
    let quota = |pods: &str| {
        let metadata = json!({"name": "pods"});
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {"pods": pods}}})
    };
    namespace.apply(&quota("1")).await;
    namespace.apply(&shop("shop", "replicas: 2")).await;
    let shop = namespace.release("shop");
    let degraded = shop.condition("Degraded", "PodCreationFailed").await;
    assert!(degraded.message.contains("exceeded quota: pods"), "{}", degraded.message);

    namespace.apply(&quota("2")).await;
    shop.complete().await;
    meshed(&[shop], 2).await;
    assert_eq!(shop.condition("Degraded", "AsExpected").await.status, "False");
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn nodes_that_never_become_ready_replace_nobody_and_give_way() {
    let namespace = Namespace::new("unready").await;
    let rollout = "{minReadySeconds: 1, progressDeadlineSeconds: 10, onFailure: Hold}";
    namespace.apply(&shop("shop", &format!("{{replicas: 2, rollout: {rollout}}}"))).await;
    let shop = namespace.release("shop");
    // The first start may well take longer than this short deadline.
    let first = shop.complete().await.current_revision;
    meshed(&[shop], 2).await;

    shop.change(&json!({"env": [{"name": "SHOP_READY", "value": "never"}]})).await;
    let degraded = shop.condition("Degraded", "ProgressDeadlineExceeded").await;
    assert!(degraded.message.contains("no progress for 10 seconds"), "{}", degraded.message);
    let status = shop.phase(RolloutPhase::Failed).await;
    assert_eq!((status.ready_replicas, &status.current_revision), (2, &first));
    assert_ne!(status.target_revision, first);
    let answer = Connections::fresh().get(&shop.url().await).await;
    assert!(answer.is_ok(), "the nodes of the old revision serve: {answer:?}");

    // It was to be held. Now it is not.
    shop.change(&json!({"rollout": {"onFailure": "Rollback"}})).await;
    let status = shop.phase(RolloutPhase::RolledBack).await;
    assert_eq!((&status.target_revision, &status.current_revision), (&first, &first));
    assert_eq!(shop.condition("Degraded", "RolledBack").await.status, "True");
    meshed(&[shop], 2).await;

    shop.change(&json!({"env": null})).await;
    assert_eq!(shop.complete().await.current_revision, first);
    meshed(&[shop], 2).await;
}
