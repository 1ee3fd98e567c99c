//! What is gathered about a release, and what of its neighbours is not.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Value, json};

use super::*;
use crate::controller::cache::Change;
use crate::controller::fixture::parse;
use crate::resources::fixture;
use crate::resources::reference::{Content, Reference, ReferenceKind};

const MARKET: &str = "cluster: {name: market}";

fn key(name: &str) -> Key {
    Key::new("store", name)
}

/// Releases of these names, the first the oldest.
fn cache(releases: &[(&str, &str)]) -> Cache {
    let mut cache = Cache::default();
    for (age, (name, spec)) in releases.iter().enumerate() {
        let mut release = fixture::named(name, spec);
        release.metadata.resource_version = Some("1".to_owned());
        release.metadata.creation_timestamp = parse(json!(format!("2026-01-01T00:00:0{age}Z")));
        cache.on_release(Change::Seen(release));
    }
    cache
}

/// A child with this label and owner, and what else it says.
fn child(cache: &mut Cache, kind: ChildKind, name: &str, label: (&str, &str), owner: &str, more: &Value) {
    let owner = json!({"apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "name": owner,
        "uid": format!("uid-of-{owner}")});
    let mut object = json!({
        "metadata": {"name": name, "namespace": "store", "uid": format!("uid-of-{name}"), "resourceVersion": "1",
            "labels": {(format!("beam-operator.io/{}", label.0)): label.1}, "ownerReferences": [owner]},
    });
    for (field, value) in more.as_object().unwrap() {
        object[field] = value.clone();
    }
    cache.on_child(kind, Change::Seen(parse(with_kind(object, kind))));
}

fn with_kind(mut object: Value, kind: ChildKind) -> Value {
    let resource = kind.api_resource();
    object["apiVersion"] = resource.api_version.into();
    object["kind"] = resource.kind.into();
    object
}

fn of(cache: &Cache, name: &str) -> Observed {
    Observed::of(cache, &key(name), &[]).unwrap()
}

