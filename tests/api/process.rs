//! The operator as a process: who leads, how it ends, what it must never show.
//!
//! Runs with an API server and the controller manager.

use beam_operator::api::ElixirRelease;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::Value;

use crate::harness::{Operator, Options, Scene, eventually};

/// Lease times short enough for a test to wait for.
const ELECTION: [&str; 7] =
    ["--leader-elect", "--lease-duration", "6", "--lease-renew-deadline", "4", "--lease-retry-period", "1"];

async fn holder(scene: &Scene) -> Result<String, String> {
    let leases = scene.objects("coordination.k8s.io/v1", "Lease");
    let lease = leases.get("beam-operator").await.map_err(|error| error.to_string())?;
    match &lease.data["spec"]["holderIdentity"] {
        Value::String(holder) if !holder.is_empty() => Ok(holder.clone()),
        _ => Err("nobody leads".to_owned()),
    }
}

async fn elected() -> Scene {
    let mut scene = Scene::start("lease").await;
    let mut options = scene.options.clone();
    options.arguments.extend(ELECTION.map(str::to_owned));
    options.arguments.extend(["--pod-namespace".to_owned(), scene.name.clone()]);
    scene.options = options;
    scene.restart();
    scene.operator.ready().await;
    eventually("the operator leads", async || holder(&scene).await.map(drop)).await;
    scene
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_standby_takes_over_from_a_leader_that_was_killed() {
    let mut scene = elected().await;
    let first = holder(&scene).await.unwrap();
    let options = Options { arguments: scene.options.arguments.clone(), ..scene.options.clone() };
    let mut standby = Operator::start(&options);
    standby.ready().await;
    scene.operator.kill();
    eventually("the standby leads", async || match holder(&scene).await? {
        holder if holder == first => Err("the killed one still holds the lease".to_owned()),
        _ => Ok(()),
    })
    .await;
    scene.apply("shop", "{image: 'shop:1'}").await;
    scene.applied("shop").await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_leader_that_finds_its_lease_taken_ends_at_once() {
    let mut scene = elected().await;
    let leases = scene.objects("coordination.k8s.io/v1", "Lease");
    scene.patch(&leases, "beam-operator", serde_json::json!({"spec": {"holderIdentity": "somebody else"}})).await;
    let (status, _) = scene.operator.ended().await;
    assert_eq!(status.code(), Some(3), "{}", scene.operator.log());
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn sigterm_ends_it_well_and_gives_the_lease_back() {
    let mut scene = elected().await;
    scene.operator.terminate();
    let (status, _) = scene.operator.ended().await;
    assert_eq!(status.code(), Some(0), "{}", scene.operator.log());
    assert!(holder(&scene).await.is_err(), "the lease is still held");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_cookie_is_in_no_log_event_status_metric_or_argument() {
    let scene = Scene::with("secrecy", &["--log-level", "debug"]).await;
    scene.apply("shop", "{image: 'shop:1', env: [{name: A, value: $(NOWHERE)}]}").await;
    scene.applied("shop").await;
    scene.event("shop", "ConfigurationWarning").await;
    let secret = scene.objects("v1", "Secret").get("shop-cookie").await.unwrap();
    let encoded = secret.data["data"]["cookie"].as_str().unwrap().to_owned();
    let decoded: k8s_openapi::ByteString = serde_json::from_value(encoded.clone().into()).unwrap();
    let cookie = String::from_utf8(decoded.0).unwrap();
    assert_eq!(cookie.len(), 64);

    let release: ElixirRelease = scene.releases().get("shop").await.unwrap();
    let events = scene.objects("events.k8s.io/v1", "Event").list(&ListParams::default()).await.unwrap();
    let (_, metrics) = scene.operator.get("/metrics").await.unwrap();
    let arguments = std::fs::read(format!("/proc/{}/cmdline", scene.operator.pid())).unwrap();
    let places = [
        ("the log", scene.operator.log()),
        ("the release", serde_json::to_string(&release).unwrap()),
        ("the events", serde_json::to_string(&events).unwrap()),
        ("the metrics", metrics),
        ("the arguments", String::from_utf8_lossy(&arguments).into_owned()),
    ];
    for (place, text) in places {
        assert!(!text.is_empty(), "{place} of {} is empty", release.name_any());
        assert!(!text.contains(&cookie) && !text.contains(&encoded), "the cookie is in {place}");
    }
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_log_line_names_the_release_it_is_about() {
    for format in ["text", "json"] {
        let scene = Scene::with("logs", &["--log-format", format]).await;
        scene.apply("shop", "{image: 'shop:1'}").await;
        scene.applied("shop").await;
        let line = eventually("the write is logged", async || {
            let log = scene.operator.log();
            log.lines().find(|line| line.contains("applied")).map(ToOwned::to_owned).ok_or(log)
        })
        .await;
        assert!(line.contains("shop") && line.contains(&scene.name), "{line}");
    }
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn metrics_count_reconciles_requests_and_objects() {
    let scene = Scene::start("metrics").await;
    scene.apply("shop", "{image: 'shop:1'}").await;
    scene.applied("shop").await;
    scene.rest().await;
    assert!(scene.operator.metric("beam_operator_reconciles_total").await >= 1.0);
    let applies = "beam_operator_api_requests_total{verb=\"apply\",resource=\"deployments\"";
    assert!(scene.operator.metric(applies).await >= 1.0);
    assert_eq!(scene.operator.metric("beam_operator_queue_depth").await, 0.0);
    eventually("the caches are counted", async || match scene.operator.metric("beam_operator_cached_objects").await {
        0.0 => Err("nothing is counted".to_owned()),
        _ => Ok(()),
    })
    .await;
}
