//! ConfigMaps and Secrets that the pods read: names that objects can have, those that must exist, the keys that must be in
//! them, and the cookie.
//!
//! A pod that refers to something missing would be created and never start; told here, the nodes that run stay.

use kube::ResourceExt;

use super::References;
use crate::api::ElixirRelease;
use crate::resources::pod::{self, Draft};
use crate::resources::problem::Problem;
use crate::resources::reference::{Content, Contents, CookieFlaw, Reference, ReferenceKind, Use};
use crate::resources::{cookie, names, tls};

/// The field that names a cookie of the user's own.
const COOKIE: &str = "spec.cluster.cookie.secretKeyRef";

pub(super) fn problems(release: &ElixirRelease, draft: &Draft, references: References<'_>) -> Vec<Problem> {
    let uses = pod::references(release, draft);
    let mut problems = impossible(&uses);
    let Some(read) = references.contents() else { return problems };
    let contents = with_own_secrets(release, read);
    let looked_for = uses.iter().filter(|place| !place.optional && place.reference.is_possible());
    for place in looked_for {
        let problem = match contents.get(&place.reference) {
            Some(content) => missing_key(place, content),
            None if references.is_whole() => Some(missing(release, place)),
            None => None,
        };
        // Of an object that is missing, one word for each field is enough.
        if let Some(problem) = problem.filter(|problem| !problems.contains(problem)) {
            problems.push(problem);
        }
    }
    problems.extend(flawed_cookie(release, &contents));
    problems
}

/// The objects that were read, and the Secrets that the operator makes: they are named by the release's own children, so
/// they are known before they exist and not read.
pub(super) fn with_own_secrets(release: &ElixirRelease, contents: &Contents) -> Contents {
    let cookie = cookie::own_reference(release).map(|reference| (reference, cookie::own_content()));
    let certificate = tls::own_reference(release).map(|reference| (reference, tls::own_content()));
    contents.clone().into_iter().chain(cookie).chain(certificate).collect()
}

/// A name that no object can have, once for each field: an object of a volume is used once for each of its files.
fn impossible(uses: &[Use]) -> Vec<Problem> {
    let mut problems = Vec::new();
    // These names are judged with the others, whether they are used or not.
    let is_judged_by_name = |field: &str| field.starts_with(COOKIE) || field == tls::SECRET_NAME;
    let places = uses.iter().filter(|place| !place.reference.is_possible() && !is_judged_by_name(&place.field));
    for Use { reference, named_by, .. } in places {
        let kind = reference.kind;
        let message = if reference.name.is_empty() {
            format!("is empty: name a {kind:?}, or remove the reference")
        } else {
            format!("is not a name that a {kind:?} can have: lower-case letters, digits, dashes and dots")
        };
        let problem = Problem::new(named_by, message);
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems
}

fn missing(release: &ElixirRelease, place: &Use) -> Problem {
    let namespace = release.namespace().unwrap_or_default();
    let remedy = match place.field.as_str() {
        field if field.starts_with(COOKIE) => "create it, or remove secretKeyRef to have a cookie made",
        tls::SECRET_NAME => "create it, or use cluster.tls.mode Managed to have certificates made",
        _ => "create it, or mark the reference as optional",
    };
    let message = format!("{} does not exist in namespace {namespace}: {remedy}", place.reference);
    Problem::new(&place.field, message)
}

fn missing_key(place: &Use, content: &Content) -> Option<Problem> {
    let (key, reference) = (place.key.as_ref()?, &place.reference);
    let message = match (content.keys.contains(key), content.file_keys.contains(key)) {
        (true, _) => return None,
        (false, true) if place.is_file => return None,
        (false, true) => format!(
            "{reference} has the key {key} in its binaryData, of which no variable can be made: move it to data, or mount it as a file"
        ),
        (false, false) => format!("{reference} has no key {key}: add it, or name one that it has"),
    };
    Some(Problem::new(&place.field, message))
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
