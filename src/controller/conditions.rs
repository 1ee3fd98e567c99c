//! The conditions of a release, a function each: status, a reason from a closed list, and words for a person who was woken
//! up by it: what is wrong, what the operator does, what the reader can do.

mod reason;

use jiff::Timestamp;

pub use self::reason::Reason;
use super::apply::Outcome;
use super::kind::ChildKind;
use super::observe::Observed;
use super::plan::Taken;
use super::pod::{PodView, Trouble, TroubleKind};
use super::status::{Progress, Verdict, is_late};
use super::view::WorkloadView;
use crate::api::PodManagementPolicy;
use crate::resources::labels;
use crate::resources::problem::Problem;
use crate::resources::reference::ReferenceKind;
use crate::rollout::meeting::unmet;
use crate::rollout::{Cause, Rejection, Report};

/// The condition about the mesh.
pub const CLUSTERED: &str = "Clustered";

/// What a condition tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// Why.
    pub reason: Reason,
    /// The same in words.
    pub message: String,
}

/// Whether the wanted nodes are ready.
#[must_use]
pub fn ready(observed: &Observed, workload: &WorkloadView) -> Told {
    let wanted = observed.release.spec.replicas;
    if observed.carriers().next().is_none() {
        let kind = ChildKind::of_workload(&observed.release).as_str();
        return told("False", Reason::NotCreated, format!("no {kind} was made yet"));
    }
    let message = format!("{} of {wanted} nodes are ready", workload.ready);
    if workload.ready >= wanted {
        return told("True", Reason::AllNodesReady, message);
    }
    told("False", Reason::NodesNotReady, message)
}

/// Whether nodes are being started or replaced.
#[must_use]
pub fn progressing(observed: &Observed, verdict: &Verdict, progress: &Progress) -> Told {
    if observed.release.spec.paused {
        return told("False", Reason::Paused, "spec.paused is true: nothing but the status is written".to_owned());
    }
    match verdict {
        Verdict::Invalid(_) => {
            let message = "the release is not valid: what runs is left alone until it is corrected";
            told("False", Reason::ConfigurationInvalid, message.to_owned())
        }
        Verdict::Unread => {
            let message = "what the pods read is not known: what runs is left alone until it can be read";
            told("False", Reason::ReferenceUnreadable, message.to_owned())
        }
        Verdict::Valid { .. } if progress.is_complete && waits_for_leaving(observed).is_some() => {
            told("True", Reason::NodesLeaving, waits_for_leaving(observed).unwrap_or_default().to_owned())
        }
        Verdict::Valid { .. } if progress.is_complete => match &progress.rejected {
            Some(why) => told("False", Reason::RolledBack, why.clone()),
            None => told("False", Reason::RolloutComplete, String::new()),
        },
        Verdict::Valid { .. } if labels::is_rollout_paused(&observed.release) => {
            let held = format!("held by the annotation {}; to go on, remove it", labels::PAUSE);
            told("False", Reason::Paused, format!("{held}. {}", progress.message))
        }
        Verdict::Valid { applied: Ok(Outcome { rollout: Report { hold: Some(hold), .. }, .. }), .. } => {
            told("False", hold.reason, hold.message.clone())
        }
        Verdict::Valid { .. } if progress.is_late => {
            told("False", Reason::ProgressDeadlineExceeded, progress.message.clone())
        }
        Verdict::Valid { .. } => told("True", Reason::RolloutInProgress, progress.message.clone()),
    }
}

