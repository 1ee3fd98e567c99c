//! Releases and the clusters that they form.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::controller::fixture::parse;

const MARKET: &str = "cluster: {name: market}";
const ALONE: &str = "cluster: {distribution: Disabled}";

/// Releases `api` and `web` in cluster `market`, and `shop` in its own.
fn cache() -> Cache {
    let mut cache = Cache::default();
    for (name, spec) in [("api", MARKET), ("web", MARKET), ("shop", "")] {
        cache.on_release(Change::Seen(release(name, 10, spec)));
    }
    cache
}

fn members(cache: &Cache, cluster: &str) -> Vec<String> {
    cache.releases.members(&key(cluster)).iter().map(|member| member.name_any()).collect()
}

/// Release `shop` at version 11, with a part of it changed.
fn changed(pointer: &str, value: Value) -> ElixirRelease {
    let mut json = json!(release("shop", 11, ""));
    let (above, field) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(above).unwrap()[field] = value;
    parse(json)
}

#[rstest]
#[case::a_new_one("new", "", &["new"])]
#[case::a_newcomer("new", MARKET, &["api", "web", "new"])]
#[case::one_that_leaves("web", "", &["api", "web"])]
#[case::one_that_joins("shop", MARKET, &["api", "web", "shop"])]
#[case::a_member_that_changes("api", "{replicas: 3, cluster: {name: market}}", &["web", "api"])]
#[case::one_that_moves_on("web", "cluster: {name: shop}", &["api", "shop", "web"])]
#[case::one_that_will_be_alone("api", ALONE, &["web", "api"])]
fn a_change_concerns_those_it_leaves_and_those_it_joins(
    #[case] name: &str,
    #[case] spec: &str,
    #[case] expected: &[&str],
) {
    assert_eq!(names(&cache().on_release(Change::Seen(release(name, 11, spec)))), expected);
}

#[rstest]
#[case("/metadata/uid", json!("another"))]
#[case("/metadata/generation", json!(2))]
#[case("/metadata/labels", json!({"team": "a"}))]
#[case("/metadata/annotations", json!({"note": "a"}))]
#[case("/metadata/deletionTimestamp", json!("2026-11-23T00:00:00Z"))]
#[case("/spec/replicas", json!(2))]
fn what_a_release_asks_for_is_news(#[case] pointer: &str, #[case] value: Value) {
    assert_eq!(names(&cache().on_release(Change::Seen(changed(pointer, value)))), ["shop"]);
}

#[rstest]
#[case("/status", json!({"replicas": 2, "readyReplicas": 0, "updatedReplicas": 0}))]
#[case("/metadata/finalizers", json!(["foregroundDeletion"]))]
fn the_rest_is_kept_and_no_news(#[case] pointer: &str, #[case] value: Value) {
    let mut cache = cache();
    assert_eq!(names(&cache.on_release(Change::Seen(changed(pointer, value.clone())))), NOBODY);
    let held = json!(*cache.releases.get(&key("shop")).unwrap());
    assert_eq!(held.pointer(pointer), Some(&value));
}

#[test]
fn an_older_version_never_replaces_a_newer_one() {
    let mut cache = cache();
    assert_eq!(names(&cache.on_release(Change::Seen(release("shop", 9, MARKET)))), NOBODY);
    assert_eq!(members(&cache, "shop"), ["shop"]);
}

#[test]
fn members_are_told_oldest_first() {
    let mut cache = Cache::default();
    for (name, made) in
        [("api", "2026-01-02T00:00:00Z"), ("web", "2026-01-01T00:00:00Z"), ("db", "2026-01-02T00:00:00Z")]
    {
        let mut release = release(name, 1, MARKET);
        release.metadata.creation_timestamp = parse(json!(made));
        cache.on_release(Change::Seen(release));
    }
    assert_eq!(members(&cache, "market"), ["web", "api", "db"]);
}

#[test]
fn lone_nodes_are_members_of_nothing() {
    let mut cache = Cache::default();
    cache.on_release(Change::Seen(release("shop", 1, ALONE)));
    assert_eq!(members(&cache, "shop"), NOBODY);
    assert_eq!(cluster_key(&release("shop", 1, ALONE)), None);
}

#[test]
fn a_deletion_concerns_those_who_stay() {
    let mut cache = cache();
    assert_eq!(names(&cache.on_release(Change::Gone(release("api", 11, MARKET)))), ["web", "api"]);
    assert_eq!(members(&cache, "market"), ["web"]);
    assert_eq!(names(&cache.on_release(Change::Gone(release("api", 11, MARKET)))), NOBODY);
}

#[test]
fn what_a_list_no_longer_names_is_gone_when_it_ends() {
    let mut cache = cache();
    assert_eq!(names(&cache.on_release(Change::Begin)), NOBODY);
    for (name, spec) in [("api", MARKET), ("shop", "")] {
        assert_eq!(names(&cache.on_release(Change::Seen(release(name, 10, spec)))), NOBODY);
    }
    assert_eq!(cache.releases.len(), 3);
    assert_eq!(names(&cache.on_release(Change::End)), ["api", "web"]);
    assert_eq!(members(&cache, "market"), ["api"]);
}

/// A release at a version that cannot be read.
fn unreadable(name: &str, version: u64) -> Unreadable {
    Unreadable { metadata: release(name, version, "").metadata, status: None, problem: "spec.image: is 7".to_owned() }
}

