//! What is known of the objects that pods read: their versions by watching, their content by reading.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use rstest::rstest;

use super::*;
use crate::controller::fixture::meta;
use crate::resources::reference::{Content, Reference, ReferenceKind};

fn env() -> Reference {
    Reference { kind: ReferenceKind::Secret, name: "env".to_owned() }
}

/// The Secret, asked for when this version of it was the newest known.
fn unread(newest: u64) -> Unread {
    Unread { reference: env(), newest }
}

fn content(digest: u64) -> Content {
    Content { digest, restart: true, ..Content::default() }
}

fn seen(version: u64) -> Change<ObjectMeta> {
    Change::Seen(meta("env", version))
}

fn gone(version: u64) -> Change<ObjectMeta> {
    Change::Gone(meta("env", version))
}

/// An index in which releases `shop` and `web` refer to Secret `env`, which was read at version 10.
fn index() -> ContentIndex {
    let mut index = ContentIndex::default();
    for release in ["shop", "web"] {
        index.track(&key(release), [env()].into());
    }
    index.put("store", &unread(0), Some((10, content(1))));
    index
}

fn change(index: &mut ContentIndex, change: Change<ObjectMeta>) -> Vec<Key> {
    index.on_change(ReferenceKind::Secret, change)
}

fn known(index: &ContentIndex) -> Lookup {
    index.lookup("store", &env())
}

#[test]
fn what_is_new_to_a_release_is_unread_until_it_is_read() {
    let mut index = ContentIndex::default();
    assert_eq!(index.track(&key("shop"), [env()].into()), [unread(0)]);
    assert_eq!(known(&index), Lookup::Unknown);

    index.put("store", &unread(0), Some((10, content(1))));
    assert_eq!(known(&index), Lookup::Known(content(1)));
    assert_eq!(index.track(&key("shop"), [env()].into()), []);
    assert_eq!(index.track(&key("web"), [env()].into()), [], "a second user need not read it again");
}

#[rstest]
#[case::newer(seen(11), &["shop", "web"], Lookup::Changed(content(1)))]
#[case::the_same(seen(10), &[], Lookup::Known(content(1)))]
#[case::older(seen(9), &[], Lookup::Known(content(1)))]
#[case::deleted(gone(11), &["shop", "web"], Lookup::Missing)]
#[case::deleted_before_it_was_made_again(gone(9), &[], Lookup::Known(content(1)))]
#[case::another(Change::Seen(meta("other", 11)), &[], Lookup::Known(content(1)))]
fn a_change_concerns_those_who_refer_to_it(
    #[case] change: Change<ObjectMeta>,
    #[case] concerned: &[&str],
    #[case] expected: Lookup,
) {
    let mut index = index();
    assert_eq!(names(&self::change(&mut index, change)), concerned);
    assert_eq!(known(&index), expected);
}

#[test]
fn a_change_of_another_kind_of_the_same_name_concerns_nobody() {
    let mut index = index();
    assert_eq!(names(&index.on_change(ReferenceKind::ConfigMap, seen(11))), NOBODY);
    assert_eq!(known(&index), Lookup::Known(content(1)));
}

#[test]
fn an_object_whose_version_moved_is_read_again() {
    let mut index = index();
    change(&mut index, seen(11));
    assert_eq!(index.track(&key("shop"), [env()].into()), [unread(11)]);
    index.put("store", &unread(11), Some((11, content(2))));
    assert_eq!(known(&index), Lookup::Known(content(2)));
}

#[test]
fn a_read_that_is_older_than_what_was_seen_is_not_the_last() {
    let mut index = index();
    change(&mut index, seen(12));
    index.put("store", &unread(0), Some((11, content(2))));
    assert_eq!(known(&index), Lookup::Changed(content(2)));
    assert_eq!(index.track(&key("shop"), [env()].into()), [unread(12)]);
}

#[test]
fn a_read_that_is_newer_than_what_was_seen_is_not_repeated() {
    let mut index = index();
    index.put("store", &unread(0), Some((12, content(2))));
    assert_eq!(names(&change(&mut index, seen(11))), NOBODY);
    assert_eq!(names(&change(&mut index, seen(12))), NOBODY);
    assert_eq!(known(&index), Lookup::Known(content(2)));
}

#[test]
fn a_missing_object_is_read_when_it_appears() {
    let mut index = ContentIndex::default();
    index.track(&key("shop"), [env()].into());
    index.put("store", &unread(0), None);
    assert_eq!(known(&index), Lookup::Missing);
    assert_eq!(index.track(&key("shop"), [env()].into()), [], "it is not looked for again");

    assert_eq!(names(&change(&mut index, seen(3))), ["shop"]);
    assert_eq!(known(&index), Lookup::Unknown);
}

