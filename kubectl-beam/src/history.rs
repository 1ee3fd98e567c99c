//! `kubectl beam history`: the revisions of a release, which are what can be gone back to.

use std::iter;

use beam_operator::api::ElixirRelease;
use beam_operator::controller::view::{Detail, RevisionView};
use beam_operator::resources::{controller_revision, names};
use beam_operator::rollout::migrations;
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::DynamicObject;

use crate::cluster::Cluster;
use crate::error::Error;
use crate::text::{NONE, age, heading, table};

/// The history of a release, or that it has none.
pub async fn run(cluster: &Cluster, name: &str, now: Timestamp) -> Result<String, Error> {
    let release = cluster.release(name).await?;
    Ok(history(&release, &cluster.revisions(name).await?, now))
}

/// The revisions of a release among these records, the newest last.
fn history(release: &ElixirRelease, records: &[DynamicObject], now: Timestamp) -> String {
    let mut revisions: Vec<_> = records.iter().filter_map(|record| Some((record, own(release, record)?))).collect();
    if revisions.is_empty() {
        return format!("{} has no revision yet\n", release.name_any());
    }
    revisions.sort_by_key(|(_, view)| view.number);
    let head = heading(&["REVISION", "NAME", "IMAGE", "AGE", "STATE", "MESSAGE"]);
    let rows = revisions.iter().map(|(record, view)| {
        let (state, message) = state(release, &record.name_any(), view);
        vec![
            view.number.to_string(),
            record.name_any(),
            image(record).unwrap_or_else(|| NONE.to_owned()),
            age(record.creation_timestamp().as_ref(), now),
            state,
            message,
        ]
    });
    table(iter::once(head).chain(rows))
}

/// What a record says if it is one of the release: a StatefulSet makes some of its own, which carry the same labels.
fn own(release: &ElixirRelease, record: &DynamicObject) -> Option<RevisionView> {
    let owned = record.owner_references().iter().any(|owner| Some(&owner.uid) == release.uid().as_ref());
    match Detail::of(record) {
        Detail::Revision(view) if owned => Some(view),
        _ => None,
    }
}

fn image(record: &DynamicObject) -> Option<String> {
    let spec = controller_revision::template(&record.data["data"])?.spec?;
    spec.containers.into_iter().find(|container| container.name == names::CONTAINER)?.image
}

/// What a revision is to the release, and why.
fn state(release: &ElixirRelease, name: &str, view: &RevisionView) -> (String, String) {
    let status = release.status.as_ref();
    let is = |revision: Option<&String>| revision.is_some_and(|revision| revision == name);
    // One that is asked for anew has another number than when it was rejected.
    let rejection = view.rejection.as_ref().filter(|rejection| rejection.number == view.number);
    let unmigrated = migrations::missing(view);
    let mut words = Vec::new();
    if is(status.and_then(|status| status.current_revision.as_ref())) {
        words.push("current".to_owned());
    }
    if is(status.and_then(|status| status.target_revision.as_ref())) {
        words.push("target".to_owned());
    }
    let message = match (rejection, unmigrated) {
        (Some(rejection), _) => {
            words.push(format!("rejected ({:?})", rejection.cause));
            format!("{}; {} runs instead", rejection.message, rejection.instead)
        }
        (None, Some(migration)) => {
            words.push("not migrated".to_owned());
            format!("migration {migration} has not succeeded")
        }
        (None, None) => String::new(),
    };
    (if words.is_empty() { NONE.to_owned() } else { words.join(", ") }, message)
}

#[cfg(test)]
mod tests;
