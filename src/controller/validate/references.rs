//! ConfigMaps and Secrets that the pods read: those that must exist, the keys that must be in them, and the cookie.
//!
//! A pod that refers to something missing would be created and never start; told here, the nodes that run stay.

use kube::ResourceExt;

use super::References;
use crate::api::ElixirRelease;
use crate::resources::names;
use crate::resources::pod::{self, Draft};
use crate::resources::problem::Problem;
use crate::resources::reference::{Contents, CookieFlaw, Reference, ReferenceKind, Use};

/// The field that names a cookie of the user's own.
const COOKIE: &str = "spec.cluster.cookie.secretKeyRef";

pub(super) fn problems(release: &ElixirRelease, draft: &Draft, references: References<'_>) -> Vec<Problem> {
    let Some(contents) = references.read() else { return Vec::new() };
    let uses = pod::references(release, draft);
    let needed = uses.iter().filter(|place| !place.optional);
    let missing = needed.filter_map(|place| missing(release, place, contents));
    missing.chain(flawed_cookie(release, contents)).collect()
}

fn missing(release: &ElixirRelease, place: &Use, contents: &Contents) -> Option<Problem> {
    let reference = &place.reference;
    let Some(content) = contents.get(reference) else {
        let namespace = release.namespace().unwrap_or_default();
        let remedy = if place.field.starts_with(COOKIE) {
            "create it, or remove secretKeyRef to have a cookie made"
        } else {
            "create it, or mark the reference as optional"
        };
        let message = format!("{reference} does not exist in namespace {namespace}: {remedy}");
        return Some(Problem::new(&place.field, message));
    };
    let key = place.key.as_ref().filter(|key| !content.keys.contains(*key))?;
    Some(Problem::new(&place.field, format!("{reference} has no key {key}: add it, or name one that it has")))
}

fn flawed_cookie(release: &ElixirRelease, contents: &Contents) -> Option<Problem> {
    let cookie = release.spec.cluster.cookie.secret_key_ref.as_ref().filter(|_| names::is_distributed(release))?;
    let reference = Reference { kind: ReferenceKind::Secret, name: cookie.name.clone() };
    let content = contents.get(&reference)?;
    let what = match content.cookie_flaws.get(&cookie.key)? {
        CookieFlaw::Empty => "is empty: write the cookie into it",
        CookieFlaw::TooLong => "has more than 255 characters, which no atom can have: shorten it",
        CookieFlaw::Character => {
            "has a character that is not printable ASCII: remove it (`echo` appends a newline, `printf %s` does not)"
        }
        CookieFlaw::LooksLikeFlag => "starts with - or +, so that the VM would read it as a flag: choose another",
    };
    Some(Problem::new(COOKIE, format!("key {} of {reference} {what}", cookie.key)))
}
