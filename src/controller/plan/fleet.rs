//! The Deployments of a release in which each revision has one of its own: the one of the revision that its pods are to run
//! as it should be, and of the others the number of pods alone.
//!
//! A Deployment that Kubernetes rolled before the strategy changed goes on as the one of the revision that it runs.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::ResourceExt;

use super::super::kind::ChildKind;
use super::super::observe::Observed;
use super::super::view::Child;
use super::children::desired;
use super::{Desired, Step};
use crate::resources::{deployment, pod};
use crate::rollout::Fleet;

/// The Deployment of the revision; `None` if it is not to be made now.
pub(super) fn wanted(
    observed: &Observed,
    template: &PodTemplateSpec,
    revision: &str,
    fleet: &Fleet,
) -> Option<Desired> {
    let release = &*observed.release;
    let size = fleet.size?;
    let template = pod::stamp(template.clone(), revision);
    let is_rolled = |child: &Child| *child.name == *release.name_any();
    Some(match observed.carrier(Some(revision)) {
        Some(child) if is_rolled(child) => {
            desired(ChildKind::Deployment, &deployment::build(release, template, revision, size))
        }
        _ => desired(ChildKind::Deployment, &deployment::of_revision(release, template, revision, size)),
    })
}

/// The others that are to have another number of pods.
pub(super) fn scaled<'a>(observed: &'a Observed, fleet: &'a Fleet) -> impl Iterator<Item = Step> + 'a {
    fleet.others.iter().filter_map(|(uid, size)| {
        let child = observed.carriers().find(|child| child.uid == *uid).filter(|child| !child.deleting)?;
        let has = child.workload()?.wanted;
        (has != *size).then(|| Step::Scale(child.kind, child.name.clone(), child.uid.clone(), *size))
    })
}

/// Whether one that nobody wants any more may go: it has no pods, and is to have none.
pub(super) fn may_go(child: &Child, fleet: &Fleet) -> bool {
    let is_empty = child.workload().is_some_and(|view| view.observed && view.wanted == 0 && view.replicas == 0);
    is_empty && fleet.others.iter().any(|(uid, size)| *uid == child.uid && *size == 0)
}
