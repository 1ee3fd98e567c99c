//! What the process answers and logs.

use serde_json::Value;

use crate::harness::{Fault, Scene, eventually};

const SHOP: &str = "{image: 'shop:1', replicas: 2}";

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn it_answers_probes_and_prometheus() {
    let scene = Scene::start("endpoints").await;
    assert_eq!(scene.operator.get("/healthz").await.unwrap(), (200, "ok".to_owned()));
    assert_eq!(scene.operator.get("/readyz").await.unwrap(), (200, "ready".to_owned()));
    scene.apply("a-most-particular-name", SHOP).await;
    scene.applied("a-most-particular-name").await;
    scene.apply("broken", "image: 'broken: 1'").await;
    scene.condition("broken", "ConfigurationValid", "Invalid").await;
    scene.rest().await;

    let (status, metrics) = scene.operator.get("/metrics").await.unwrap();
    assert_eq!(status, 200);
    for sample in [
        "beam_operator_reconciles_total{result=\"changed\"} ",
        "beam_operator_reconciles_total{result=\"invalid\"} ",
        "beam_operator_reconcile_duration_seconds_count ",
        "beam_operator_reconciles_in_flight 0",
        "beam_operator_queue_depth 0",
        "beam_operator_api_requests_total{verb=\"apply\",resource=\"deployments\",subresource=\"\",code=\"2xx\"} 1",
        "beam_operator_api_requests_total{verb=\"patch\",resource=\"elixirreleases\",subresource=\"status\",code=\"2xx\"} ",
        "beam_operator_api_request_duration_seconds_count{verb=\"apply\"} ",
        "beam_operator_watch_restarts_total{kind=\"Deployment\"} 1",
        "beam_operator_events_total{outcome=\"written\"} ",
        "beam_operator_leader 1",
        "beam_operator_build_info{version=",
        "process_resident_memory_bytes ",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(sample)), "no {sample} in\n{metrics}");
    }
    // The caches are counted now and then.
    for (kind, wanted) in [("release", 2.0), ("child", 6.0), ("reference", 0.0)] {
        eventually(&format!("as many of {kind} as there are"), async || {
            let held = scene.operator.metric(&format!("beam_operator_cached_objects{{kind=\"{kind}\"}}")).await;
            if held == wanted { Ok(()) } else { Err(held.to_string()) }
        })
        .await;
    }
    // A label with a value for each release would grow without bounds.
    assert!(!metrics.contains("a-most-particular-name") && !metrics.contains(&scene.name), "{metrics}");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn text_logs_carry_the_resource() {
    let scene = Scene::start("log-text").await;
    scene.proxy.fail(1, Fault::Status(500), |request| request.verb == "apply");
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    scene.rest().await;
    let log = scene.operator.log();
    let resource = format!("reconcile{{namespace=\"{}\" release=\"shop\"}}", scene.name);
    let about: Vec<_> = log.lines().filter(|line| line.contains("controller::reconcile")).collect();
    assert!(about.len() >= 2 && about.iter().all(|line| line.contains(&resource)), "{log}");
    assert!(
        log.contains("the reconcile failed and is tried again error=apply ") && log.contains("injected: "),
        "{log}"
    );
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn json_logs_carry_the_resource() {
    let scene = Scene::with("log-json", &["--log-format=json", "--log-level=debug"]).await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    scene.rest().await;
    let log = scene.operator.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let applied = lines.iter().find(|line| line["message"] == "applied").unwrap();
    assert_eq!((&applied["namespace"], &applied["release"]), (&scene.name.as_str().into(), &"shop".into()));
    // What is asked of the API server on behalf of a release is logged with it, too.
    let during = lines.iter().filter(|line| line["release"] == "shop").count();
    assert!(during > 1, "{log}");
}