/// Whether something needs a person.
#[must_use]
pub fn degraded(observed: &Observed, verdict: &Verdict, now: Timestamp) -> Told {
    if let Verdict::Valid { applied, .. } = verdict {
        match applied {
            Err(error) => {
                let message = format!("{error}. It is tried again with growing pauses; what runs is left alone");
                return told("True", Reason::WriteFailed, message);
            }
            Ok(outcome) if !outcome.taken.is_empty() => {
                return told("True", Reason::NameTaken, name_taken(&outcome.taken));
            }
            Ok(Outcome { rollout: Report { migrated: Some(told), .. }, .. })
                if told.reason == Reason::MigrationFailed =>
            {
                return Told { status: "True", ..told.clone() };
            }
            Ok(_) => {}
        }
    }
    if !observed.unread.is_empty() {
        return told("True", Reason::ReferenceUnreadable, unread(observed));
    }
    let before = observed.release.status.clone().unwrap_or_default();
    let target = verdict.target(&before);
    let workload = observed.workload(target.as_deref()).unwrap_or_default();
    if let Some(failure) = &workload.failure {
        return told("True", Reason::PodCreationFailed, format!("pods cannot be created: {failure}"));
    }
    if let Some(told) = pods_in_trouble(observed, &workload, now) {
        return told;
    }
    let unmet = target.as_deref().and_then(|target| unmet(observed, target, now));
    if let Some(unmet) = unmet.filter(|unmet| unmet.is_late(now)) {
        return if unmet.cause == Cause::Strained {
            told("True", Reason::Strained, strained(observed, &unmet.evidence.unwrap_or_default()))
        } else {
            told("True", Reason::NotClustered, not_clustered(observed))
        };
    }
    if workload.deadline_exceeded || is_late(observed, target.as_deref(), now) {
        let seconds = observed.release.spec.rollout.progress_deadline_seconds;
        let remedy = if workload.fixed.is_some() && workload.replicas < observed.release.spec.replicas {
            // Only its events tell why.
            format!("pods are not made; kubectl describe statefulset {} says why", observed.key.name)
        } else {
            "pods run but do not become available; look at their readiness probe and log".to_owned()
        };
        let message = format!("no progress for {seconds} seconds (spec.rollout.progressDeadlineSeconds): {remedy}");
        return told("True", Reason::ProgressDeadlineExceeded, message);
    }
    if let Some(leaving) = observed.leaving.as_ref().filter(|leaving| leaving.has_failed) {
        return told("True", Reason::LeaveFailed, leaving.told.clone());
    }
    // What a person asked for needs no other person.
    rejected(observed).filter(|told| told.status == "True").unwrap_or(told("False", Reason::AsExpected, String::new()))
}

/// What a scale-down waits for, if it waits.
fn waits_for_leaving(observed: &Observed) -> Option<&str> {
    observed.leaving.as_ref().map(|leaving| &*leaving.told).filter(|told| !told.is_empty())
}

fn not_clustered(observed: &Observed) -> String {
    format!(
        "the nodes of the new revision are available, but did not meet their cluster within {} seconds \
         (spec.rollout.progressDeadlineSeconds), as those of the one before had: the condition Clustered says which. Correct \
         what keeps them apart, or go back with: kubectl annotate --overwrite exr {} {}=<a new value>",
        observed.release.spec.rollout.progress_deadline_seconds,
        observed.key.name,
        labels::ABORT
    )
}

fn strained(observed: &Observed, evidence: &str) -> String {
    format!(
        "the nodes of the new revision are available, but {evidence}, still after {} seconds \
         (spec.rollout.progressDeadlineSeconds). Give it more room or mend it, or go back with: kubectl annotate --overwrite \
         exr {} {}=<a new value>",
        observed.release.spec.rollout.progress_deadline_seconds,
        observed.key.name,
        labels::ABORT
    )
}

/// Why an earlier revision runs than the one that the spec asks for, and what can be done about it. It is trouble unless a
/// person wanted it.
#[must_use]
pub fn rejected(observed: &Observed) -> Option<Told> {
    let (name, rejection) = observed.rejected()?;
    let Rejection { instead, message, .. } = rejection;
    if !observed.runs(instead) {
        return None;
    }
    let remedy = format!(
        "change the spec, or try {name} again with: kubectl annotate --overwrite exr {} {}=<a new value>",
        observed.key.name,
        labels::RETRY
    );
    let (status, verb) = if rejection.is_wanted() { ("False", "was rejected") } else { ("True", "failed") };
    let message = format!("{name}, which the spec asks for, {verb}, and {instead} runs: {message}. To go on, {remedy}");
    Some(told(status, Reason::RolledBack, message))
}

/// Whether the release can be applied as it is.
#[must_use]
pub fn configuration_valid(verdict: &Verdict) -> Told {
    match verdict {
        Verdict::Invalid(problems) => told("False", Reason::Invalid, sentences(problems)),
        Verdict::Unread => {
            let message = "cannot be judged before what the pods read can be read: see the condition Degraded";
            told("Unknown", Reason::ReferenceUnreadable, message.to_owned())
        }
        Verdict::Valid { warnings: [], .. } => told("True", Reason::Valid, String::new()),
        Verdict::Valid { warnings, .. } => told("True", Reason::ValidWithWarnings, sentences(warnings)),
    }
}

