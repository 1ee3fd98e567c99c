//! ConfigMaps and Secrets that the pods read.
//!
//! Runs with an API server; the controller manager, where there is one, may look after the children as it likes.

use std::time::Duration;

use beam_operator::controller::kind::ChildKind;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Fault, Scene, eventually};

fn object(kind: &str, name: &str, value: &str) -> Value {
    let data = if kind == "Secret" { "stringData" } else { "data" };
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, data: {"key": value}})
}

async fn revision(scene: &Scene) -> String {
    let deployment = scene.children(ChildKind::Deployment).get("shop").await.unwrap();
    deployment.labels()["beam-operator.io/revision"].clone()
}

/// Waits until the release runs another revision than this one.
async fn another(scene: &Scene, revision: &str) {
    let differs = |it: &Value| it["spec"]["template"]["metadata"]["labels"]["beam-operator.io/revision"] != revision;
    scene.child(ChildKind::Deployment, "shop", differs).await;
}

/// Waits until the operator has read this.
async fn has_read(scene: &Scene, wanted: &[&str]) {
    eventually("it reads", async || {
        let reads = scene.proxy.reads();
        if reads.len() >= wanted.len() { Ok(()) } else { Err(reads.join(", ")) }
    })
    .await;
}

#[rstest]
#[case::env_from_map("ConfigMap", "envFrom: [{configMapRef: {name: it}}]")]
#[case::env_from_secret("Secret", "envFrom: [{secretRef: {name: it}}]")]
#[case::env_map("ConfigMap", "env: [{name: A, valueFrom: {configMapKeyRef: {name: it, key: key}}}]")]
#[case::env_secret("Secret", "env: [{name: A, valueFrom: {secretKeyRef: {name: it, key: key}}}]")]
#[case::volume_map("ConfigMap", "volumes: [{name: v, configMap: {name: it}}]")]
#[case::volume_secret("Secret", "volumes: [{name: v, secret: {secretName: it}}]")]
#[case::pod_template(
    "Secret",
    "podTemplate: {spec: {initContainers: [{name: i, image: i, envFrom: [{secretRef: {name: it}}]}]}}"
)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_change_of_content_is_a_new_revision(#[case] kind: &str, #[case] reads: &str) {
    let scene = Scene::start("config").await;
    scene.apply_object(object(kind, "it", "one")).await;
    scene.apply("shop", &format!("image: shop:1\n{reads}")).await;
    scene.applied("shop").await;
    let first = revision(&scene).await;
    scene.rest().await;
    scene.proxy.forget();

    scene.apply_object(object(kind, "it", "two")).await;
    another(&scene, &first).await;
    // A label is no content: it is read, because its version moved, and changes nothing.
    let second = revision(&scene).await;
    scene.rest().await;
    let mut labelled = object(kind, "it", "two");
    labelled["metadata"]["labels"] = json!({"team": "a"});
    scene.apply_object(labelled).await;
    let read = format!("get {}s it", kind.to_lowercase());
    has_read(&scene, &[&read, &read]).await;
    scene.rest().await;
    assert_eq!(scene.proxy.reads(), [&*read, &read], "content is read when its version moves, and only then");
    assert_eq!(revision(&scene).await, second);

    // Back to what it was is back to the first revision.
    scene.apply_object(object(kind, "it", "one")).await;
    scene
        .child(ChildKind::Deployment, "shop", |it| it["metadata"]["labels"]["beam-operator.io/revision"] == first)
        .await;
}

#[rstest]
#[case::annotated("", json!({"beam-operator.io/restart": "false"}))]
#[case::switched_off("rollout: {restartOnConfigChange: false}", json!({}))]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_change_of_content_that_is_not_to_restart_does_not(#[case] more: &str, #[case] annotations: Value) {
    let scene = Scene::start("no-restart").await;
    let mut config = object("ConfigMap", "it", "one");
    config["metadata"]["annotations"] = annotations;
    scene.apply_object(config.clone()).await;
    scene.apply("shop", &format!("image: shop:1\nenvFrom: [{{configMapRef: {{name: it}}}}]\n{more}")).await;
    scene.applied("shop").await;
    scene.rest().await;
    scene.proxy.forget();
    config["data"]["key"] = "two".into();
    scene.apply_object(config).await;
    has_read(&scene, &["get configmaps it"]).await;
    scene.rest().await;
    assert_eq!(scene.proxy.reads(), ["get configmaps it"], "once is enough");
    assert_eq!(scene.proxy.changes(), [""; 0]);
}

/// What has changed since it was read is not missing: a release is neither told to be invalid nor rolled out without it.
#[rstest]
#[case::needed("false")]
#[case::optional("true")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn objects_that_change_together_are_one_change(#[case] optional: &str) {
    let scene = Scene::start("together").await;
    for name in ["a", "b"] {
        scene.apply_object(object("ConfigMap", name, "one")).await;
    }
    let source = |name: &str| format!("{{configMapRef: {{name: {name}, optional: {optional}}}}}");
    let spec = format!("{{image: 'shop:1', envFrom: [{}, {}]}}", source("a"), source("b"));
    scene.apply("shop", &spec).await;
    scene.applied("shop").await;
    let first = revision(&scene).await;
    scene.rest().await;
    scene.proxy.forget();

    let is_read = |request: &crate::harness::Request| request.verb == "get" && request.resource == "configmaps";
    scene.proxy.fail(1, Fault::Delay(Duration::from_secs(2)), is_read);
    scene.apply_object(object("ConfigMap", "a", "two")).await;
    eventually("a is being read", async || match scene.proxy.reads() {
        reads if reads.is_empty() => Err("no".to_owned()),
        _ => Ok(()),
    })
    .await;
    scene.apply_object(object("ConfigMap", "b", "two")).await;
    another(&scene, &first).await;
    scene.rest().await;

    assert_eq!(
        scene.children(ChildKind::ControllerRevision).list(&ListParams::default()).await.unwrap().items.len(),
        2
    );
    let changes: Vec<_> = scene.proxy.changes().into_iter().filter(|it| it.contains("deployments")).collect();
    assert_eq!(changes, ["apply deployments shop"]);
    let events = scene.objects("events.k8s.io/v1", "Event").list(&ListParams::default()).await.unwrap();
    let reasons: Vec<_> = events.iter().map(|event| event.data["reason"].to_string()).collect();
    assert!(!reasons.iter().any(|reason| reason.contains("Invalid")), "{reasons:?}");
}

