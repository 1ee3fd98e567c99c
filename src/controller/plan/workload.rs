//! The object that runs the pods: which kind there is to be now, and with how many pods.
//!
//! A Deployment and a StatefulSet of one release select pods by the same labels and never touch each other's, because each
//! pod belongs to the one that made it. So while a release changes from one to the other, both may run. Which goes first
//! is what the strategy says:
//!
//! - RollingUpdate: the old one stays as it is until every wanted pod of the new one is available.
//! - Recreate: the new one is made when the last pod of the old one is gone.
//!
//! The Deployments that revisions of their own had under another strategy are such old ones as well.
//!
//! A StatefulSet has no strategy Recreate of its own. It has no pods until the last one of an earlier revision is gone, and
//! then as many as are wanted. Each step follows from what is there, so it goes on wherever it was left.

use k8s_openapi::api::core::v1::PodTemplateSpec;

use super::super::kind::ChildKind;
use super::super::observe::Observed;
use super::super::validate::Valid;
use super::super::view::Child;
use super::Desired;
use super::children::desired;
use crate::api::Strategy;
use crate::resources::{deployment, pod, stateful_set};

/// The object that runs the pods of this revision; `None` as long as those of another kind have to go first.
pub(super) fn wanted(
    observed: &Observed,
    valid: &Valid,
    template: &PodTemplateSpec,
    revision: &str,
) -> Option<Desired> {
    let release = &*observed.release;
    let kind = ChildKind::of_workload(release);
    if is_recreated(observed) && observed.workload_of(kind).is_none() && is_left(observed) {
        return None;
    }
    let template = pod::stamp(template.clone(), revision);
    Some(match kind {
        ChildKind::StatefulSet => {
            let replicas = if must_be_empty(observed, revision) { 0 } else { release.spec.replicas };
            desired(kind, &stateful_set::build(release, &valid.claims, template, revision, replicas))
        }
        _ => desired(kind, &deployment::build(release, template, revision, release.spec.replicas)),
    })
}

/// Whether what runs pods and is not wanted any more may go now: it has a successor, or must go before.
pub(super) fn may_go(observed: &Observed, revision: &str) -> bool {
    is_recreated(observed) || has_successor(observed, revision)
}

fn is_recreated(observed: &Observed) -> bool {
    observed.release.spec.rollout.strategy == Strategy::Recreate
}

/// Whether anything else that runs pods is there yet: a pod may outlive what made it. An object that somebody has taken the
/// owner from is nobody's, and its end is not waited for.
fn is_left(observed: &Observed) -> bool {
    let is_owned = |child: &Child| child.is_owned_by(observed.uid());
    let has_pods = || ChildKind::WORKLOADS.into_iter().any(|kind| observed.has_pods_in(kind));
    observed.carriers().any(is_owned) || has_pods()
}

/// Whether every pod that is wanted runs this revision in the kind that the release asks for, and is available.
fn has_successor(observed: &Observed, revision: &str) -> bool {
    let wanted = observed.release.spec.replicas;
    let child = observed.workload_of(ChildKind::of_workload(&observed.release));
    child.filter(|child| !child.deleting).and_then(Child::workload).is_some_and(|view| {
        view.observed
            && view.revision.as_deref() == Some(revision)
            && view.wanted == wanted
            && view.updated.min(view.available) >= wanted
    })
}

/// Whether the StatefulSet is to have no pods now, because some of an earlier revision are not gone.
fn must_be_empty(observed: &Observed, revision: &str) -> bool {
    let Some(view) = observed.workload_of(ChildKind::StatefulSet).and_then(Child::workload) else { return false };
    // One that somebody took the label from is no reason to stop all others.
    let is_old = |label: Option<&str>| label.is_some_and(|label| label != revision);
    let mut pods = observed.pods.iter().filter(|pod| pod.runs_in == Some(ChildKind::StatefulSet) && !pod.has_ended);
    let has_old_pods = pods.any(|pod| is_old(pod.revision.as_deref()));
    // The pods are seen by another watch, which may be behind: its own count says that there are some as well.
    let has_pods = view.replicas > 0 || !view.observed;
    let is_about_to_stop = is_old(view.revision.as_deref()) && has_pods;
    let is_stopping = view.wanted == 0 && has_pods;
    is_recreated(observed) && (has_old_pods || is_about_to_stop || is_stopping)
}
