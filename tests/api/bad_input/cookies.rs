//! A cookie that people bring themselves.

use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::Scene;

const SHOP: &str = "{image: 'shop:1', cluster: {cookie: {secretKeyRef: {name: mine, key: cookie}}}}";

fn mine(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": data})
}

#[rstest]
#[case::no_secret(
    None,
    "spec.cluster.cookie.secretKeyRef: Secret mine does not exist in namespace (namespace): create it, or remove secretKeyRef to have a cookie made"
)]
#[case::no_key(Some(json!({"other": "swordfish"})), "spec.cluster.cookie.secretKeyRef: Secret mine has no key cookie: add it, or name one that it has")]
#[case::no_data(Some(json!({})), "spec.cluster.cookie.secretKeyRef: Secret mine has no key cookie: add it, or name one that it has")]
#[case::empty(Some(json!({"cookie": ""})), "spec.cluster.cookie.secretKeyRef: key cookie of Secret mine is empty: write the cookie into it")]
#[case::line_break(Some(json!({"cookie": "swordfish\n"})), "spec.cluster.cookie.secretKeyRef: key cookie of Secret mine has a character that is not printable ASCII: remove it (`echo` appends a newline, `printf %s` does not)")]
#[case::flag(Some(json!({"cookie": "-swordfish"})), "spec.cluster.cookie.secretKeyRef: key cookie of Secret mine starts with - or +, so that the VM would read it as a flag: choose another")]
#[case::space(Some(json!({"cookie": "sword fish"})), "spec.cluster.cookie.secretKeyRef: key cookie of Secret mine has a character that is not printable ASCII: remove it (`echo` appends a newline, `printf %s` does not)")]
#[case::too_long(Some(json!({"cookie": "s".repeat(256)})), "spec.cluster.cookie.secretKeyRef: key cookie of Secret mine has more than 255 characters, which no atom can have: shorten it")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_cookie_that_cannot_work_is_told(#[case] data: Option<Value>, #[case] problem: &str) {
    let scene = Scene::start("own-cookie").await;
    if let Some(data) = data {
        scene.apply_object(mine(data)).await;
    }
    scene.apply("shop", SHOP).await;
    let condition = scene.condition("shop", "ConfigurationValid", "Invalid").await;
    assert_eq!(condition.message.replace(&scene.name, "(namespace)"), problem);
    assert_eq!(scene.event("shop", "ConfigurationInvalid").await, condition.message);
    assert!(!condition.message.contains("swordfish") && !scene.operator.log().contains("swordfish"));
    assert_eq!(scene.proxy.changes(), [""; 0]);

    // It is seen when it is put right, without a change of the release.
    scene.apply_object(mine(json!({"cookie": "swordfish", "other": null}))).await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    scene.applied("shop").await;
    let state = scene.state().await;
    assert!(!state.children().contains(&"Secret shop-cookie"), "{:?}", state.children());
}
