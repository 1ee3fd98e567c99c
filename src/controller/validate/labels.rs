//! Labels and annotations that the user adds to our objects.

use std::collections::BTreeMap;

use crate::api::ElixirRelease;
use crate::resources::labels::is_ours;
use crate::resources::problem::Problem;
use crate::resources::syntax::{is_label_key, is_label_value};

const KEY: &str = "is not a key that Kubernetes takes: an optional DNS prefix and a slash, then at most 63 letters, digits, dashes, underscores and dots that start and end with a letter or a digit";
const VALUE: &str = "is not a value that a label can have: at most 63 letters, digits, dashes, underscores and dots that start and end with a letter or a digit";
const OURS: &str = "is set by the operator: remove it";

pub(super) fn problems(release: &ElixirRelease) -> Vec<Problem> {
    let headless = &release.spec.cluster.service;
    let labels = "spec.cluster.service.labels";
    let values = headless.labels.iter().filter(|(_, value)| !is_label_value(value));
    let ours = headless.labels.keys().filter(|key| is_ours(key));
    bad_keys(labels, &headless.labels)
        .chain(values.map(|(key, _)| at(labels, key, VALUE)))
        .chain(ours.map(|key| at(labels, key, OURS)))
        .chain(bad_keys("spec.cluster.service.annotations", &headless.annotations))
        .chain(bad_keys("spec.service.annotations", &release.spec.service.annotations))
        .collect()
}

fn bad_keys<'a>(field: &'a str, map: &'a BTreeMap<String, String>) -> impl Iterator<Item = Problem> + 'a {
    map.keys().filter(|key| !is_label_key(key)).map(move |key| at(field, key, KEY))
}

fn at(field: &str, key: &str, message: &str) -> Problem {
    Problem::new(format!("{field}[{key}]"), message)
}
