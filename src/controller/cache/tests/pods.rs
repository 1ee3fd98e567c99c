//! Pods, by the release that their label names.

use serde_json::{Value, json};

use super::*;
use crate::controller::fixture::parse;

fn pod(name: &str, release: &str, status: &Value) -> LivePod {
    parse(json!({
        "metadata": {"name": name, "namespace": "store", "labels": {"beam-operator.io/release": release}},
        "status": status,
    }))
}

fn stuck() -> Value {
    json!({"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"},
    ]})
}

/// The cache of pods `shop-1` and `shop-2`.
fn cache() -> Cache {
    let mut cache = Cache::default();
    for name in ["shop-1", "shop-2"] {
        cache.on_pod(Change::Seen(pod(name, "shop", &json!({}))));
    }
    cache
}

fn pods(cache: &Cache, release: &str) -> Vec<String> {
    cache.pods.of(&key(release)).iter().map(|pod| pod.name.to_string()).collect()
}

#[test]
fn a_new_pod_concerns_its_release() {
    let mut cache = cache();
    assert_eq!(names(&cache.on_pod(Change::Seen(pod("shop-3", "shop", &json!({}))))), ["shop"]);
    assert_eq!(pods(&cache, "shop"), ["shop-1", "shop-2", "shop-3"]);
}

#[test]
fn what_is_kept_of_a_pod_is_news_once() {
    let mut cache = cache();
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    let scheduled = json!({"conditions": [{"type": "PodScheduled", "status": "True"}]});
    assert_eq!(names(&cache.on_pod(Change::Seen(pod("shop-1", "shop", &scheduled)))), NOBODY);
    assert_eq!(names(&cache.on_pod(Change::Seen(pod("shop-1", "shop", &ready)))), ["shop"]);
    assert_eq!(names(&cache.on_pod(Change::Seen(pod("shop-1", "shop", &ready)))), NOBODY);
    assert_eq!(names(&cache.on_pod(Change::Seen(pod("shop-1", "shop", &stuck())))), ["shop"]);
    assert_eq!(names(&cache.on_pod(Change::Seen(pod("shop-1", "shop", &stuck())))), NOBODY);
}

#[test]
fn a_pod_that_is_gone_concerns_its_release_once() {
    let mut cache = cache();
    let gone = || Change::Gone(pod("shop-1", "shop", &json!({})));
    assert_eq!(names(&cache.on_pod(gone())), ["shop"]);
    assert_eq!(names(&cache.on_pod(gone())), NOBODY);
    assert_eq!(pods(&cache, "shop"), ["shop-2"]);
}

#[test]
fn what_a_list_no_longer_names_is_gone_when_it_ends() {
    let mut cache = cache();
    cache.on_pod(Change::Begin);
    assert_eq!(names(&cache.on_pod(Change::Seen(pod("shop-2", "shop", &json!({}))))), NOBODY);
    assert_eq!(names(&cache.on_pod(Change::End)), ["shop"]);
    assert_eq!(pods(&cache, "shop"), ["shop-2"]);

    cache.on_pod(Change::Begin);
    assert_eq!(names(&cache.on_pod(Change::End)), ["shop"]);
    assert!(cache.pods.is_empty());
}

#[test]
fn a_pod_that_was_taken_aside_troubles_its_release_no_more() {
    let mut cache = cache();
    cache.on_pod(Change::Seen(pod("shop-1", "shop", &stuck())));
    assert_eq!(names(&cache.on_pod(Change::Seen(pod("shop-1", "debug", &stuck())))), ["shop", "debug"]);
    assert_eq!((pods(&cache, "shop").len(), pods(&cache, "debug").len()), (1, 1));

    assert_eq!(names(&cache.on_pod(Change::Gone(pod("shop-1", "debug", &stuck())))), ["debug"]);
    assert_eq!(cache.pods.len(), 1);
}

#[test]
fn a_pod_without_the_label_is_nobodys() {
    let mut cache = Cache::default();
    let pod = parse(json!({"metadata": {"name": "other", "namespace": "store"}}));
    assert_eq!(names(&cache.on_pod(Change::Seen(pod))), NOBODY);
    assert!(cache.pods.is_empty());
}
