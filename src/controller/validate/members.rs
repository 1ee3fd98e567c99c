//! The releases of one cluster, which must agree where nodes could otherwise not meet.
//!
//! The oldest member sets the rule and runs on undisturbed; a younger one that differs is told, and what to do about it.

use std::fmt::Display;

use kube::ResourceExt;

use crate::api::{Discovery, ElixirRelease, Epmd};
use crate::resources::names;
use crate::resources::problem::Problem;

/// What a release must change to be a member; `members` are the distributed releases of its cluster, oldest first.
pub(super) fn problems(release: &ElixirRelease, members: &[&ElixirRelease]) -> Vec<Problem> {
    let Some(oldest) = members.first().filter(|oldest| oldest.name_any() != release.name_any()) else {
        return Vec::new();
    };
    if !names::is_distributed(release) {
        return Vec::new();
    }
    let (own, rule) = (&release.spec.cluster, &oldest.spec.cluster);
    let uses_dns = own.discovery == Discovery::Dns || rule.discovery == Discovery::Dns;
    let has_epmd = (own.epmd, rule.epmd) == (Epmd::Enabled, Epmd::Enabled);
    let has_none = (own.epmd, rule.epmd) == (Epmd::Disabled, Epmd::Disabled);
    let told = |field, ours: &dyn Display, theirs: &dyn Display| disagreement(release, oldest, field, ours, theirs);
    [
        told("spec.cluster.cookie", &cookie(release), &cookie(oldest)),
        told("spec.cluster.epmd", &word(own.epmd), &word(rule.epmd)),
        has_epmd.then(|| told("spec.cluster.ports.epmd", &own.ports.epmd, &rule.ports.epmd)).flatten(),
        has_none
            .then(|| {
                let field = "spec.cluster.ports.distribution.from";
                told(field, &own.ports.distribution.from, &rule.ports.distribution.from)
            })
            .flatten(),
        uses_dns.then(|| told("spec.cluster.basename", &names::basename(release), &names::basename(oldest))).flatten(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn disagreement(
    release: &ElixirRelease,
    oldest: &ElixirRelease,
    field: &str,
    ours: &dyn Display,
    theirs: &dyn Display,
) -> Option<Problem> {
    let (ours, theirs) = (ours.to_string(), theirs.to_string());
    (ours != theirs).then(|| {
        let (cluster, oldest) = (names::cluster(release), oldest.name_any());
        let message = format!(
            "is {ours} here and {theirs} in {oldest}, the oldest release of cluster {cluster}: their nodes could not meet; \
             make them equal or give this release a cluster.name of its own"
        );
        Problem::new(field, message)
    })
}

fn cookie(release: &ElixirRelease) -> String {
    let cookie = names::cookie(release);
    format!("key {} of Secret {}", cookie.key, cookie.name)
}

fn word(epmd: Epmd) -> &'static str {
    match epmd {
        Epmd::Enabled => "Enabled",
        Epmd::Disabled => "Disabled",
    }
}
