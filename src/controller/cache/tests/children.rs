//! Children, by release and by cluster.

use kube::api::DynamicObject;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::controller::fixture::parse;
use crate::controller::live::LiveChild;
use crate::controller::view::Child;

/// Labels of a child of release `shop`, and of what cluster `market` shares.
const OF_SHOP: &[(&str, &str)] = &[("beam-operator.io/cluster", "market"), ("beam-operator.io/release", "shop")];
const OF_MARKET: &[(&str, &str)] = &[("beam-operator.io/cluster", "market")];

/// An object that the operator applied, at a version, with one field of ours.
fn object(name: &str, version: u64, labels: &[(&str, &str)], ours: &str) -> DynamicObject {
    let labels: HashMap<_, _> = labels.iter().copied().collect();
    let fields = json!({"f:spec": {"f:ours": {}}});
    parse(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": name, "namespace": "store", "uid": format!("uid-of-{name}"), "resourceVersion": version.to_string(),
            "labels": labels,
            "managedFields": [{"manager": "beam-operator", "operation": "Apply", "fieldsV1": fields}],
        },
        "spec": {"ours": ours},
    }))
}

/// Service `shop` of release `shop`, at a version.
fn service(version: u64, ours: &str) -> DynamicObject {
    object("shop", version, OF_SHOP, ours)
}

fn with(mut object: DynamicObject, field: &str, value: Value) -> DynamicObject {
    object.data[field] = value;
    object
}

/// The cache of releases `api` and `shop` in cluster `market`, with Service `shop` at version 10.
fn cache() -> Cache {
    let mut cache = Cache::default();
    for name in ["api", "shop"] {
        cache.on_release(Change::Seen(release(name, 1, "cluster: {name: market}")));
    }
    seen(&mut cache, service(10, "a"));
    cache
}

fn seen(cache: &mut Cache, object: DynamicObject) -> Vec<Key> {
    cache.on_child(ChildKind::Service, Change::Seen(object.into()))
}

fn of_shop(cache: &Cache) -> &[Child] {
    cache.children.of(&Group::Release(key("shop")))
}

fn of_market(cache: &Cache) -> &[Child] {
    cache.children.of(&Group::Cluster(key("market")))
}

#[rstest]
#[case::a_field_of_ours(service(11, "b"), &["shop"])]
#[case::our_ownership(with(service(11, "a"), "spec", json!({})), &["shop"])]
#[case::another_child(object("peers", 11, OF_SHOP, "a"), &["shop"])]
#[case::what_members_share(object("peers", 11, OF_MARKET, "a"), &["api", "shop"])]
#[case::a_field_of_others(with(service(11, "a"), "status", json!({"loadBalancer": {}})), &[])]
#[case::the_same(service(10, "a"), &[])]
#[case::an_older_one(service(9, "b"), &[])]
#[case::of_nobody(object("other", 11, &[], "a"), &[])]
fn a_change_concerns_whose_it_is_if_anything_that_is_kept_changed(
    #[case] object: DynamicObject,
    #[case] expected: &[&str],
) {
    assert_eq!(names(&seen(&mut cache(), object)), expected);
}

#[test]
fn progress_of_a_deployment_is_news_and_its_bookkeeping_is_not() {
    let deployment = |version, status| {
        let deployment = with(service(version, "a"), "spec", json!({"ours": "a", "template": {}}));
        with(deployment, "status", status).into()
    };
    let mut cache = Cache::default();
    let mut seen = |object| names(&cache.on_child(ChildKind::Deployment, Change::Seen(object))).len();
    assert_eq!(seen(deployment(1, json!({"readyReplicas": 1}))), 1);
    assert_eq!(seen(deployment(2, json!({"readyReplicas": 2}))), 1);
    assert_eq!(seen(deployment(3, json!({"readyReplicas": 2, "collisionCount": 1}))), 0);
}

#[test]
fn an_older_version_never_replaces_a_newer_one() {
    let mut cache = cache();
    seen(&mut cache, service(9, "b"));
    assert_eq!(of_shop(&cache)[0].version, 10);
}

#[test]
fn an_object_made_anew_replaces_the_one_that_it_follows() {
    let mut cache = cache();
    let mut anew = service(11, "a");
    anew.metadata.uid = Some("another".to_owned());
    assert_eq!(names(&seen(&mut cache, anew)), ["shop"]);

    // The deletion of the first may be told late.
    assert_eq!(names(&cache.on_child(ChildKind::Service, Change::Gone(service(10, "a").into()))), NOBODY);
    assert_eq!(&*of_shop(&cache)[0].uid, "another");
}

#[test]
fn the_echo_of_a_write_names_nobody() {
    let mut cache = cache();
    cache.children.put_written(ChildKind::Service, service(11, "b").into(), Some(7));
    assert!(of_shop(&cache)[0].is_as(7));
    assert_eq!(names(&seen(&mut cache, service(11, "b"))), NOBODY);
    assert!(of_shop(&cache)[0].is_as(7));
}

#[test]
fn an_answer_that_comes_after_its_echo_still_tells_what_was_applied() {
    let mut cache = cache();
    seen(&mut cache, service(11, "b"));
    cache.children.put_written(ChildKind::Service, service(11, "b").into(), Some(7));
    assert!(of_shop(&cache)[0].is_as(7));
}

#[test]
fn an_answer_that_comes_after_a_later_change_tells_nothing() {
    let mut cache = cache();
    seen(&mut cache, service(12, "c"));
    cache.children.put_written(ChildKind::Service, service(11, "b").into(), Some(7));
    assert!(!of_shop(&cache)[0].is_as(7));
    assert_eq!(of_shop(&cache)[0].version, 12);
}

