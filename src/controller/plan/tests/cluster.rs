//! What the releases of a cluster share.

use super::*;
use crate::resources::labels;

const API: &str = "cluster: {name: market}";
const WEB: &str = "{image: 'web:1', ports: [{containerPort: 4000}], cluster: {name: market}}";

/// Releases `api` and `web` in cluster `market`, at rest.
fn market() -> World {
    let mut world = World::default();
    world.store("api", API);
    world.store("web", WEB);
    world.settle();
    world
}

fn shared(plan: &Plan) -> Vec<&Desired> {
    let desired = plan.steps.iter().filter_map(|step| match step {
        Step::Create(desired) | Step::Update(desired, _) => Some(desired),
        _ => None,
    });
    desired.filter(|desired| matches!(desired.group, Some(Group::Cluster(_)))).collect()
}

#[test]
fn every_member_plans_the_same_shared_objects() {
    let mut world = World::default();
    world.store("api", API);
    world.store("web", WEB);
    let (api, web) = (world.plan("api"), world.plan("web"));
    assert_eq!(shared(&api), shared(&web));
    assert_eq!(shared(&api).len(), 1);
}

/// A member that is not valid has its Service under the cluster's own name, so nobody takes it for a traffic Service.
#[test]
fn a_traffic_service_is_not_taken_for_what_members_share() {
    let mut world = market();
    let web = world.object(ChildKind::Service, "web").cloned().unwrap();
    world.store("worker", "cluster: {name: market, service: {name: web}}");
    for _ in 0..3 {
        world.reconcile("web", usize::MAX);
        world.reconcile("api", usize::MAX);
    }
    assert_eq!(world.object(ChildKind::Service, "web"), Some(&web));
    assert_eq!(world.object(ChildKind::Service, "market-nodes").unwrap().owners().len(), 3);
}

#[test]
fn every_member_owns_what_they_share() {
    let world = market();
    let owners = ["uid-of-api", "uid-of-web"];
    assert_eq!(world.cookie("api").unwrap().owners(), owners);
    assert_eq!(world.object(ChildKind::Service, "market-nodes").unwrap().owners(), owners);
}

#[test]
fn a_newcomer_becomes_an_owner_and_the_cookie_stays() {
    let mut world = World::default();
    world.store("api", API);
    world.settle();
    let before = world.cookie("api").cloned().unwrap();
    world.store("web", WEB);
    world.settle();

    let after = world.cookie("api").unwrap();
    assert_eq!((&after.uid, &after.theirs["data"]), (&before.uid, &before.theirs["data"]));
    assert_eq!(after.owners(), ["uid-of-api", "uid-of-web"]);
}

#[test]
fn deleting_one_member_leaves_the_other_whole() {
    let mut world = market();
    let cookie = world.cookie("web").unwrap().uid.clone();
    let kept = |world: &World| world.objects.values().filter(|object| object.owners() == ["uid-of-web"]).count();
    world.releases.remove("api");
    world.settle();

    assert_eq!(world.cookie("web").unwrap().uid, cookie);
    assert_eq!(world.object(ChildKind::Service, "market-nodes").unwrap().owners(), ["uid-of-web"]);
    assert_eq!(kept(&world), world.objects.len());
    assert_eq!(world.names(ChildKind::Deployment), ["web"]);
}

#[test]
fn the_last_member_takes_everything_with_it() {
    let mut world = market();
    world.releases.clear();
    world.settle();
    assert!(world.objects.is_empty());
}

#[test]
fn who_leaves_a_cluster_leaves_its_objects_to_those_who_stay() {
    let mut world = market();
    world.store("web", "{image: 'web:1', cluster: {name: web}}");
    world.settle();

    assert_eq!(world.object(ChildKind::Service, "market-nodes").unwrap().owners(), ["uid-of-api"]);
    assert_eq!(world.cookie("api").unwrap().owners(), ["uid-of-api"]);
    assert_eq!(world.object(ChildKind::Service, "web-nodes").unwrap().owners(), ["uid-of-web"]);
}

#[test]
fn who_leaves_a_cluster_last_cleans_up_but_keeps_the_cookie() {
    let mut world = World::with("cluster: {name: market}");
    world.store("shop", "cluster: {name: shop}");
    world.settle();

    assert_eq!(world.names(ChildKind::Service), ["shop-nodes"]);
    assert_eq!(world.names(ChildKind::Secret), ["market-cookie", "shop-cookie"]);
}

