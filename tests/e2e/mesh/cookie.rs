//! A cookie that somebody else than the operator changed.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::harness::{Namespace, Release, meshed, shop};

/// Whoever edits the Secret of a cluster that runs changes the cookie of the nodes to come and of no other.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_cookie_that_somebody_changed_is_told_and_touches_nothing_that_runs() {
    let namespace = Namespace::new("edited").await;
    namespace.apply(&shop("shop", "replicas: 2")).await;
    let shop = namespace.release("shop");
    shop.clustered().await;
    let secrets: Api<Secret> = namespace.objects();
    let made = secrets.get("shop-cookie").await.unwrap().data.unwrap()["cookie"].clone();
    let pods = uids(shop).await;

    let theirs = ByteString(b"changed-by-hand".to_vec());
    edit(&namespace, &theirs).await;
    let told = shop.condition("Clustered", "CookieMismatch").await;
    assert_eq!(told.status, "False");
    let advice = "pods that were started before the Secret changed have to be restarted";
    assert!(told.message.contains(advice) && !told.message.contains("changed-by-hand"), "{}", told.message);
    meshed(&[shop], 2).await;
    assert_eq!(uids(shop).await, pods);

    edit(&namespace, &made).await;
    shop.clustered().await;
    assert_eq!(uids(shop).await, pods);

    // Or it was meant: then the advice helps, and nobody puts the old one back.
    edit(&namespace, &theirs).await;
    shop.condition("Clustered", "CookieMismatch").await;
    namespace.kubectl(&["delete", "pods", "--selector=beam-operator.io/release=shop"]).await;
    shop.clustered().await;
    meshed(&[shop], 2).await;
    assert!(uids(shop).await.iter().all(|uid| !pods.contains(uid)));
    assert_eq!(secrets.get("shop-cookie").await.unwrap().data.unwrap()["cookie"], theirs);
}

async fn edit(namespace: &Namespace, cookie: &ByteString) {
    let patch = json!({"data": {"cookie": cookie}}).to_string();
    namespace.kubectl(&["patch", "secret", "shop-cookie", "--type=merge", "--patch", &patch]).await;
}

async fn uids(shop: Release<'_>) -> Vec<String> {
    shop.pods().await.iter().filter_map(ResourceExt::uid).collect()
}
