//! Labels and annotations that the user adds to our objects.

use std::collections::BTreeMap;

use crate::api::{ElixirRelease, GROUP};
use crate::resources::labels::MANAGED_BY;
use crate::resources::names;
use crate::resources::problem::Problem;

/// The longest label, and the longest name in the key of a label or an annotation.
const LONGEST: usize = 63;

const KEY: &str = "is not a key that Kubernetes takes: an optional DNS prefix and a slash, then at most 63 letters, digits, dashes, underscores and dots that start and end with a letter or a digit";
const VALUE: &str = "is not a value that a label can have: at most 63 letters, digits, dashes, underscores and dots that start and end with a letter or a digit";
const OURS: &str = "is set by the operator: remove it";

pub(super) fn problems(release: &ElixirRelease) -> Vec<Problem> {
    let headless = &release.spec.cluster.service;
    let labels = "spec.cluster.service.labels";
    let values = headless.labels.iter().filter(|(_, value)| !value.is_empty() && !is_plain(value));
    let ours = headless.labels.keys().filter(|key| is_ours(key));
    bad_keys(labels, &headless.labels)
        .chain(values.map(|(key, _)| at(labels, key, VALUE)))
        .chain(ours.map(|key| at(labels, key, OURS)))
        .chain(bad_keys("spec.cluster.service.annotations", &headless.annotations))
        .chain(bad_keys("spec.service.annotations", &release.spec.service.annotations))
        .collect()
}

fn bad_keys<'a>(field: &'a str, map: &'a BTreeMap<String, String>) -> impl Iterator<Item = Problem> + 'a {
    map.keys().filter(|key| !is_qualified(key)).map(move |key| at(field, key, KEY))
}

fn at(field: &str, key: &str, message: &str) -> Problem {
    Problem::new(format!("{field}[{key}]"), message)
}

fn is_ours(key: &str) -> bool {
    key == MANAGED_BY || key.split_once('/').is_some_and(|(prefix, _)| prefix == GROUP)
}

fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => names::is_object_name(prefix) && is_plain(name),
        None => is_plain(key),
    }
}

fn is_plain(text: &str) -> bool {
    let is_end = |c: char| c.is_ascii_alphanumeric();
    (1..=LONGEST).contains(&text.len())
        && text.chars().all(|c| is_end(c) || "-_.".contains(c))
        && text.starts_with(is_end)
        && text.ends_with(is_end)
}
