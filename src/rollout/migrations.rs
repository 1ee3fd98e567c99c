//! Migrations: which one is to be run next for a revision.
//!
//! What was run is noted on the record of the revision, so that it is known for as long as the revision is, whatever becomes
//! of its Jobs. A Job has the number of its try in its name and is never made anew, so a migration is run once for each try,
//! whoever is killed in between, and there is another try only for somebody who asks for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Hold, Note};
use crate::api::When;
use crate::controller::conditions::{Reason, Told, told};
use crate::controller::observe::Observed;
use crate::controller::view::{Child, JobView, RevisionView};
use crate::resources::labels;
use crate::resources::migration::{Prepared, job_name};

/// The migrations that were run for a revision, as they are noted on its record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger(BTreeMap<String, Entry>);

/// How the last try of a migration ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The number of the try, from 1.
    pub attempt: u32,
    /// Whether it succeeded.
    pub has_succeeded: bool,
    /// The end of its log, if it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Note for Ledger {}

/// What is to be done about the migrations of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// All were run.
    Nothing,
    /// Run this one, by this try.
    Run {
        /// Its place among the migrations.
        index: usize,
        /// The number of the try.
        attempt: u32,
    },
    /// This Job still runs.
    Wait {
        /// Its name.
        job: String,
    },
    /// This one has ended, which is to be noted.
    Note(Ended),
    /// There is one to be run, but rollouts are paused.
    Paused,
    /// This one failed, and nobody has asked for another try.
    Failed {
        /// Its name.
        migration: String,
        /// The Job of its last try.
        job: String,
        /// The end of its log.
        message: String,
    },
}

/// A try that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The revision that it was run for.
    pub revision: String,
    /// The migration.
    pub migration: String,
    /// Its Job.
    pub job: String,
    /// What is to be noted, all else that is known included, but for the end of its log.
    pub ledger: Ledger,
}

impl Ended {
    /// Whether it failed, so that the end of its log is worth reading.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.ledger.0.get(&self.migration).is_some_and(|entry| !entry.has_succeeded)
    }

    /// What is to be noted, with the end of its log.
    #[must_use]
    pub fn into_ledger(mut self, message: &str) -> Ledger {
        if let Some(entry) = self.ledger.0.get_mut(&self.migration) {
            message.clone_into(&mut entry.message);
        }
        self.ledger
    }
}

/// The next step of the migrations of a revision at this time of its rollout. With `retry`, one that failed is run again.
#[must_use]
pub fn next(observed: &Observed, revision: &str, migrations: &[Prepared], when: When, retry: bool) -> Next {
    let ledger = ledger(observed, revision);
    for (index, migration) in migrations.iter().enumerate().filter(|(_, migration)| migration.when == when) {
        let known = ledger.0.get(&migration.name);
        if known.is_some_and(|entry| entry.has_succeeded) {
            continue;
        }
        let attempt = known.map_or(1, |entry| entry.attempt.saturating_add(1));
        let job = job_name(&observed.release, &migration.name, revision, attempt);
        if let Some((child, view)) = jobs(observed).find(|(child, _)| *child.name == *job) {
            return ended(observed, child, view).map_or(Next::Wait { job }, Next::Note);
        }
        return match (known.filter(|_| !retry), running(observed)) {
            (Some(failed), _) => Next::Failed {
                migration: migration.name.clone(),
                job: job_name(&observed.release, &migration.name, revision, failed.attempt),
                message: failed.message.clone(),
            },
            // That of an earlier revision is not killed half way, and not overtaken.
            (None, Some(job)) => Next::Wait { job },
            (None, None) if labels::is_rollout_paused(&observed.release) => Next::Paused,
            (None, None) => Next::Run { index, attempt },
        };
    }
    Next::Nothing
}

fn ledger(observed: &Observed, revision: &str) -> Ledger {
    let history = observed.history();
    let record = history.iter().find(|(name, _)| *name == revision);
    record.and_then(|(_, view)| view.migrations.as_deref().cloned()).unwrap_or_default()
}