#[test]
fn a_release_that_cannot_be_read_is_kept_as_it_was() {
    let mut cache = cache();
    cache.on_release(Change::Begin);
    for name in ["api", "web", "shop"] {
        assert_eq!(names(&cache.releases.put_unreadable(unreadable(name, 11))), [name]);
        assert_eq!(names(&cache.releases.put_unreadable(unreadable(name, 11))), NOBODY, "it is no news");
    }
    assert_eq!(names(&cache.on_release(Change::End)), NOBODY);
    assert_eq!(members(&cache, "market"), ["api", "web"]);
    assert_eq!(cache.releases.unreadable(&key("api")).unwrap().problem, "spec.image: is 7");
}

#[test]
fn of_one_that_never_could_be_read_only_that_is_known() {
    let mut cache = cache();
    cache.releases.put_unreadable(unreadable("broken", 11));
    assert_eq!(cache.releases.get(&key("broken")), None);
    let owners =
        |cache: &Cache, namespace: &str| cache.releases.unreadable_in(namespace).filter_map(Unreadable::owner).count();
    assert_eq!((owners(&cache, "store"), owners(&cache, "stor"), owners(&cache, "store2")), (1, 0, 0));
}

/// Whatever cluster it was in, its neighbours have kept what they share for it.
#[rstest]
#[case::mended(Change::Seen(release("broken", 12, "")), &["api", "shop", "web", "broken", "broken"])]
#[case::deleted(Change::Gone(release("broken", 12, "")), &["api", "shop", "web", "broken"])]
fn what_becomes_of_one_that_cannot_be_read_concerns_its_namespace(
    #[case] change: Change<ElixirRelease>,
    #[case] expected: &[&str],
) {
    let mut cache = cache();
    cache.releases.put_unreadable(unreadable("broken", 11));
    assert_eq!(names(&cache.on_release(change)), expected);
    assert_eq!(cache.releases.unreadable(&key("broken")), None);
}

#[test]
fn one_that_a_list_no_longer_names_is_gone() {
    let mut cache = Cache::default();
    cache.releases.put_unreadable(unreadable("broken", 11));
    cache.on_release(Change::Begin);
    assert_eq!(names(&cache.on_release(Change::End)), ["broken"]);
    assert_eq!(cache.releases.unreadable(&key("broken")), None);
}

/// A status that was written while the release could be read may return after the watch told that it no longer can.
#[test]
fn an_earlier_version_does_not_make_it_readable() {
    let mut cache = cache();
    cache.releases.put_unreadable(unreadable("shop", 13));
    assert_eq!(names(&cache.releases.put_written(changed("/spec/replicas", json!(2)))), NOBODY);
    assert!(cache.releases.unreadable(&key("shop")).is_some());
}

#[test]
fn the_echo_of_a_written_status_names_nobody() {
    let mut cache = cache();
    let written = changed("/status", json!({"replicas": 2, "readyReplicas": 0, "updatedReplicas": 0}));
    assert_eq!(names(&cache.releases.put_written(written.clone())), NOBODY);
    assert_eq!(names(&cache.on_release(Change::Seen(written))), NOBODY);
}

#[test]
fn a_change_that_is_seen_with_a_written_status_is_news_once() {
    let mut cache = cache();
    let written = changed("/spec/replicas", json!(2));
    assert_eq!(names(&cache.releases.put_written(written.clone())), ["shop"]);
    assert_eq!(names(&cache.on_release(Change::Seen(written))), NOBODY);
}

#[test]
fn a_written_status_brings_no_deleted_release_back() {
    let mut cache = cache();
    cache.on_release(Change::Gone(release("shop", 12, "")));
    assert_eq!(names(&cache.releases.put_written(release("shop", 11, ""))), NOBODY);
    assert_eq!(cache.releases.get(&key("shop")), None);
}

#[test]
fn who_waits_for_a_release_hears_when_it_comes_further() {
    let mut cache = Cache::default();
    cache.on_release(Change::Seen(release("api", 1, "")));
    cache.on_release(Change::Seen(release("web", 1, "rollout: {after: [api]}")));
    cache.on_release(Change::Seen(release("blog", 1, "")));
    let mut told = release("api", 2, "");
    told.status = serde_json::from_value(json!({"rollout": {"phase": "Complete"}})).unwrap();
    assert_eq!(names(&cache.on_release(Change::Seen(told.clone()))), ["web"]);
    told.metadata.resource_version = Some("3".to_owned());
    assert_eq!(names(&cache.on_release(Change::Seen(told.clone()))), NOBODY);
    told.metadata.resource_version = Some("4".to_owned());
    assert_eq!(names(&cache.on_release(Change::Gone(told))), ["web", "api"]);
}

#[test]
fn who_waits_for_itself_is_known_with_its_way() {
    let mut cache = Cache::default();
    let after = |name: &str, others: &str| release(name, 1, &format!("rollout: {{after: [{others}]}}"));
    for waiting in [after("a", "x, b"), after("b", "c, x"), after("c", "a"), after("d", "a"), after("e", "e")] {
        cache.on_release(Change::Seen(waiting));
    }
    let way = |name: &str| cache.releases.cycle(&key(name)).map(|way| way.join(" "));
    assert_eq!(way("a").as_deref(), Some("b c a"));
    assert_eq!(way("c").as_deref(), Some("a b c"));
    assert_eq!(way("d"), None, "it only waits for some that never end");
    assert_eq!(way("e").as_deref(), Some("e"));
}