/// What is told of a release whose stored object cannot be read.
#[must_use]
pub fn unreadable(problem: &str) -> Told {
    let message = format!("cannot be read and is left alone, with what runs of it, until it is corrected: {problem}");
    told("False", Reason::Unreadable, message)
}

fn unread(observed: &Observed) -> String {
    let objects = observed.unread.iter().map(|unread| {
        let remedy = match (unread.is_forbidden, unread.reference.kind) {
            (false, _) => "",
            (true, ReferenceKind::Secret) => " (allow the operator's ServiceAccount to get Secrets here)",
            (true, ReferenceKind::ConfigMap) => " (allow the operator's ServiceAccount to get ConfigMaps here)",
        };
        format!("{} could not be read: {}{remedy}", unread.reference, unread.why)
    });
    let until_then = if observed.knows_its_references() {
        "until then what was read before counts"
    } else {
        "until then what runs is left alone"
    };
    format!("{}. It is tried again with growing pauses; {until_then}", objects.collect::<Vec<_>>().join("; "))
}

fn name_taken(taken: &[Taken]) -> String {
    let names: Vec<_> = taken.iter().map(|taken| format!("{} {}", taken.kind.as_str(), taken.name)).collect();
    format!(
        "not made by this operator and left alone: {}. Delete or rename it, or rename the release; it is looked at again \
         every few minutes",
        names.join(", ")
    )
}

fn pods_in_trouble(observed: &Observed, workload: &WorkloadView, now: Timestamp) -> Option<Told> {
    let pods: Vec<_> = observed.pods.iter().filter(|pod| !pod.has_ended).collect();
    let present = |trouble: &&Trouble| trouble.is_present(now);
    let mut troubled: Vec<_> =
        pods.iter().filter_map(|pod| Some((pod.trouble.as_ref().filter(present)?, *pod))).collect();
    troubled.sort_by_key(|(trouble, pod)| (trouble.kind, pod.name.clone()));
    let (trouble, pod) = troubled.first()?;
    let name = &pod.name;
    let (reason, remedy) = match trouble.kind {
        TroubleKind::ImagePull => (Reason::ImagePullFailed, "correct spec.image or spec.imagePullSecrets"),
        TroubleKind::ContainerConfig => (Reason::ContainerConfigError, "correct what it names"),
        TroubleKind::OutOfMemory => (Reason::OutOfMemory, "raise spec.resources.limits.memory"),
        TroubleKind::CrashLoop => (Reason::CrashLoop, "read the log of its last run with kubectl logs --previous"),
        TroubleKind::Unschedulable => {
            (Reason::Unschedulable, "free or add room, or lower spec.resources.requests and placement rules")
        }
        TroubleKind::NodeLost => (
            Reason::NodeLost,
            "bring the node back or delete its Node object; else Kubernetes starts the pod elsewhere once the pod no \
             longer tolerates node.kubernetes.io/unreachable, by default after five minutes",
        ),
    };
    let remedy = if is_waited_for(pod, workload) {
        format!(
            "run kubectl delete pod {name}: it is of an earlier revision, and podManagementPolicy OrderedReady waits for it"
        )
    } else {
        remedy.to_owned()
    };
    let message = format!(
        "{} of {} pods cannot run. {name}: {}. To mend it, {remedy}",
        troubled.len(),
        pods.len(),
        trouble.message
    );
    Some(told("True", reason, message))
}

/// A StatefulSet that starts its pods in order replaces none before all are ready, so that one that is broken stays, also
/// when there is a revision by now that would mend it.
/// <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback>
fn is_waited_for(pod: &PodView, workload: &WorkloadView) -> bool {
    let in_order = PodManagementPolicy::OrderedReady.as_str();
    workload.fixed.as_ref().is_some_and(|fixed| *fixed.pod_management_policy == *in_order)
        && pod.revision != workload.revision
}

fn sentences(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

/// What a condition tells.
#[must_use]
pub fn told(status: &'static str, reason: Reason, message: String) -> Told {
    Told { status, reason, message }
}

#[cfg(test)]
mod tests;
