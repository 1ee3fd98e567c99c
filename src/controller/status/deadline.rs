//! Whether a rollout of a StatefulSet takes too long.
//!
//! A Deployment says so itself, a StatefulSet knows no deadline. So it is told from what moves: a pod of the wanted revision
//! is made or becomes ready. Nothing is stored for it but what the conditions tell already.

use jiff::{SignedDuration, Timestamp};

use super::runs_everywhere;
use crate::api::{ElixirReleaseStatus, RolloutPhase};
use crate::controller::conditions::Reason;
use crate::controller::kind::ChildKind;
use crate::controller::observe::Observed;
use crate::controller::view::Child;
use crate::resources::labels;

/// When the move to a revision counts as late unless something moves before; `None` where nothing has to.
///
/// As with a Deployment, a revision that ran completely once is never late again: what happens to its nodes later is no
/// rollout.
pub(in crate::controller) fn deadline(observed: &Observed, now: Timestamp) -> Option<Timestamp> {
    let [of_deployment, of_stateful_set] = ChildKind::WORKLOADS.map(|kind| observed.workload_of(kind));
    let is_wanted = ChildKind::of_workload(&observed.release) == ChildKind::StatefulSet;
    let target = of_stateful_set.filter(|_| is_wanted)?.workload()?.revision.as_deref()?;
    let before = observed.release.status.clone().unwrap_or_default();
    if before.current_revision.as_deref() == Some(target) && of_deployment.is_none() {
        return None;
    }
    let pods = observed.pods.iter().filter(|pod| pod.runs_in == Some(ChildKind::StatefulSet));
    let pods = pods.filter(|pod| pod.revision.as_deref() == Some(target));
    let moved = pods.filter_map(|pod| pod.moved).chain(began(&before, target, now)).max();
    let patience = SignedDuration::from_secs(observed.release.spec.rollout.progress_deadline_seconds.into());
    Some(moved.map_or(now, |moved| moved.saturating_add(patience).unwrap_or(Timestamp::MAX)))
}

/// Whether the move to the wanted revision is late. Before the StatefulSet has that revision, no move is under way, and none
/// is any more once all its pods are available.
pub(crate) fn is_late(observed: &Observed, target: Option<&str>, now: Timestamp) -> bool {
    let stateful_set = observed.workload_of(ChildKind::StatefulSet).and_then(Child::workload);
    if labels::is_rollout_paused(&observed.release) {
        return false;
    }
    let has_it = stateful_set.is_some_and(|view| view.revision.as_deref() == target);
    let is_done = target.is_some_and(|target| runs_everywhere(observed, target));
    has_it && !is_done && deadline(observed, now).is_some_and(|deadline| deadline <= now)
}

/// When the move began. Once it was told to be late, its begin is known no longer, and only pods can show that it goes on.
fn began(before: &ElixirReleaseStatus, target: &str, now: Timestamp) -> Option<Timestamp> {
    let is_late = |reason: &str| reason == Reason::ProgressDeadlineExceeded.to_string();
    // While the release is not valid, only Degraded and the rollout go on telling it.
    let has_failed = before.rollout.as_ref().is_some_and(|rollout| rollout.phase == RolloutPhase::Failed);
    let was_late = has_failed || before.conditions.iter().any(|condition| is_late(&condition.reason));
    let told = before.condition("Progressing");
    match told.filter(|_| before.target_revision.as_deref() == Some(target)) {
        Some(_) if was_late => None,
        Some(told) if told.status == "True" => Some(told.last_transition_time.0),
        _ => Some(now),
    }
}