fn names(children: &[Child]) -> Vec<&str> {
    children.iter().map(|child| &*child.name).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn of_a_release_that_is_gone_there_is_nothing() {
    assert!(Observed::of(&cache(&[]), &key("shop"), &[]).is_none());
}

#[test]
fn members_are_those_of_the_cluster_and_the_oldest_is_first() {
    let cache = cache(&[("web", MARKET), ("blog", ""), ("api", MARKET), ("lone", "cluster: {distribution: Disabled}")]);
    let members = |name: &str| {
        let observed = of(&cache, name);
        observed.members.iter().map(|member| member.metadata.name.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(members("api"), ["web", "api"]);
    assert_eq!(members("blog"), ["blog"]);
    assert_eq!(members("lone"), NOTHING);
}

#[test]
fn children_are_its_own_or_of_its_cluster_or_left_behind_by_it() {
    let mut cache = cache(&[("shop", MARKET), ("blog", "")]);
    let service = ChildKind::Service;
    child(&mut cache, service, "shop", ("release", "shop"), "shop", &json!({}));
    child(&mut cache, service, "blog", ("release", "blog"), "blog", &json!({}));
    child(&mut cache, service, "market-nodes", ("cluster", "market"), "shop", &json!({}));
    // Of clusters that it has left: one where nobody is, one where somebody is, and one that was never its own.
    child(&mut cache, service, "fair-nodes", ("cluster", "fair"), "shop", &json!({}));
    child(&mut cache, service, "blog-nodes", ("cluster", "blog"), "shop", &json!({}));
    child(&mut cache, service, "bazaar-nodes", ("cluster", "bazaar"), "other", &json!({}));

    let observed = of(&cache, "shop");
    assert_eq!(names(&observed.children), ["shop"]);
    assert_eq!(names(&observed.shared), ["market-nodes"]);
    assert_eq!(names(&observed.abandoned), ["fair-nodes"]);
    for (name, is_known) in [("shop", true), ("market-nodes", true), ("fair-nodes", false), ("blog", false)] {
        assert_eq!(observed.child(service, name).is_some(), is_known, "{name}");
    }
    assert!(observed.child(ChildKind::Secret, "shop").is_none(), "the kind counts");
}

#[test]
fn a_lone_node_leaves_a_cluster_behind_too() {
    let mut cache = cache(&[("shop", "cluster: {distribution: Disabled}")]);
    child(&mut cache, ChildKind::Service, "shop-nodes", ("cluster", "shop"), "shop", &json!({}));
    let observed = of(&cache, "shop");
    assert_eq!((names(&observed.shared), names(&observed.abandoned)), (vec![], vec!["shop-nodes"]));
}

fn deployment(cache: &mut Cache, owner: &str) {
    let labels = json!({"beam-operator.io/revision": "shop-2"});
    let spec = json!({"spec": {"replicas": 3, "template": {"metadata": {"labels": labels}}}});
    child(cache, ChildKind::Deployment, "shop", ("release", "shop"), owner, &spec);
}

#[test]
fn a_deployment_of_somebody_else_tells_nothing_of_the_release() {
    let mut cache = cache(&[("shop", "")]);
    deployment(&mut cache, "other");
    let observed = of(&cache, "shop");
    assert_eq!((observed.workload(None), observed.running_revision()), (None, None));

    let mut cache = self::cache(&[("shop", "")]);
    deployment(&mut cache, "shop");
    assert_eq!(of(&cache, "shop").workload(None).unwrap().wanted, 3);
}

#[test]
fn the_newest_revision_is_first_and_runs_if_no_deployment_says_otherwise() {
    let mut cache = cache(&[("shop", "")]);
    for (name, number) in [("shop-1", 1), ("shop-3", 3), ("shop-2", 2)] {
        let record = json!({"revision": number, "data": {}});
        child(&mut cache, ChildKind::ControllerRevision, name, ("release", "shop"), "shop", &record);
    }
    let leaving = json!({"revision": 4, "data": {}, "metadata": {"name": "shop-4", "namespace": "store", "uid": "4",
        "resourceVersion": "1", "deletionTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"beam-operator.io/release": "shop"}}});
    child(&mut cache, ChildKind::ControllerRevision, "shop-4", ("release", "shop"), "shop", &leaving);

    let observed = of(&cache, "shop");
    assert_eq!(observed.children.len(), 4);
    let history: Vec<_> = observed.history().iter().map(|(name, revision)| (*name, revision.number)).collect();
    assert_eq!(history, [("shop-3", 3), ("shop-2", 2), ("shop-1", 1)]);
    assert_eq!(observed.running_revision(), Some("shop-3"));

    deployment(&mut cache, "shop");
    assert_eq!(of(&cache, "shop").running_revision(), Some("shop-2"));
}

#[test]
fn the_template_that_was_read_is_known() {
    let mut cache = cache(&[("shop", "")]);
    assert_eq!(of(&cache, "shop").pinned, None);
    cache.pin(key("shop"), "shop-2", PodTemplateSpec::default());
    assert!(of(&cache, "shop").pinned.is_some_and(|(revision, _)| &*revision == "shop-2"));
}

#[test]
fn of_what_the_pods_read_only_what_exists_is_there() {
    let mut cache = cache(&[("shop", "")]);
    let [there, missing] =
        [ReferenceKind::ConfigMap, ReferenceKind::Secret].map(|kind| Reference { kind, name: "it".to_owned() });
    let unread = cache.contents.track(&key("shop"), [there.clone(), missing.clone()].into());
    let content = Content {
        digest: 7,
        keys: ["a".to_owned()].into(),
        file_keys: [].into(),
        restart: true,
        cookie_flaws: [].into(),
        certificate: None,
    };
    for (unread, found) in unread.iter().zip([Some((1, content.clone())), None]) {
        cache.contents.put("store", unread, found);
    }
    let uses = [there.clone(), missing].map(|reference| Use {
        reference,
        field: "spec.envFrom[0]".to_owned(),
        named_by: "spec.envFrom[0].name".to_owned(),
        key: None,
        is_file: false,
        optional: false,
    });
    let observed = Observed::of(&cache, &key("shop"), &uses).unwrap();
    assert_eq!(observed.contents, Contents::from([(there, content)]));
}
