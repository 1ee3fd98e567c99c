//! `kubectl beam status`: a page about one release, or a table of several.

use std::iter;

use anyhow::{Result, bail};
use beam_operator::api::{ElixirRelease, ElixirReleaseStatus, RolloutStatus, Strategy};
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::core::error_boundary::InvalidObject;

use crate::answer;
use crate::cluster::{Cluster, Read};
use crate::conditions::{goes_on_by, paragraph, unexpected};
use crate::error::Error;
use crate::nodes::{mesh, nodes};
use crate::text::{NONE, age, heading, section, short, table};

/// What is told of releases.
#[derive(Debug)]
pub struct Told {
    /// For standard output.
    pub text: String,
    failures: Vec<Error>,
}

impl Told {
    /// An error if something could not be told.
    pub fn failures(&self) -> Result<()> {
        match &self.failures[..] {
            [] => Ok(()),
            failures => bail!(failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nerror: ")),
        }
    }
}

/// A page about the release that is named, or a table of those that are, or of all.
pub async fn run(cluster: &Cluster, names: &[String], all_namespaces: bool, now: Timestamp) -> Result<Told> {
    let (text, failures) = match names {
        [name] => (page(&cluster.release(name).await?, now), Vec::new()),
        [] => {
            let found = cluster.releases(all_namespaces).await?;
            let place = if all_namespaces { "any namespace" } else { &format!("namespace {}", cluster.namespace) };
            let text = if found.is_empty() {
                format!("no ElixirRelease in {place}\n")
            } else {
                list(&found, all_namespaces, now)
            };
            (text, Vec::new())
        }
        names => {
            let (mut found, mut failures) = (Vec::new(), Vec::new());
            for name in names {
                match cluster.release(name).await {
                    Ok(release) => found.push(Ok(release)),
                    Err(error) => failures.push(error),
                }
            }
            (if found.is_empty() { String::new() } else { list(&found, false, now) }, failures)
        }
    };
    Ok(Told { text, failures })
}

/// Releases as a table.
fn list(releases: &[Read], with_namespace: bool, now: Timestamp) -> String {
    let head = heading(&["NAMESPACE", "NAME", "READY", "CLUSTER", "ROLLOUT", "IMAGE", "AGE", "ATTENTION"]);
    let rows = releases.iter().map(|read| match read {
        Ok(release) => row(release, now),
        Err(unreadable) => unreadable_row(unreadable, now),
    });
    let skipped = usize::from(!with_namespace);
    table(iter::once(head).chain(rows).map(|cells| cells[skipped..].to_vec()))
}

fn row(release: &ElixirRelease, now: Timestamp) -> Vec<String> {
    let status = release.status.clone().unwrap_or_default();
    let cluster = status.cluster.as_ref().and_then(|cluster| {
        let parts =
            cluster.partitions.filter(|parts| *parts > 1).map_or(String::new(), |parts| format!(" in {parts} parts"));
        Some(format!("{}{parts}", cluster.size?))
    });
    let attention: Vec<_> = unexpected(release).map(|condition| condition.reason.as_str()).collect();
    vec![
        release.namespace().unwrap_or_default(),
        release.name_any(),
        ready(release, &status),
        cluster.unwrap_or_else(|| NONE.to_owned()),
        status.rollout.as_ref().map_or(NONE.to_owned(), |rollout| format!("{:?}", rollout.phase)),
        release.spec.image.clone(),
        age(release.creation_timestamp().as_ref(), now),
        if attention.is_empty() { NONE.to_owned() } else { attention.join(", ") },
    ]
}

fn unreadable_row(unreadable: &InvalidObject, now: Timestamp) -> Vec<String> {
    let metadata = &unreadable.metadata;
    let named = [&metadata.namespace, &metadata.name].map(|name| name.clone().unwrap_or_default());
    let unknown = iter::repeat_n("<unknown>".to_owned(), 4);
    let rest = [age(metadata.creation_timestamp.as_ref(), now), format!("cannot be read: {}", unreadable.error)];
    named.into_iter().chain(unknown).chain(rest).collect()
}

/// A release as a page.
fn page(release: &ElixirRelease, now: Timestamp) -> String {
    let status = release.status.clone().unwrap_or_default();
    let rollout = status.rollout.clone();
    let message = rollout.as_ref().map_or("", |rollout| &rollout.message);
    let (name, namespace) = (release.name_any(), release.namespace().unwrap_or_default());
    let next = goes_on_by(release).map(|verb| format!("To go on: kubectl beam {verb} {name} -n {namespace}\n"));
    let told = [message, next.as_deref().unwrap_or_default()];
    let told: Vec<_> = told.into_iter().filter(|text| !text.is_empty()).collect();
    let conditions: String = unexpected(release).map(|condition| paragraph(condition, message, now)).collect();
    [
        head(release, &status, now),
        section("Rollout", &told.join("\n")),
        section("Conditions that are not as expected", &conditions),
        section("Nodes", &nodes(&status, now)),
        section("Asked for", &requests(release)),
    ]
    .concat()
}

fn head(release: &ElixirRelease, status: &ElixirReleaseStatus, now: Timestamp) -> String {
    let is_behind = status.observed_generation < release.metadata.generation;
    let behind = is_behind.then(|| answer::why_not(release));
    let cluster = status.cluster.as_ref().map(|cluster| mesh(cluster, now));
    let rows = [
        ("Name", Some(release.name_any())),
        ("Namespace", release.namespace()),
        ("Age", Some(age(release.creation_timestamp().as_ref(), now))),
        ("Image", Some(release.spec.image.clone())),
        ("Revision", revision(status)),
        ("Replicas", Some(replicas(release, status))),
        ("Rollout", status.rollout.as_ref().map(|rollout| phase(release, rollout))),
        ("Cluster", cluster),
        ("Operator", behind),
    ];
    table(rows.into_iter().filter_map(|(name, value)| Some(vec![format!("{name}:"), value?])))
}

fn ready(release: &ElixirRelease, status: &ElixirReleaseStatus) -> String {
    status.ready.clone().unwrap_or_else(|| format!("{}/{}", status.ready_replicas, release.spec.replicas))
}

fn replicas(release: &ElixirRelease, status: &ElixirReleaseStatus) -> String {
    let ready = format!("{} ready", ready(release, status));
    let updated = (status.updated_replicas != status.replicas).then(|| {
        let target = status.target_revision.as_deref().unwrap_or("the present revision");
        format!("{} of {} run {target}", status.updated_replicas, status.replicas)
    });
    let clustered = status.clustered_replicas.map(|clustered| format!("{clustered} connected to all others"));
    [Some(ready), updated, clustered].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn revision(status: &ElixirReleaseStatus) -> Option<String> {
    let target = status.target_revision.as_ref()?;
    Some(match &status.current_revision {
        Some(current) if current == target => target.clone(),
        Some(current) => format!("{target}; the last that ran completely is {current}"),
        None => format!("{target}; none ran completely yet"),
    })
}

fn phase(release: &ElixirRelease, rollout: &RolloutStatus) -> String {
    let wanted = &release.spec.rollout;
    let strategy = wanted.strategy.as_str();
    let steps = wanted.canary.as_ref().filter(|_| wanted.strategy == Strategy::Canary).map(|canary| canary.steps.len());
    match rollout.step.zip(steps) {
        Some((step, steps)) => format!("{:?} ({strategy}, {step} of {steps} steps done)", rollout.phase),
        None => format!("{:?} ({strategy})", rollout.phase),
    }
}

/// What is asked for by annotation, and what became of it.
fn requests(release: &ElixirRelease) -> String {
    let rows: Vec<_> = answer::all(release)
        .map(|(verb, value, answer)| {
            let (outcome, message) = match answer {
                Some(answer) => (format!("{:?}", answer.outcome), answer.message.clone()),
                None => ("not answered yet".to_owned(), String::new()),
            };
            vec![short(verb.annotation()).to_owned(), value.to_owned(), outcome, message]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table(iter::once(heading(&["ANNOTATION", "VALUE", "ANSWER", "MESSAGE"])).chain(rows))
}

#[cfg(test)]
mod tests;
