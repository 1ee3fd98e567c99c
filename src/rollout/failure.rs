//! When a revision counts as failed.
//!
//! At the deadline, also if all that its nodes lack is their cluster or they bear too much, or before that when its nodes end again and again while those of other revisions do not: then waiting
//! shows nothing new. What may pass by itself, an image that cannot be pulled for instance, is waited for.

use jiff::Timestamp;

use super::meeting::unmet;
use super::rejection::Cause;
use crate::controller::observe::Observed;
use crate::controller::pod::{PodView, Trouble, TroubleKind};
use crate::controller::status::is_late;

/// After so many restarts of a container it is clear that it does not come up.
const RESTARTS: i32 = 3;

/// Why the revision failed that the pods move to, with the evidence; `None` as long as it may still succeed.
pub(super) fn of(observed: &Observed, revision: &str, now: Timestamp) -> Option<(Cause, String)> {
    let workload = observed.workload(Some(revision))?;
    if workload.revision.as_deref() != Some(revision) || !workload.observed {
        return None;
    }
    let (new, old): (Vec<_>, Vec<_>) =
        observed.pods.iter().filter(|pod| !pod.has_ended).partition(|pod| pod.revision.as_deref() == Some(revision));
    let failing = new.iter().find_map(|pod| Some((*pod, ending(pod, now)?)));
    let is_its_own = old.iter().all(|pod| ending(pod, now).is_none());
    if let Some((pod, trouble)) = failing.filter(|(pod, _)| is_its_own && pod.restarts >= RESTARTS) {
        let cause = if trouble.kind == TroubleKind::OutOfMemory { Cause::OutOfMemory } else { Cause::CrashLoop };
        return Some((cause, format!("pod {}, restarted {} times: {}", pod.name, pod.restarts, trouble.message)));
    }
    let seconds = observed.release.spec.rollout.progress_deadline_seconds;
    if let Some(unmet) = unmet(observed, revision, now).filter(|unmet| unmet.is_late(now)) {
        let evidence = unmet.evidence.unwrap_or_default();
        let lacks = match unmet.cause {
            Cause::Strained => "bear too much after",
            _ => "did not meet their cluster within",
        };
        return Some((unmet.cause, format!("its nodes are available, but {lacks} {seconds} seconds: {evidence}")));
    }
    if !workload.deadline_exceeded && !is_late(observed, Some(revision), now) {
        return None;
    }
    let present = |pod: &&PodView| Some((pod.name.clone(), pod.trouble.clone().filter(|it| it.is_present(now))?));
    let evidence = match (new.iter().find_map(present), &workload.failure) {
        (Some((pod, trouble)), _) => format!("pod {pod}: {}", trouble.message),
        (None, Some(failure)) => format!("pods cannot be created: {failure}"),
        (None, None) => "its nodes do not become available; look at their readiness probe and log".to_owned(),
    };
    Some((Cause::ProgressDeadlineExceeded, format!("no progress for {seconds} seconds: {evidence}")))
}

/// The trouble of a pod whose container has ended by itself.
fn ending(pod: &PodView, now: Timestamp) -> Option<&Trouble> {
    let ends = [TroubleKind::CrashLoop, TroubleKind::OutOfMemory];
    pod.trouble.as_ref().filter(|trouble| ends.contains(&trouble.kind) && trouble.is_present(now))
}
