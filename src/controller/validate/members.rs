//! The releases of one cluster, which must agree where nodes could otherwise not meet.
//!
//! Members are compared pair by pair, because agreeing is not transitive: two of different basenames get on until a third
//! looks one of them up by DNS. In each pair the older runs on undisturbed and the younger is told, and what to do about it.
//! One that has been told is no measure for those that are younger still.

use std::fmt::Display;

use kube::ResourceExt;

use crate::api::{Discovery, ElixirRelease, Epmd, TlsMode};
use crate::resources::names;
use crate::resources::problem::Problem;

/// What a release must change to be a member; `members` are the distributed releases of its cluster, oldest first.
pub(super) fn problems(release: &ElixirRelease, members: &[&ElixirRelease]) -> Vec<Problem> {
    if !names::is_distributed(release) {
        return Vec::new();
    }
    let mut agreed: Vec<&ElixirRelease> = Vec::new();
    for member in members.iter().take_while(|member| member.name_any() != release.name_any()) {
        if agreed.iter().all(|older| disagreements(member, older).is_empty() && alone(member, older).is_none()) {
            agreed.push(member);
        }
    }
    let mut problems: Vec<Problem> = agreed.iter().find_map(|older| alone(release, older)).into_iter().collect();
    for (index, older) in agreed.iter().enumerate() {
        for (field, ours, theirs) in disagreements(release, older) {
            // One word about a field is enough: the oldest says what it must be.
            if !problems.iter().any(|problem| problem.field == field) {
                let age = if index == 0 { "the oldest" } else { "an older" };
                problems.push(told(release, older, age, field, &ours, &theirs));
            }
        }
    }
    problems
}

/// Nodes of a release whose revisions are apart meet no others, so it is alone in its cluster.
fn alone(release: &ElixirRelease, older: &ElixirRelease) -> Option<Problem> {
    let (cluster, name) = (names::cluster(release), older.name_any());
    let why = if names::meets_by_revision(release) {
        format!("Revision is for a release that is alone in its cluster, and {name} is in cluster {cluster} as well")
    } else if names::meets_by_revision(older) {
        format!("{name}, an older release of cluster {cluster}, has scope Revision there and is alone in it")
    } else {
        return None;
    };
    Some(Problem::new("spec.cluster.scope", format!("{why}: give this release a cluster.name of its own")))
}

/// The fields in which two members must agree and do not, with what either says.
fn disagreements(younger: &ElixirRelease, older: &ElixirRelease) -> Vec<(&'static str, String, String)> {
    let (own, rule) = (&younger.spec.cluster, &older.spec.cluster);
    let uses_dns = own.discovery == Discovery::Dns || rule.discovery == Discovery::Dns;
    let has_epmd = (own.epmd, rule.epmd) == (Epmd::Enabled, Epmd::Enabled);
    let has_none = own.epmd == rule.epmd && own.epmd != Epmd::Enabled;
    let (ours, theirs) = (own.ports.distribution.from, rule.ports.distribution.from);
    [
        differ(true, "spec.cluster.cookie", &cookie(younger), &cookie(older)),
        differ(true, "spec.cluster.epmd", &word(own.epmd), &word(rule.epmd)),
        differ(has_epmd, "spec.cluster.ports.epmd", &own.ports.epmd, &rule.ports.epmd),
        differ(has_none, "spec.cluster.ports.distribution.from", &ours, &theirs),
        differ(uses_dns, "spec.cluster.basename", &names::basename(younger), &names::basename(older)),
        differ(true, "spec.cluster.tls", &tls(younger), &tls(older)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn differ(
    matters: bool,
    field: &'static str,
    ours: &dyn Display,
    theirs: &dyn Display,
) -> Option<(&'static str, String, String)> {
    let (ours, theirs) = (ours.to_string(), theirs.to_string());
    (matters && ours != theirs).then_some((field, ours, theirs))
}

fn told(release: &ElixirRelease, older: &ElixirRelease, age: &str, field: &str, ours: &str, theirs: &str) -> Problem {
    let (cluster, older) = (names::cluster(release), older.name_any());
    let message = format!(
        "is {ours} here and {theirs} in {older}, {age} release of cluster {cluster}: their nodes could not meet; \
         make them equal or give this release a cluster.name of its own"
    );
    Problem::new(field, message)
}

fn cookie(release: &ElixirRelease) -> String {
    let cookie = names::cookie(release);
    format!("key {} of Secret {}", cookie.key, cookie.name)
}

fn tls(release: &ElixirRelease) -> String {
    let tls = &release.spec.cluster.tls;
    match (tls.mode, &tls.secret_name) {
        (TlsMode::Disabled, _) => "Disabled".to_owned(),
        (TlsMode::Managed, _) => "Managed".to_owned(),
        (TlsMode::Secret, name) => format!("Secret {}", name.as_deref().unwrap_or_default()),
        // What the operator shows to the nodes is no matter between them.
        (TlsMode::Application, _) => "Application".to_owned(),
    }
}

fn word(epmd: Epmd) -> &'static str {
    match epmd {
        Epmd::Enabled => "Enabled",
        Epmd::Disabled => "Disabled",
        Epmd::Application => "Application",
    }
}
