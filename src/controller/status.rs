//! Status: what to tell about a release, as a pure function of what was observed and of what came of it.
//!
//! It holds nothing that moves by itself. A condition keeps its transition time while its status stays, so the status of a
//! release at rest is equal to the one before and is not written.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;

use super::apply::{self, Outcome};
use super::cache::Unreadable;
use super::conditions::{self, CLUSTERED, Told};
use super::mesh;
use super::observe::Observed;
use super::view::WorkloadView;
use crate::api::{ElixirRelease, ElixirReleaseStatus, RequestStatus, RolloutPhase, RolloutStatus};
use crate::resources::labels;
use crate::resources::problem::Problem;
use crate::rollout::meeting::{Unmet, unmet};
use crate::rollout::{Cause, Report, Verb};
use crate::time::whole_seconds;

mod deadline;

pub(super) use self::deadline::deadline;
pub(crate) use self::deadline::is_late;

const CONFIGURATION_VALID: &str = "ConfigurationValid";
const MIGRATED: &str = "Migrated";

/// What came of a reconcile.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// The release is not valid. Nothing was written.
    Invalid(&'a [Problem]),
    /// Nothing that is known is wrong with it, but what its pods read could not be read. Nothing was written.
    Unread,
    /// The release is valid.
    Valid {
        /// What is odd about it.
        warnings: &'a [Problem],
        /// The revision it asks for.
        revision: Option<&'a str>,
        /// What came of applying it.
        applied: Result<&'a Outcome, &'a apply::Error>,
    },
}

impl Verdict<'_> {
    /// The revision that is wanted: the last that was, where this one asks for none.
    pub(super) fn target(&self, before: &ElixirReleaseStatus) -> Option<String> {
        match self {
            Self::Valid { revision: Some(revision), .. } => Some((*revision).to_owned()),
            _ => before.target_revision.clone(),
        }
    }

    /// What is told of the rollout.
    fn rollout(&self) -> Option<&Report> {
        match self {
            Self::Valid { applied: Ok(outcome), .. } => Some(&outcome.rollout),
            _ => None,
        }
    }

    /// Whether the cluster now has what the release asks for, as far as writing goes.
    fn is_applied(&self) -> bool {
        matches!(self, Self::Valid { applied: Ok(outcome), .. } if outcome.taken.is_empty())
    }
}

/// Whether every node of a release runs this revision and is available, no other does, and they have met their cluster if
/// they have to.
pub(crate) fn runs_completely(observed: &Observed, revision: &str, now: Timestamp) -> bool {
    runs_everywhere(observed, revision) && unmet(observed, revision, now).is_none()
}

/// Whether every node of a release runs this revision and is available, and no other does.
pub(crate) fn runs_everywhere(observed: &Observed, revision: &str) -> bool {
    Count::of(observed, &observed.workload(Some(revision)).unwrap_or_default(), Some(revision)).is_everywhere
}

/// The status of a release.
#[must_use]
pub fn status(observed: &Observed, verdict: &Verdict, now: Timestamp) -> ElixirReleaseStatus {
    let release = &*observed.release;
    let before = release.status.clone().unwrap_or_default();
    let target = verdict.target(&before);
    let is_late = is_late(observed, target.as_deref(), now);
    let workload = observed.workload(target.as_deref()).unwrap_or_default();
    let workload = WorkloadView { deadline_exceeded: workload.deadline_exceeded || is_late, ..workload };
    let progress = Progress::of(observed, &workload, target.as_deref(), now);
    let seen = mesh::report(observed, &before, now);
    let conditions = [
        ("Ready", Some(conditions::ready(observed, &workload))),
        ("Progressing", Some(conditions::progressing(observed, verdict, &progress))),
        ("Degraded", Some(conditions::degraded(observed, verdict, now))),
        (CLUSTERED, seen.clustered),
        (CONFIGURATION_VALID, Some(conditions::configuration_valid(verdict))),
    ];
    let applied_generation =
        if verdict.is_applied() && !release.spec.paused { release.metadata.generation } else { None };
    let generation_of = |type_: &str, previous: Option<&Condition>| match type_ {
        CONFIGURATION_VALID => release.metadata.generation,
        _ => applied_generation.or_else(|| previous.and_then(|condition| condition.observed_generation)),
    };
    ElixirReleaseStatus {
        observed_generation: release.metadata.generation,
        replicas: workload.replicas,
        ready_replicas: workload.ready,
        updated_replicas: if workload.revision.as_deref() == target.as_deref() { workload.updated } else { 0 },
        ready: Some(format!("{}/{}", workload.ready, observed.asked_replicas())),
        clustered_replicas: seen.clustered_replicas,
        cluster: seen.cluster,
        nodes: seen.nodes,
        nodes_omitted: seen.nodes_omitted,
        selector: Some(selector(release, verdict)),
        current_revision: if progress.is_complete { target.clone() } else { before.current_revision.clone() },
        rollout: target.is_some().then(|| progress.rollout(release, verdict)),
        requests: requests(release, verdict),
        target_revision: target,
        conditions: conditions
            .into_iter()
            .filter_map(|(type_, told)| Some((type_, told?)))
            .map(|(type_, told)| {
                let previous = before.condition(type_);
                condition(type_, told, generation_of(type_, previous), previous, now)
            })
            .chain(migrated(release, verdict, generation_of(MIGRATED, before.condition(MIGRATED)), now))
            .collect(),
    }
}