#[test]
fn an_answer_that_comes_after_the_deletion_brings_nothing_back() {
    let mut cache = cache();
    assert_eq!(
        names(&cache.on_child(ChildKind::Service, Change::Gone(object("peers", 12, OF_SHOP, "a").into()))),
        NOBODY
    );
    cache.children.put_written(ChildKind::Service, object("peers", 11, OF_SHOP, "a").into(), Some(7));
    assert_eq!(of_shop(&cache).len(), 1, "only the one that was there before");
}

#[test]
fn a_child_that_the_api_server_does_not_know_is_forgotten() {
    let mut cache = cache();
    cache.children.forget("uid-of-peers");
    assert_eq!(of_shop(&cache).len(), 1);
    cache.children.forget("uid-of-shop");
    assert!(cache.children.is_empty());
}

#[test]
fn what_was_applied_counts_until_somebody_changes_it() {
    let mut cache = cache();
    cache.children.put_written(ChildKind::Service, service(11, "b").into(), Some(7));
    seen(&mut cache, with(service(12, "b"), "status", json!({})));
    assert!(of_shop(&cache)[0].is_as(7));
    assert_eq!(names(&seen(&mut cache, service(13, "c"))), ["shop"]);
    assert!(!of_shop(&cache)[0].is_as(7));
}

#[test]
fn a_deletion_concerns_whose_it_was() {
    let mut cache = cache();
    assert_eq!(names(&cache.on_child(ChildKind::Service, Change::Gone(service(11, "a").into()))), ["shop"]);
    assert!(cache.children.is_empty());
}

#[test]
fn what_a_list_no_longer_names_is_gone_when_it_ends() {
    let mut cache = cache();
    seen(&mut cache, object("peers", 10, OF_MARKET, "a"));
    cache.on_child(ChildKind::Role, Change::Seen(object("role", 10, OF_SHOP, "a").into()));

    cache.on_child(ChildKind::Service, Change::Begin);
    assert_eq!(names(&seen(&mut cache, service(10, "a"))), NOBODY);
    assert_eq!(names(&cache.on_child(ChildKind::Service, Change::End)), ["api", "shop"]);

    let held: Vec<_> = of_shop(&cache).iter().map(|child| (child.kind, &*child.name)).collect();
    assert_eq!(held, [(ChildKind::Service, "shop"), (ChildKind::Role, "role")]);
}

#[test]
fn a_list_that_names_everything_is_no_news() {
    let mut cache = cache();
    for change in [Change::Begin, Change::Seen(service(10, "a").into()), Change::End] {
        assert_eq!(names(&cache.on_child(ChildKind::Service, change)), NOBODY);
    }
}

#[test]
fn a_child_that_is_relabelled_moves() {
    let mut cache = cache();
    assert_eq!(names(&seen(&mut cache, object("shop", 11, OF_MARKET, "a"))), ["shop", "api", "shop"]);
    assert_eq!((of_shop(&cache).len(), of_market(&cache).len()), (0, 1));

    assert_eq!(names(&seen(&mut cache, service(10, "a"))), NOBODY, "an older view does not move it back");
    cache.children.put_written(ChildKind::Service, service(12, "a").into(), Some(7));
    assert_eq!((of_shop(&cache).len(), of_market(&cache).len()), (1, 0));
}

#[test]
fn a_child_that_loses_its_labels_is_gone() {
    let mut cache = cache();
    assert_eq!(names(&seen(&mut cache, object("shop", 11, &[], "a"))), ["shop"]);
    assert!(cache.children.is_empty());
}

#[test]
fn a_child_without_the_label_of_its_release_is_known_by_its_controller() {
    let mut shop = object("shop", 11, OF_MARKET, "a");
    shop.metadata.owner_references = crate::resources::owner(&fixture::release("")).map(|owner| vec![owner]);
    let mut cache = cache();
    seen(&mut cache, shop);
    assert_eq!((of_shop(&cache).len(), of_market(&cache).len()), (1, 0));
}

#[test]
fn what_a_release_still_owns_elsewhere_is_found() {
    let mut cache = Cache::default();
    for (name, cluster) in [("old-nodes", "old"), ("shop-nodes", "shop"), ("zoo-nodes", "zoo")] {
        let mut service = object(name, 10, &[("beam-operator.io/cluster", cluster)], "a");
        service.metadata.owner_references = parse(json!([
            {"apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "name": "shop", "uid": "uid-of-shop"},
        ]));
        seen(&mut cache, service);
    }
    let home = key("shop");
    let found = cache.children.shared_elsewhere(&home, "uid-of-shop");
    assert_eq!(
        found.map(|(cluster, child)| (&*cluster.name, &*child.name)).collect::<Vec<_>>(),
        [("old", "old-nodes"), ("zoo", "zoo-nodes")]
    );
    assert_eq!(cache.children.shared_elsewhere(&home, "another").count(), 0);
}

/// What a Secret holds is not looked at, so each of its versions counts; of what is looked at, only what differs.
#[test]
fn another_version_of_a_secret_may_hold_something_else() {
    let mut cache = cache();
    assert_eq!(seen(&mut cache, service(11, "a")), []);
    let mut secret = |version| {
        let metadata = object("market-cookie", version, OF_MARKET, "a").metadata;
        cache.on_child(ChildKind::Secret, Change::Seen(LiveChild::without_content(metadata)))
    };
    let both = [key("api"), key("shop")];
    assert_eq!([secret(20), secret(21), secret(21)], [both.to_vec(), both.to_vec(), Vec::new()]);
}
