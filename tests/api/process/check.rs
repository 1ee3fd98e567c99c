//! `beam-operator check`, which the pod of `helm test` runs.

use serde_json::json;
use tokio::process::Command;

use super::election::{SHORTEST, leader};
use super::permissions::{granted, with};
use crate::harness::Scene;

/// Whether it is content with the operator of a scene, and what it says.
async fn check(scene: &Scene, more: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_beam-operator"))
        .args(["check", "--pod-namespace", &scene.name, "--watch-namespace", &scene.name])
        .args(more)
        .env_clear()
        .env("KUBECONFIG", &scene.options.kubeconfig)
        .output()
        .await
        .unwrap();
    let (told, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    (output.status.success(), told + &complaint)
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn it_is_content_with_an_operator_that_works_and_with_no_other() {
    let mut scene = leader("check", SHORTEST).await;
    let url = scene.operator.url("/readyz");
    let (content, told) = check(&scene, &["--url", &url]).await;
    assert!(content, "{told}");
    for line in [
        "the CRD is installed, and no permission is missing",
        " renews the Lease beam-operator",
        &format!("{url} answers: ready"),
    ] {
        assert!(told.lines().any(|told| told.ends_with(line)), "{line} is not in\n{told}");
    }

    let (content, told) = check(&scene, &["--lease-name=other", "--timeout=2"]).await;
    assert!(!content && told.contains(&format!("the Lease {}/other cannot be read", scene.name)), "{told}");

    scene.operator.kill();
    let (content, told) = check(&scene, &["--timeout=2"]).await;
    assert!(!content && told.contains("does not renew the Lease beam-operator"), "{told}");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_missing_permission_is_named() {
    let mut rules = granted();
    rules.retain(|rule| rule["resources"] != json!(["elixirreleases/status"]));
    let scene = with(&rules, "check-rights").await;
    let (content, told) = check(&scene, &["--timeout=2"]).await;
    let expect = format!("no permission to patch elixirreleases.beam-operator.io/status in namespace {}", scene.name);
    assert!(!content && told.contains(&expect), "{told}");
}