/// The status of a release whose stored object cannot be read: all that was told before, and that.
#[must_use]
pub fn unreadable(release: &Unreadable, now: Timestamp) -> ElixirReleaseStatus {
    let mut status = release.status.clone().unwrap_or_default();
    let generation = release.metadata.generation;
    let place = status.conditions.iter().position(|condition| condition.type_ == CONFIGURATION_VALID);
    let previous = place.map(|place| status.conditions.remove(place));
    let told = conditions::unreadable(&release.problem);
    let told = condition(CONFIGURATION_VALID, told, generation, previous.as_ref(), now);
    status.conditions.insert(place.unwrap_or(status.conditions.len()), told);
    ElixirReleaseStatus { observed_generation: generation, ..status }
}

/// How many pods run a revision.
struct Count {
    available: i32,
    leftovers: i32,
    is_everywhere: bool,
}

impl Count {
    fn of(observed: &Observed, workload: &WorkloadView, revision: Option<&str>) -> Self {
        let wanted = observed.release.spec.replicas;
        let runs_it = revision.is_some() && workload.revision.as_deref() == revision && workload.observed;
        let updated = if runs_it { workload.updated } else { 0 };
        let available = if runs_it { workload.available.min(updated) } else { 0 };
        let leftovers = workload.replicas - updated;
        let is_everywhere = runs_it && workload.wanted == wanted && available == wanted && leftovers == 0;
        Self { available, leftovers, is_everywhere }
    }
}

/// How far the target revision has come.
#[derive(Debug)]
pub struct Progress {
    /// Whether every wanted pod runs it and is available, no other pod is left, and the nodes have met their cluster if
    /// they have to.
    pub is_complete: bool,
    /// Whether it takes too long.
    pub is_late: bool,
    /// Why the pods run or move to an earlier revision than the one that is asked for.
    pub rejected: Option<String>,
    /// The same in words.
    pub message: String,
}

impl Progress {
    fn of(observed: &Observed, workload: &WorkloadView, target: Option<&str>, now: Timestamp) -> Self {
        let wanted = observed.release.spec.replicas;
        let Count { available, leftovers, is_everywhere } = Count::of(observed, workload, target);
        let unmet = target.filter(|_| is_everywhere).and_then(|target| unmet(observed, target, now));
        let revision = target.unwrap_or("the wanted revision");
        let run = format!("{available} of {wanted} nodes run {revision} and are available");
        let message = match (&unmet, leftovers) {
            (Some(Unmet { cause: Cause::Strained, evidence, .. }), _) => {
                let evidence = evidence.as_deref().unwrap_or("nobody has looked at all of its nodes yet");
                format!("{run}, and it is complete once they hold what they run: {evidence}")
            }
            // Which of them have not is told by the condition Clustered, at its pace.
            (Some(_), _) => format!("{run}, and it is complete once they have met their cluster (condition Clustered)"),
            (None, _) if is_everywhere => String::new(),
            (None, 0) => run,
            (None, old) => format!("{run}; {old} of an earlier one still run"),
        };
        let is_late = match &unmet {
            Some(unmet) => unmet.is_late(now),
            None => workload.deadline_exceeded && !is_everywhere,
        };
        let rejected = conditions::rejected(observed).map(|told| told.message);
        Self { is_complete: is_everywhere && unmet.is_none(), is_late, rejected, message }
    }