#[test]
fn an_object_that_appears_while_the_read_that_misses_it_is_under_way_is_read_again() {
    let mut index = ContentIndex::default();
    let asked = index.track(&key("shop"), [env()].into());
    assert_eq!(names(&change(&mut index, seen(5))), ["shop"]);
    index.put("store", &asked[0], None);
    assert_eq!(known(&index), Lookup::Unknown);
    assert_eq!(index.track(&key("shop"), [env()].into()), [unread(5)]);
}

#[test]
fn of_two_answers_the_newer_counts_whichever_comes_last() {
    let mut index = ContentIndex::default();
    let first = index.track(&key("shop"), [env()].into());
    change(&mut index, seen(5));
    let second = index.track(&key("web"), [env()].into());
    index.put("store", &second[0], Some((5, content(1))));
    index.put("store", &first[0], None);
    assert_eq!(known(&index), Lookup::Known(content(1)));
}

#[test]
fn what_changed_since_it_was_read_is_not_taken_for_missing() {
    let mut index = index();
    assert!(index.are_read("store", &[env()]));
    change(&mut index, seen(11));
    assert!(!index.are_read("store", &[env()]));
    change(&mut index, gone(12));
    assert!(index.are_read("store", &[env()]), "that it is missing is known");
}

#[test]
fn an_object_that_was_deleted_and_made_again_is_read() {
    let mut index = index();
    change(&mut index, gone(11));
    assert_eq!(names(&change(&mut index, seen(12))), ["shop", "web"]);
    assert_eq!(known(&index), Lookup::Unknown);
}

#[test]
fn what_a_list_no_longer_names_is_missing_when_it_ends() {
    let mut index = index();
    assert_eq!(names(&change(&mut index, Change::Begin)), NOBODY);
    assert_eq!(known(&index), Lookup::Known(content(1)));
    assert_eq!(names(&change(&mut index, Change::End)), ["shop", "web"]);
    assert_eq!(known(&index), Lookup::Missing);
}

#[test]
fn an_object_that_is_there_after_all_is_read() {
    let mut index = index();
    change(&mut index, Change::Begin);
    change(&mut index, Change::End);
    assert_eq!(names(&change(&mut index, seen(10))), ["shop", "web"]);
    assert_eq!(known(&index), Lookup::Unknown);
}

#[test]
fn a_list_that_names_it_is_no_news() {
    let mut index = index();
    for listed in [Change::Begin, seen(10), Change::End] {
        assert_eq!(names(&change(&mut index, listed)), NOBODY);
    }
    assert_eq!(known(&index), Lookup::Known(content(1)));
}

#[test]
fn the_end_of_another_kinds_list_changes_nothing() {
    let mut index = index();
    for listed in [Change::Begin, Change::End] {
        assert_eq!(names(&index.on_change(ReferenceKind::ConfigMap, listed)), NOBODY);
    }
    assert_eq!(known(&index), Lookup::Known(content(1)));
}

#[test]
fn an_object_that_is_read_while_a_list_is_under_way_is_not_lost() {
    let mut index = ContentIndex::default();
    change(&mut index, Change::Begin);
    change(&mut index, seen(10));
    index.track(&key("shop"), [env()].into());
    index.put("store", &unread(0), Some((10, content(1))));
    assert_eq!(names(&change(&mut index, Change::End)), NOBODY);
    assert_eq!(known(&index), Lookup::Known(content(1)));
}

#[test]
fn an_object_is_forgotten_with_its_last_user() {
    let mut index = index();
    index.forget(&key("shop"));
    assert_eq!(known(&index), Lookup::Known(content(1)));
    assert_eq!(names(&change(&mut index, seen(11))), ["web"]);

    index.track(&key("web"), BTreeSet::new());
    assert!(index.is_empty());
    assert_eq!(known(&index), Lookup::Unknown);
    assert_eq!(names(&change(&mut index, seen(12))), NOBODY);
}

#[test]
fn the_same_name_in_another_namespace_is_another_object() {
    let mut index = index();
    assert_eq!(index.lookup("warehouse", &env()), Lookup::Unknown);
    let elsewhere = ObjectMeta { namespace: Some("warehouse".to_owned()), ..meta("env", 11) };
    assert_eq!(names(&change(&mut index, Change::Seen(elsewhere))), NOBODY);
}