#[rstest]
#[case::map("envFrom: [{configMapRef: {name: it}}]", "ConfigMap", "spec.envFrom[0].configMapRef")]
#[case::secret("volumes: [{name: v, secret: {secretName: it}}]", "Secret", "spec.volumes[0].secret")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_missing_object_is_told_and_waited_for(#[case] reads: &str, #[case] kind: &str, #[case] field: &str) {
    let scene = Scene::start("missing").await;
    scene.apply("shop", "image: shop:1").await;
    scene.applied("shop").await;
    let before = scene.state().await.only_children();
    scene.rest().await;
    scene.proxy.forget();

    scene.apply("shop", &format!("image: shop:2\n{reads}")).await;
    let told = scene.condition("shop", "ConfigurationValid", "Invalid").await.message;
    let expected = format!(
        "{field}: {kind} it does not exist in namespace {}: create it, or mark the reference as optional",
        scene.name
    );
    assert_eq!(told, expected);
    assert_eq!(scene.event("shop", "ConfigurationInvalid").await, expected);
    scene.rest().await;
    assert_eq!(scene.proxy.changes(), [""; 0]);
    scene.reaches(&before).await;

    scene.apply_object(object(kind, "it", "one")).await;
    scene.applied("shop").await;
    let image = |it: &Value| it["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:2";
    scene.child(ChildKind::Deployment, "shop", image).await;

    // It goes away again: what runs stays, and the reader is told before the next restart fails.
    scene.rest().await;
    scene.proxy.forget();
    scene.objects("v1", kind).delete("it", &DeleteParams::default()).await.unwrap();
    scene.condition("shop", "ConfigurationValid", "Invalid").await;
    scene.rest().await;
    assert_eq!(scene.proxy.changes(), [""; 0]);
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_optional_object_may_be_missing() {
    let scene = Scene::start("optional-map").await;
    scene.apply("shop", "{image: 'shop:1', envFrom: [{configMapRef: {name: it, optional: true}}]}").await;
    scene.applied("shop").await;
    let first = revision(&scene).await;
    scene.apply_object(object("ConfigMap", "it", "one")).await;
    another(&scene, &first).await;
}

/// Of what nobody refers to only metadata ever passes, in the lists and watches of all; it causes no request.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn foreign_objects_cost_nothing() {
    let scene = Scene::start("foreign-content").await;
    scene.apply_object(object("Secret", "ours", "one")).await;
    scene.apply("shop", "{image: 'shop:1', envFrom: [{secretRef: {name: ours}}]}").await;
    scene.applied("shop").await;
    scene.rest().await;
    let in_bulk = scene.proxy.requests().into_iter().filter(|request| ["list", "watch"].contains(&request.verb));
    let content: Vec<_> = in_bulk
        .filter(|request| ["secrets", "configmaps"].contains(&&*request.resource) && !request.metadata_only)
        .collect();
    assert_eq!(content, []);

    scene.proxy.forget();
    for index in 0..10 {
        for kind in ["Secret", "ConfigMap"] {
            scene.apply_object(object(kind, &format!("foreign-{index}"), "one")).await;
            scene.apply_object(object(kind, &format!("foreign-{index}"), "two")).await;
        }
    }
    // A change of the release itself does not read again what has not moved.
    scene.apply("shop", "{image: 'shop:1', replicas: 2, envFrom: [{secretRef: {name: ours}}]}").await;
    scene.applied("shop").await;
    scene.rest().await;
    assert_eq!(scene.proxy.reads(), [""; 0]);
    let known: Vec<_> = scene.proxy.changes();
    assert_eq!(known, ["apply deployments shop", "apply poddisruptionbudgets shop"]);
}

/// A sidecar gets the cookie only where it names the Secret, and that is made when the release is valid.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_operators_own_cookie_can_be_named_before_it_exists() {
    let scene = Scene::start("own-cookie-named").await;
    let spec = "{image: 'shop:1', podTemplate: {spec: {containers: [{name: log, image: 'log:1', \
                env: [{name: C, valueFrom: {secretKeyRef: {name: shop-cookie, key: cookie}}}]}]}}}";
    scene.apply("shop", spec).await;
    scene.applied("shop").await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    scene.rest().await;
    let state = scene.state().await;
    let expected =
        ["ControllerRevision shop-revision-1", "Deployment shop", "NetworkPolicy shop", "Secret shop-cookie"];
    assert_eq!(state.children()[..4], expected, "making the cookie is no new revision");
    assert_eq!(scene.proxy.reads(), [""; 0], "the cookie was read");
}