    fn rollout(&self, release: &ElixirRelease, verdict: &Verdict) -> RolloutStatus {
        let paused = release.spec.paused || labels::is_rollout_paused(release);
        let told = verdict.rollout();
        let step = told.and_then(|told| told.step).filter(|_| !self.is_complete);
        if let Some(hold) = told.and_then(|told| told.hold.as_ref()).filter(|_| !paused && !self.is_complete) {
            return RolloutStatus { phase: RolloutPhase::Waiting, step, message: hold.message.clone() };
        }
        let phase = match (self.is_complete, paused, self.is_late) {
            (true, ..) if self.rejected.is_some() => RolloutPhase::RolledBack,
            (true, ..) => RolloutPhase::Complete,
            (_, true, _) => RolloutPhase::Paused,
            (_, _, true) => RolloutPhase::Failed,
            _ => RolloutPhase::Progressing,
        };
        let pace = told.map_or("", |told| &told.pace);
        let told = [self.message.as_str(), pace, self.rejected.as_deref().unwrap_or_default()];
        let message = told.into_iter().filter(|told| !told.is_empty()).collect::<Vec<_>>().join(". ");
        RolloutStatus { phase, step, message }
    }
}

/// Selects the pods that an autoscaler measures: those that traffic goes to. Where that is not known, it stays.
fn selector(release: &ElixirRelease, verdict: &Verdict) -> String {
    let all = format!("{}={}", labels::RELEASE, release.name_any());
    match verdict.rollout() {
        Some(Report { active: Some(active), .. }) => format!("{all},{}={active}", labels::REVISION),
        Some(_) => all,
        None => release.status.as_ref().and_then(|status| status.selector.clone()).unwrap_or(all),
    }
}

/// The condition about migrations, if the release has any: as it was where this look says nothing of them.
fn migrated(release: &ElixirRelease, verdict: &Verdict, generation: Option<i64>, now: Timestamp) -> Option<Condition> {
    let previous = release.status.as_ref().and_then(|status| status.condition(MIGRATED));
    match verdict {
        _ if release.spec.migrations.is_empty() => None,
        Verdict::Valid { applied: Ok(Outcome { rollout: Report { migrated: Some(told), .. }, .. }), .. } => {
            Some(condition(MIGRATED, told.clone(), generation, previous, now))
        }
        _ => previous.cloned(),
    }
}

/// What was asked for by the annotations that are there, and what became of it.
fn requests(release: &ElixirRelease, verdict: &Verdict) -> Vec<RequestStatus> {
    let answers = verdict.rollout().map_or(&[][..], |told| &told.answers);
    let before = release.status.iter().flat_map(|status| &status.requests);
    let asked = Verb::ALL.into_iter().filter_map(|verb| Some((verb, release.annotations().get(verb.annotation())?)));
    let told = asked.filter_map(|(verb, value)| {
        let answer = answers.iter().find(|answer| answer.verb == verb && answer.value == *value);
        let answer = answer.map(|answer| RequestStatus {
            annotation: verb.annotation().to_owned(),
            value: value.clone(),
            outcome: answer.outcome,
            message: answer.message.clone(),
        });
        let of_verb = |request: &&RequestStatus| request.annotation == verb.annotation();
        answer.or_else(|| before.clone().find(of_verb).cloned())
    });
    told.collect()
}

fn condition(
    type_: &str,
    told: Told,
    observed_generation: Option<i64>,
    previous: Option<&Condition>,
    now: Timestamp,
) -> Condition {
    let unmoved = previous.filter(|condition| condition.status == told.status);
    Condition {
        type_: type_.to_owned(),
        status: told.status.to_owned(),
        reason: told.reason.to_string(),
        message: told.message,
        observed_generation,
        last_transition_time: unmoved
            .map_or(Time(whole_seconds(now)), |condition| condition.last_transition_time.clone()),
    }
}

#[cfg(test)]
mod tests;