#[test]
fn lone_nodes_share_nothing() {
    let mut world = World::with("");
    world.store("shop", "cluster: {distribution: Disabled}");
    world.settle();
    assert_eq!(world.names(ChildKind::Service), NOTHING);
    assert_eq!(world.names(ChildKind::NetworkPolicy), NOTHING);
}

#[test]
fn a_service_that_moves_with_its_only_release_is_kept() {
    let mut world = World::with("cluster: {name: market, service: {name: peers}}");
    let before = world.object(ChildKind::Service, "peers").unwrap().uid.clone();
    world.store("shop", "cluster: {name: shop, service: {name: peers}}");
    world.settle();

    let after = world.object(ChildKind::Service, "peers").unwrap();
    assert_eq!(after.uid, before);
    assert_eq!(after.label(labels::CLUSTER), Some("shop"));
}

#[test]
fn what_its_owner_left_behind_is_cleaned_up_by_those_who_came() {
    let mut world = World::with("cluster: {name: market, service: {name: peers}}");
    world.store("shop", "cluster: {name: shop}");
    world.store("web", WEB);
    world.settle();
    assert_eq!(world.names(ChildKind::Service), ["market-nodes", "shop-nodes", "web"]);
}

#[test]
fn a_member_does_not_delete_a_child_of_another_that_lost_its_label() {
    let mut world = market();
    let label = format!("{}/{}", stored::LABELS, labels::RELEASE.replace('/', "~1"));
    for (kind, name) in [(ChildKind::Deployment, "web"), (ChildKind::Service, "web")] {
        world.object_mut(kind, name).meddle(&label, None);
    }
    assert_eq!(told(&world.plan("api")), NOTHING);
}

/// [`market`] after the operator was replaced by one that cannot read `api`. Nobody knows which cluster that is in.
fn market_with_one_that_cannot_be_read() -> World {
    let mut world = market();
    world.unreadable.insert("api".to_owned());
    world.settle();
    world
}

fn owners(world: &World) -> [std::collections::BTreeSet<String>; 2] {
    let owners = |kind, name| world.object(kind, name).unwrap().owners().iter().map(ToString::to_string).collect();
    [owners(ChildKind::Secret, "market-cookie"), owners(ChildKind::Service, "market-nodes")]
}

fn uids<const N: usize>(releases: [&str; N]) -> std::collections::BTreeSet<String> {
    releases.iter().map(|release| format!("uid-of-{release}")).collect()
}

#[test]
fn who_cannot_be_read_stays_an_owner() {
    let mut world = market_with_one_that_cannot_be_read();
    assert_eq!(owners(&world), [uids(["api", "web"]), uids(["api", "web"])]);
    world.store("db", API);
    world.settle();
    assert_eq!(owners(&world), [uids(["api", "db", "web"]), uids(["api", "db", "web"])]);
    world.store("lone", "");
    world.settle();
    assert_eq!(world.object(ChildKind::Service, "lone-nodes").unwrap().owners(), ["uid-of-lone"]);
}

#[test]
fn what_it_shares_outlives_the_last_member_that_can_be_read() {
    let mut world = market_with_one_that_cannot_be_read();
    let cookie = world.object(ChildKind::Secret, "market-cookie").unwrap().uid.clone();
    world.releases.remove("web");
    world.settle();
    assert_eq!(world.object(ChildKind::Secret, "market-cookie").unwrap().uid, cookie);
    assert_eq!(world.names(ChildKind::Service), ["market-nodes"]);
}

#[test]
fn who_leaves_it_alone_cleans_nothing_up_before_it_can_be_read() {
    let mut world = market_with_one_that_cannot_be_read();
    world.store("web", "{image: 'web:1', cluster: {name: web}}");
    world.settle();
    assert_eq!(world.names(ChildKind::Service), ["market-nodes", "web-nodes"]);

    world.unreadable.clear();
    world.settle();
    assert_eq!(owners(&world), [uids(["api"]), uids(["api"])]);
}

#[test]
fn a_headless_service_that_only_it_asked_for_is_kept() {
    let mut world = World::default();
    world.store("api", "cluster: {name: market, service: {name: legacy}}");
    world.store("web", WEB);
    world.settle();
    world.unreadable.insert("api".to_owned());
    world.settle();
    assert_eq!(world.names(ChildKind::Service), ["legacy", "market-nodes", "web"]);
}
