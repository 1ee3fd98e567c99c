//! What holds for every environment that a user can write.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::EnvVar;
use proptest::prelude::*;

use super::*;
use crate::resources::pod::{expansion, literal};

/// Names of the user's and of ours. An entry refers only to names before its own here, so that nothing refers to itself;
/// the order in which the entries are written is another one.
const NAMES: [&str; 14] = [
    "A",
    "POD_NAME",
    "B",
    "POD_IP",
    "C",
    "BEAM_BASENAME",
    "BEAM_COOKIE",
    "BEAM_NODE",
    "D",
    "RELEASE_NODE",
    "BEAM_CLUSTER_DNS",
    "DNS_CLUSTER_QUERY",
    "ERL_AFLAGS",
    "ERL_ZFLAGS",
];
const FLAGS: [&str; 2] = ["ERL_AFLAGS", "ERL_ZFLAGS"];

fn entries() -> impl Strategy<Value = Vec<EnvVar>> {
    let entry = |index: usize| {
        let references = prop::collection::vec(0..=index, 0..3);
        references.prop_map(move |references| {
            let text = references
                .into_iter()
                .filter(|&referred| referred < index)
                .map(|referred| format!("$({})", NAMES[referred]));
            literal(NAMES[index], format!("x{}", text.collect::<String>()))
        })
    };
    prop::sample::subsequence((0..NAMES.len()).collect::<Vec<_>>(), 0..=NAMES.len())
        .prop_shuffle()
        .prop_flat_map(move |indexes| indexes.into_iter().map(entry).collect::<Vec<_>>())
}

fn keys() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set(prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 0..4)
}

/// The release's variables for entries of the user's and keys of an object in `envFrom`.
fn composed(theirs: &[EnvVar], keys: &BTreeSet<String>) -> Vec<EnvVar> {
    let mut release = release("{envFrom: [{secretRef: {name: s}}], vm: {schedulers: 2}}");
    release.spec.env = theirs.to_vec();
    let contents = contents(&json!({"Secret/s": keys}).to_string());
    let draft = super::super::draft(&release).unwrap();
    let template = super::super::template(&release, &draft, &Facts::default(), &contents);
    assert_eq!(super::super::template(&release, &draft, &Facts::default(), &contents), template);
    template.spec.unwrap().containers.remove(0).env.unwrap_or_default()
}

fn place(entries: &[EnvVar], name: &str) -> Option<usize> {
    entries.iter().position(|entry| entry.name == name)
}

proptest! {
    #[test]
    fn names_are_unique(theirs in entries(), keys in keys()) {
        let composed = composed(&theirs, &keys);
        let names: BTreeSet<_> = composed.iter().map(|entry| &entry.name).collect();
        prop_assert_eq!(names.len(), composed.len());
    }

    #[test]
    fn the_user_always_wins(theirs in entries(), keys in keys()) {
        let composed = composed(&theirs, &keys);
        for entry in theirs.iter().filter(|entry| !FLAGS.contains(&entry.name.as_str())) {
            prop_assert_eq!(composed.iter().find(|found| found.name == entry.name), Some(entry));
        }
        for key in keys.iter().filter(|key| !FLAGS.contains(&key.as_str()) && place(&theirs, key).is_none()) {
            prop_assert_eq!(place(&composed, key), None);
        }
    }

    #[test]
    fn flags_hold_both(theirs in entries(), keys in keys()) {
        let composed = composed(&theirs, &keys);
        for (name, first, last) in [("ERL_AFLAGS", "", "-kernel "), ("ERL_ZFLAGS", "+S 2:2 ", "-shutdown_time ")] {
            let joined = composed[place(&composed, name).unwrap()].value.clone().unwrap();
            let inherited = keys.contains(name).then(|| format!("$({name})"));
            let user = theirs.iter().find(|entry| entry.name == name).and_then(|entry| entry.value.clone()).or(inherited);
            let user = user.filter(|user| !user.is_empty()).map(|user| user + " ").unwrap_or_default();
            let begin = format!("{first}{user}{last}");
            prop_assert!(joined.starts_with(&begin), "{joined} does not begin with {begin}");
        }
    }

    #[test]
    fn what_ours_refer_to_is_defined_before(theirs in entries(), keys in keys()) {
        let composed = composed(&theirs, &keys);
        for (index, entry) in composed.iter().enumerate().filter(|(_, entry)| place(&theirs, &entry.name).is_none()) {
            for name in expansion::variables(entry.value.as_deref().unwrap_or("")) {
                prop_assert!(keys.contains(name) || place(&composed, name).is_some_and(|found| found < index), "{entry:?} in {composed:?}");
            }
        }
    }

    #[test]
    fn the_users_references_still_see_what_they_saw(theirs in entries(), keys in keys()) {
        let composed = composed(&theirs, &keys);
        for (written, entry) in theirs.iter().enumerate() {
            let index = place(&composed, &entry.name).unwrap();
            for name in expansion::variables(entry.value.as_deref().unwrap_or("")) {
                let sees = place(&composed, name).is_some_and(|found| found < index);
                let saw = match place(&theirs, name) {
                    Some(referred) => referred < written,
                    None => place(&composed, name).is_some(),
                };
                prop_assert!(sees || !saw, "{name} in {composed:?}");
            }
        }
    }
}
