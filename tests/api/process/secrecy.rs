//! The cookie is the right to run code on every node. It is in its Secret and nowhere else.

use std::fs;

use beam_operator::controller::kind::ChildKind;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::harness::{Fault, Scene, eventually};

async fn cookies(scene: &Scene) -> Vec<Vec<u8>> {
    let secrets =
        Api::<Secret>::namespaced(scene.client.clone(), &scene.name).list(&ListParams::default()).await.unwrap();
    secrets
        .into_iter()
        .flat_map(|secret| secret.data.unwrap_or_default().into_values().map(|ByteString(it)| it))
        .collect()
}

/// Everything that others get to see of a release and of the process, by where it is found.
async fn visible(scene: &Scene) -> Vec<(String, String)> {
    let pid = scene.operator.pid();
    let of_process =
        |file: &str| String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{file}")).unwrap()).into_owned();
    let mut found = vec![
        ("the log".to_owned(), scene.operator.log()),
        ("the metrics".to_owned(), scene.operator.get("/metrics").await.unwrap().1),
        ("the command line".to_owned(), of_process("cmdline")),
        ("the environment".to_owned(), of_process("environ")),
    ];
    let events =
        Api::<Event>::namespaced(scene.client.clone(), &scene.name).list(&ListParams::default()).await.unwrap();
    found.push(("the events".to_owned(), serde_json::to_string(&events).unwrap()));
    let releases = scene.releases().list(&ListParams::default()).await.unwrap();
    found.push(("the releases".to_owned(), serde_json::to_string(&releases).unwrap()));
    for kind in ChildKind::ALL.into_iter().filter(|kind| *kind != ChildKind::Secret) {
        for child in scene.children(kind).list(&ListParams::default()).await.unwrap() {
            found.push((format!("{} {}", kind.as_str(), child.name_any()), serde_json::to_string(&child).unwrap()));
        }
    }
    for secret in scene.children(ChildKind::Secret).list_metadata(&ListParams::default()).await.unwrap() {
        found
            .push((format!("the metadata of {}", secret.name_any()), serde_json::to_string(&secret.metadata).unwrap()));
    }
    found
}

/// The lines of private keys that are in Secrets, as they are and as Secrets hold them.
async fn lines_of_keys(scene: &Scene) -> Vec<String> {
    let is_secret = |line: &&str| line.len() > 30 && !line.starts_with("-----");
    let keys = cookies(scene).await.into_iter().filter_map(|value| String::from_utf8(value).ok());
    let keys = keys.filter(|value| value.contains("PRIVATE KEY"));
    let both = keys.flat_map(|key| {
        let lines: Vec<_> = key.lines().filter(is_secret).map(ToOwned::to_owned).collect();
        let encoded = serde_json::to_value(ByteString(key.into_bytes())).unwrap();
        // Beyond the first line, which is the same for all.
        lines.into_iter().chain([encoded.as_str().unwrap()[80..].to_owned()]).collect::<Vec<_>>()
    });
    both.collect()
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn no_private_key_is_seen_anywhere() {
    let scene = Scene::with("secret-keys", &["--log-level=trace", "--certificate-lifetime=6"]).await;
    scene.proxy.fail(2, Fault::Status(500), |request| request.resource == "secrets" && request.verb == "create");
    scene.apply("shop", "{image: 'shop:1', cluster: {tls: {mode: Managed}}}").await;
    scene.applied("shop").await;
    let before = lines_of_keys(&scene).await;
    // It is renewed by a patch, after which another key is there.
    scene.proxy.fail(1, Fault::Status(500), |request| request.resource == "secrets" && request.verb == "patch");
    eventually("renewed", async || {
        let now = lines_of_keys(&scene).await;
        if before.iter().filter(|line| !now.contains(line)).count() >= 4 { Ok(()) } else { Err("as before".to_owned()) }
    })
    .await;

    let lines = [before, lines_of_keys(&scene).await].concat();
    assert!(lines.len() >= 12, "{}", lines.len());
    for (place, text) in visible(&scene).await {
        assert!(!lines.iter().any(|line| text.contains(line)), "a private key is in {place}");
        assert!(!text.contains("PRIVATE KEY"), "a private key is in {place}");
    }
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn no_cookie_is_seen_anywhere() {
    let scene = Scene::with("secrecy", &["--log-level=trace"]).await;
    let own = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"},
        "stringData": {"good": "a-cookie-of-the-users-own", "bad": "a cookie that cannot work"}});
    scene.apply_object(own).await;
    // Failed writes and refused values are what messages are made of.
    scene.proxy.fail(2, Fault::Status(500), |request| request.resource == "secrets" && request.verb == "create");
    scene.apply("made", "{image: 'shop:1', replicas: 2, ports: [{containerPort: 4000}]}").await;
    scene.apply("brought", "{image: 'shop:1', cluster: {cookie: {secretKeyRef: {name: mine, key: good}}}}").await;
    scene.apply("refused", "{image: 'shop:1', cluster: {cookie: {secretKeyRef: {name: mine, key: bad}}}}").await;
    scene.condition("refused", "ConfigurationValid", "Invalid").await;
    scene.event("refused", "ConfigurationInvalid").await;
    scene.applied("made").await;
    scene.applied("brought").await;
    scene.rest().await;

    let cookies = cookies(&scene).await;
    assert_eq!(cookies.len(), 3);
    for cookie in &cookies {
        let encoded = serde_json::to_value(ByteString(cookie.clone())).unwrap();
        let plain = std::str::from_utf8(cookie).unwrap();
        for (place, text) in visible(&scene).await {
            let shows = text.contains(plain) || text.contains(encoded.as_str().unwrap());
            assert!(!shows, "a cookie is in {place}");
        }
    }
}