/// The Jobs of a release, not those that others gave its labels.
fn jobs(observed: &Observed) -> impl Iterator<Item = (&Child, &JobView)> {
    let ours = observed.children.iter().filter(|child| child.is_ours(observed.uid()));
    ours.filter_map(|child| Some((child, child.job()?)))
}

fn running(observed: &Observed) -> Option<String> {
    let mut running = jobs(observed).filter(|(child, job)| !child.deleting && job.has_succeeded.is_none());
    running.next().map(|(child, _)| child.name.to_string())
}

/// What is to be noted of a Job that has ended, unless it is known already.
fn ended(observed: &Observed, child: &Child, job: &JobView) -> Option<Ended> {
    let has_succeeded = job.has_succeeded?;
    let mut ledger = ledger(observed, &job.revision);
    let attempt = ledger.0.get(&*job.migration).map_or(1, |entry| entry.attempt.saturating_add(1));
    if *child.name != *job_name(&observed.release, &job.migration, &job.revision, attempt) {
        return None;
    }
    ledger.0.insert(job.migration.to_string(), Entry { attempt, has_succeeded, message: String::new() });
    let (revision, migration) = (job.revision.to_string(), job.migration.to_string());
    Some(Ended { revision, migration, job: child.name.to_string(), ledger })
}

/// What is to be noted of Jobs that were run for other revisions that are still recorded: somebody may go back to them.
#[must_use]
pub fn left(observed: &Observed, asked: &str) -> Vec<Ended> {
    let recorded = observed.history();
    let others = jobs(observed).filter(|(_, job)| *job.revision != *asked);
    let others = others.filter(|(_, job)| recorded.iter().any(|(name, _)| **name == *job.revision));
    others.filter_map(|(child, job)| ended(observed, child, job)).collect()
}

/// Whether a try was made for this request already, by an operator that was killed before it could answer.
pub(super) fn was_tried(observed: &Observed, revision: &str, request: &str) -> bool {
    let is_its = |job: &JobView| *job.revision == *revision && job.request.as_deref() == Some(request);
    jobs(observed).any(|(_, job)| is_its(job))
}

/// The migration Before a revision that has not succeeded, so that the revision must not run.
#[must_use]
pub fn missing(revision: &RevisionView) -> Option<&str> {
    let names = revision.before.as_deref()?;
    let known = |name: &str| revision.migrations.as_ref()?.0.get(name).map(|entry| entry.has_succeeded);
    names.split(',').find(|name| known(name) != Some(true))
}

/// What holds a rollout whose migrations Before are there.
#[must_use]
pub(super) fn hold(observed: &Observed, next: &Next) -> Option<Hold> {
    let told = condition(observed, next)?;
    Some(Hold { reason: told.reason, message: told.message })
}

/// What is told of a step; `None` if nothing is left to do.
#[must_use]
pub(super) fn condition(observed: &Observed, next: &Next) -> Option<Told> {
    let running = |job: &str| told("False", Reason::MigrationRunning, format!("Job {job} runs"));
    match next {
        Next::Nothing => None,
        Next::Run { .. } => Some(told("False", Reason::MigrationRunning, "a Job is being made".to_owned())),
        Next::Wait { job } | Next::Note(Ended { job, .. }) => Some(running(job)),
        Next::Paused => {
            let message = format!("held by the annotation {}; to go on, remove it", labels::PAUSE);
            Some(told("Unknown", Reason::MigrationPending, message))
        }
        Next::Failed { migration, job, message } => {
            let said = if message.is_empty() { "it said nothing" } else { message };
            let remedy = format!(
                "correct what it needs, be it in spec.migrations, and run it again with: kubectl annotate --overwrite exr {} \
                 {}=<a new value>. Another revision, of another image for instance, has migrations of its own",
                observed.key.name,
                labels::RETRY
            );
            let message = format!("migration {migration} failed (Job {job}): {said}. To go on, {remedy}");
            Some(told("False", Reason::MigrationFailed, message))
        }
    }
}
