//! The index as tables: what goes in, what is held then, and who is to look again.

mod children;
mod contents;
mod pods;
mod releases;
mod routes;

use super::*;
use crate::resources::fixture;

/// A release as it is stored at a version.
fn release(name: &str, version: u64, spec: &str) -> ElixirRelease {
    let mut release = fixture::named(name, spec);
    release.metadata.resource_version = Some(version.to_string());
    release
}

fn key(name: &str) -> Key {
    Key::new("store", name)
}

fn names(keys: &[Key]) -> Vec<&str> {
    assert!(keys.iter().all(|key| &*key.namespace == "store"));
    keys.iter().map(|key| &*key.name).collect()
}

const NOBODY: [&str; 0] = [];

#[test]
fn a_release_that_is_gone_is_forgotten_with_what_it_refers_to() {
    use crate::resources::reference::{Reference, ReferenceKind};

    let mut cache = Cache::default();
    cache.on_release(Change::Seen(release("shop", 1, "")));
    cache.contents.track(&key("shop"), [Reference { kind: ReferenceKind::Secret, name: "env".to_owned() }].into());
    cache.pin(key("shop"), "shop-1", PodTemplateSpec::default());
    assert_eq!(cache.sizes(), [("release", 1), ("child", 0), ("pod", 0), ("reference", 1), ("route", 0)]);

    assert_eq!(names(&cache.on_release(Change::Gone(release("shop", 2, "")))), ["shop"]);
    assert_eq!(cache.sizes(), [("release", 0), ("child", 0), ("pod", 0), ("reference", 0), ("route", 0)]);
    assert_eq!(cache.pinned(&key("shop")), None);
}

#[test]
fn only_the_template_that_was_read_last_is_pinned() {
    let mut cache = Cache::default();
    cache.pin(key("shop"), "shop-1", PodTemplateSpec::default());
    cache.pin(key("shop"), "shop-2", PodTemplateSpec::default());
    let (revision, _) = cache.pinned(&key("shop")).unwrap();
    assert_eq!(&*revision, "shop-2");
    assert_eq!(cache.pinned(&key("web")), None);
}
