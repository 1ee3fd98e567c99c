//! A version that is no good is taken back under traffic: one that crashes, leaks, chokes, is never ready, or joins no cluster.

use beam_operator::api::{ElixirRelease, RolloutPhase};
use beam_operator::resources::labels;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::harness::{Connections, Namespace, Operator, Traffic, eventually, meshed, shop};

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

/// Whatever keeps a second version from being good, the first one serves until it has given way, and no request fails.
async fn gives_way(subject: &str, rollout: &str, change: Value, cause: &str, evidence: &str) -> Namespace {
    let namespace = Namespace::alone(subject).await;
    namespace.apply(&shop("shop", &format!("{{replicas: 2, rollout: {rollout}}}"))).await;
    let shop = namespace.release("shop");
    let first = shop.clustered().await.current_revision.unwrap();
    // Later versions are measured by it.
    noted(&namespace, &first, labels::CLUSTERED).await;

    let traffic = Traffic::start(&shop.url().await);
    shop.change(&change).await;
    let told = shop.condition("Degraded", "RolledBack").await.message;
    assert!(told.contains(evidence), "{told}");
    let status = shop.phase(RolloutPhase::RolledBack).await;
    assert_eq!((&status.target_revision, &status.current_revision), (&Some(first.clone()), &Some(first)));
    let rejected = rejection(&namespace).await;
    assert_eq!(rejected["cause"], cause, "{rejected}");
    meshed(&[shop], 2).await;
    let tally = traffic.stop().await;
    assert_eq!(tally.failures, Vec::<String>::new(), "beside {} good requests", tally.counted);
    namespace
}

/// Waits for a note on the record of a revision.
async fn noted(namespace: &Namespace, revision: &str, annotation: &str) -> String {
    let records: Api<ControllerRevision> = namespace.objects();
    eventually(&format!("{annotation} on {revision}"), async || {
        let record = records.get(revision).await.map_err(|error| error.to_string())?;
        record.annotations().get(annotation).cloned().ok_or_else(|| format!("{:?}", record.annotations()))
    })
    .await
}

/// What is noted about the revision that was rejected.
async fn rejection(namespace: &Namespace) -> Value {
    let records: Api<ControllerRevision> = namespace.objects();
    let records = records.list(&ListParams::default()).await.unwrap().items;
    let mut notes = records.iter().filter_map(|record| record.annotations().get(labels::REJECTED));
    serde_json::from_str(notes.next().expect("one was rejected")).unwrap()
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_version_that_starts_and_does_not_cluster_gives_way() {
    let alone = json!({"image": "localhost/shop:2", "env": [{"name": "RELEASE_DISTRIBUTION", "value": "none"}]});
    let rollout = "{minReadySeconds: 1, progressDeadlineSeconds: 45}";
    let namespace = gives_way("apart", rollout, alone, "NotClustered", "is NotDistributed; the node in pod").await;

    // A name that finds nobody keeps nodes apart where none of an earlier version is there to connect them.
    let shop = namespace.release("shop");
    let lost = json!({"env": [{"name": "DNS_CLUSTER_QUERY", "value": "nobody.default.svc.cluster.local"}], "rollout": {"strategy": "Recreate"}});
    shop.change(&lost).await;
    let is_waiting = |release: &ElixirRelease| {
        let rollout = release.status.as_ref().and_then(|status| status.rollout.as_ref());
        rollout.is_some_and(|rollout| rollout.message.contains("once they have met their cluster"))
    };
    shop.until("its nodes are waited for", is_waiting).await;
    shop.until("it is taken back", |release| {
        let degraded = release.status.as_ref().and_then(|status| status.condition("Degraded"));
        degraded.is_some_and(|told| told.reason == "RolledBack" && told.message.contains("is Joining; "))
    })
    .await;
    shop.phase(RolloutPhase::RolledBack).await;
    meshed(&[shop], 2).await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_version_that_serves_and_chokes_gives_way() {
    let choking = json!({"env": [{"name": "SHOP_FLOOD", "value": "50000"}]});
    let rollout = "{minReadySeconds: 1, progressDeadlineSeconds: 30}";
    gives_way("choke", rollout, choking, "Strained", "has a process with more than 10000 messages").await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_version_that_leaks_gives_way() {
    let leaking = json!({
        "resources": {"limits": {"memory": "256Mi"}},
        // A node that serves until it is killed would fail requests whatever the operator does.
        "env": [{"name": "SHOP_LEAK", "value": "200"}, {"name": "SHOP_READY", "value": "never"}],
    });
    gives_way("leak", "{minReadySeconds: 1}", leaking, "OutOfMemory", "used more memory than its limit").await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_version_that_never_becomes_ready_gives_way() {
    let unready = json!({"env": [{"name": "SHOP_READY", "value": "never"}]});
    let rollout = "{minReadySeconds: 1, progressDeadlineSeconds: 45}";
    gives_way("never", rollout, unready, "ProgressDeadlineExceeded", "no progress for 45 seconds").await;
}
