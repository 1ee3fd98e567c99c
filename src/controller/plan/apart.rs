//! What a revision has for itself where only the nodes of one revision meet (`cluster.scope: Revision`): a Secret with its
//! cookie, and a headless Service.
//!
//! It has both from before its first pod until after its last, and again when it is gone back to: the cookie follows from
//! that of the cluster, so it is the same then. Which revisions there are is told by the pods, by what runs pods, and by what
//! is about to. Whether the nodes of one are apart, each says by itself: the spec may say something else by then.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::PodTemplateSpec;

use super::{Plan, Step};
use crate::api::ElixirRelease;
use crate::controller::kind::ChildKind;
use crate::controller::observe::Observed;
use crate::controller::view::Child;
use crate::resources::pod::is_apart;
use crate::resources::{names, revision_cookie};

/// A revision with the template of its pods.
pub(super) type Templated<'a> = (&'a str, &'a PodTemplateSpec);

/// The revisions of a release that run or are about to.
#[derive(Debug)]
pub(super) struct Running<'a> {
    /// Those whose nodes meet no others.
    pub apart: BTreeSet<&'a str>,
    /// Whether nodes of others run or are about to.
    pub has_others: bool,
}

impl<'a> Running<'a> {
    /// The revisions that were observed, and those that are about to run.
    pub fn of(observed: &'a Observed, about_to_run: impl IntoIterator<Item = Templated<'a>>) -> Self {
        let pods = observed.pods.iter().filter(|pod| !pod.has_ended);
        let pods = pods.filter_map(|pod| Some((pod.revision.as_deref()?, pod.is_apart)));
        let workloads = observed.children.iter().filter(|child| !child.deleting && child.is_ours(observed.uid()));
        let workloads = workloads.filter_map(|child| {
            let view = child.workload()?;
            Some((view.revision.as_deref()?, view.is_apart))
        });
        let next = about_to_run.into_iter().map(|(revision, template)| {
            let is_apart = template.metadata.as_ref().is_some_and(is_apart);
            (revision, is_apart)
        });
        let all: Vec<_> = pods.chain(workloads).chain(next).collect();
        Self {
            apart: all.iter().filter(|(_, is_apart)| *is_apart).map(|(revision, _)| *revision).collect(),
            has_others: all.iter().any(|(_, is_apart)| !is_apart),
        }
    }

    /// The members of the cluster whose nodes meet those of all others, oldest first.
    pub fn members<'b>(&self, observed: &'b Observed) -> Vec<&'b ElixirRelease> {
        let meets_all = |member: &&Arc<ElixirRelease>| {
            !names::meets_by_revision(member) || self.has_others && member.metadata.uid == observed.release.metadata.uid
        };
        observed.members.iter().filter(meets_all).map(|member| &**member).collect()
    }
}

impl Plan {
    /// Makes the cookies of these revisions, each once, like that of the cluster.
    pub(super) fn keep_revision_cookies(&mut self, observed: &Observed, running: &Running) {
        for revision in &running.apart {
            let Some(secret) = cookies(observed).find(|secret| secret.cookie_of() == Some(revision)) else {
                self.steps.push(Step::CreateRevisionCookie(observed.release.clone(), (*revision).to_owned()));
                continue;
            };
            if !secret.deleting && !secret.is_owned_by(observed.uid()) {
                let ownership = revision_cookie::ownership(&observed.release, revision, &secret.uid);
                self.steps.push(Step::OwnSecret(Box::new(ownership)));
            }
        }
    }

    /// Deletes those of all others.
    pub(super) fn drop_revision_cookies(&mut self, observed: &Observed, running: &Running) {
        let own = cookies(observed).filter(|secret| !secret.deleting && secret.is_owned_by(observed.uid()));
        for secret in own.filter(|secret| secret.cookie_of().is_none_or(|revision| !running.apart.contains(revision))) {
            self.steps.push(Step::Delete(ChildKind::Secret, secret.name.clone(), secret.uid.clone()));
        }
    }
}

/// The Secrets with the cookies of the revisions of a release.
fn cookies(observed: &Observed) -> impl Iterator<Item = &Child> {
    observed.children.iter().filter(|child| {
        let revision = if child.kind == ChildKind::Secret { child.cookie_of() } else { None };
        revision.is_some_and(|revision| names::revision_cookie(revision).name == *child.name)
    })
}
