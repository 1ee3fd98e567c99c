//! The examples, applied as they are. Of Kubernetes they run with its controllers, as all tests here do.

use std::fs;
use std::path::Path;

use rstest::rstest;
use serde::Deserialize as _;
use serde_json::Value;

use crate::harness::{Cluster, Scene};

const CSV: &str = "deploy/olm/bundle/manifests/beam-operator.clusterserviceversion.yaml";

fn read(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    serde_yaml::Deserializer::from_str(&text).map(|it| Value::deserialize(it).unwrap()).collect()
}

/// Applies objects to one namespace, and waits until the operator takes every release of them for valid.
async fn are_valid(objects: Vec<Value>, purpose: &str) {
    if objects.iter().any(|object| object["kind"] == "HTTPRoute") {
        crate::routes::install(&Cluster::shared().await).await;
    }
    let scene = Scene::start(purpose).await;
    let is_release = |object: &&Value| object["kind"] == "ElixirRelease";
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    let releases: Vec<_> = objects.iter().filter(is_release).map(name).collect();
    assert!(!releases.is_empty());
    for object in objects {
        scene.apply_object(object).await;
    }
    for release in releases {
        scene.condition(&release, "ConfigurationValid", "Valid").await;
        scene.applied(&release).await;
    }
}

#[rstest]
#[case("canary")]
#[case("minimal")]
#[case("phoenix")]
#[case("shop")]
#[case("stateful")]
#[case("tls")]
#[case("two-releases-one-cluster")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_example_is_valid_as_it_is(#[case] example: &str) {
    are_valid(read(&format!("examples/{example}.yaml")), "example").await;
}

/// The templates that consoles offer, all of them in one namespace.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn templates_of_consoles_are_valid_beside_each_other() {
    let csv = read(CSV).remove(0);
    let templates = csv["metadata"]["annotations"]["alm-examples"].as_str().unwrap();
    are_valid(serde_json::from_str(templates).unwrap(), "templates").await;
}
