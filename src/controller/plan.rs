//! Plan: what to write next, as data.
//!
//! [`plan`] is a pure function of what was observed. It never asks for a write that would change nothing, never for one
//! on an object that is not ours, and its steps are ordered so that stopping after any of them and planning again ends in
//! the same place.

mod apart;
mod children;
mod fleet;
mod leave;
mod neighbours;
mod secrets;
mod workload;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use serde_json::Value;

use self::apart::Running;
use self::neighbours::is_kept;
use super::cache::{Group, Key};
use super::kind::ChildKind;
use super::live::LiveChild;
use super::mesh::{self, Move};
use super::observe::Observed;
use super::revision::{self};
use super::validate::Valid;
use super::view::{Child, JobView};
use crate::api::ElixirRelease;
use crate::resources::Facts;
use crate::rollout::migrations::{self, Ended, Next};
use crate::rollout::{self, Rejection, Stage, Weights, meeting};

/// What to write, in order.
#[derive(Debug, Default)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// Names of objects that are not ours and stand where a child should be.
    pub taken: Vec<Taken>,
    /// The revision that the pods are to run, now or when it need not wait any more; `None` when nothing may be written.
    pub revision: Option<String>,
    /// What is to be told of the rollout.
    pub rollout: rollout::Report,
    /// When the rollout goes on without cause.
    pub turn: Option<Timestamp>,
    /// Whether what is written leads to another step, which no watch will tell of.
    pub goes_on: bool,
}

/// One write, or one read that the next plan depends on.
#[derive(Debug)]
pub enum Step {
    /// Make the Secret of the cookie for these members, if there is none.
    CreateCookie(Vec<Arc<ElixirRelease>>),
    /// Make the Secret of the cookie of this revision, if there is none.
    CreateRevisionCookie(Arc<ElixirRelease>, String),
    /// Make and renew the certificates of a cluster with these members.
    KeepCertificates(Vec<Arc<ElixirRelease>>),
    /// Make a Secret with a cookie or with certificates belong to exactly these releases.
    OwnSecret(Box<PartialObjectMeta<Secret>>),
    /// Make a child that was not seen, unless somebody else has one of that name.
    Create(Desired),
    /// Change a child that was seen with this uid.
    Update(Desired, Box<str>),
    /// Delete a child that was seen with this uid.
    Delete(ChildKind, Box<str>, Box<str>),
    /// Go on with the rotation of a cookie.
    RotateCookie(Rotation),
    /// Open the readiness gate of the pod of this name and uid: its node has met its cluster.
    OpenGate(Arc<str>, Arc<str>),
    /// Evict the pod of this name and uid, so that another takes its place.
    Evict(Box<str>, Box<str>, Eviction),
    /// Mark the pod of this name and uid as the first that a scale-down takes.
    MarkLeaving(Box<str>, Box<str>),
    /// Have the node in the pod of this name and uid leave, by this command, which takes at most so long.
    Leave(Box<str>, Box<str>, Vec<String>, Duration),
    /// Note on the pod of this name and uid that its node has left, at that time.
    NoteLeft(Box<str>, Box<str>, Timestamp),
    /// Note on the record of the revision of this name why it is not run although it is asked for, or that it is after all.
    Judge(String, Option<Rejection>),
    /// Give what runs the pods of another revision, of this kind, name and uid, so many pods.
    Scale(ChildKind, Box<str>, Box<str>, i32),
    /// Note on the record of the revision of this name how far it has come.
    NoteStage(String, Stage),
    /// Change the weights of an HTTPRoute that the release names.
    Split(Weights),
    /// Note on the record of the revision of this name that its nodes have met their cluster.
    NoteMeeting(String),
    /// Note on the record of a revision how a migration ended.
    NoteMigration(Ended),
    /// Read the pod template that is recorded under this name. Nothing else is planned then.
    ReadRevision(String),
}

impl Step {
    /// Whether it makes or changes a Service.
    fn is_of_service(&self) -> bool {
        matches!(self, Self::Create(desired) | Self::Update(desired, _) if desired.kind == ChildKind::Service)
    }
}

/// Why a pod is evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// Its node is cut off from the larger side of its cluster.
    CutOff,
    /// Its node was asked to leave, and is to stay after all.
    AskedToLeave,
}

/// The next step of the rotation of a cookie.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// The step.
    pub next: Move,
    /// The cluster that the cookie is of.
    pub cluster: Key,
    /// Name of the Secret that holds it.
    pub secret: Box<str>,
    /// Uid of the Secret.
    pub uid: Box<str>,
    /// Version of the Secret that the step is meant for.
    pub version: u64,
}

/// A child as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Its kind.
    pub kind: ChildKind,
    /// Its name.
    pub name: String,
    /// Whose it is, by its labels.
    pub group: Option<Group>,
    /// The object, for server-side apply.
    pub object: Value,
    /// The digest by which it is recognised.
    pub digest: u64,
}

impl Desired {
    /// The object that stands where this one should be, if it is the release's after all and had only gone unseen: it is
    /// owned by the release, or the operator made it and its labels claim it for nobody else.
    #[must_use]
    pub fn recognise(&self, found: LiveChild, uid: &str) -> Option<Child> {
        let group = Group::of(&found.metadata);
        let is_claimed = group.is_some() && group != self.group;
        Child::of(self.kind, found).filter(|child| child.is_owned_by(uid) || child.is_ours(uid) && !is_claimed)
    }
}

/// An object that stands where a child should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taken {
    /// Its kind.
    pub kind: ChildKind,
    /// Its name.
    pub name: String,
}

/// Plans for a valid release.
#[must_use]
pub fn plan(observed: &Observed, valid: &Valid, facts: &Facts, now: Timestamp) -> Plan {
    let release = &*observed.release;
    if release.spec.paused || release.metadata.deletion_timestamp.is_some() {
        return Plan { revision: observed.running_revision().map(ToOwned::to_owned), ..Plan::default() };
    }
    let cut_off =
        mesh::to_restart(observed, now).map(|(pod, uid)| Step::Evict((*pod).into(), (*uid).into(), Eviction::CutOff));
    let gates = mesh::to_open(observed).into_iter().map(|(pod, uid)| Step::OpenGate(pod, uid));
    let rendered = children::rendered(observed, valid, facts);
    let asked = revision::choose(release, &rendered, &observed.history(), observed.running_revision());
    let course = rollout::course(observed, &asked, &valid.migrations, now);
    let template = match (&course.revision, &observed.pinned) {
        (None, _) => &rendered.template,
        (Some(runs), _) if *runs == asked.name && asked.is_rendered => &rendered.template,
        (Some(runs), Some((pinned, template))) if **pinned == **runs => &**template,
        (Some(runs), _) => {
            let steps = vec![Step::ReadRevision(runs.clone())];
            return Plan { steps, revision: Some(runs.clone()), ..Plan::default() };
        }
    };
    let revision = course.rejection.as_ref().map_or(&asked.name, |rejection| &rejection.instead).clone();
    let leaving = observed.leaving.as_ref();
    let turns = [course.fleet.as_ref().and_then(|fleet| fleet.turn), leaving.and_then(|leaving| leaving.turn)];
    let turn = turns.into_iter().flatten().min();
    let mut plan = Plan { revision: Some(revision), rollout: course.report, turn, ..Plan::default() };
    let runs = course.revision.as_deref();
    let asked_for = course.rejection.is_none().then_some((&*asked.name, &rendered.template));
    // One whose recorded template counts is the one that runs, or is none that anybody asks for.
    let asked_for = asked_for.filter(|(asked, _)| runs != Some(*asked));
    let running = Running::of(observed, runs.map(|runs| (runs, template)).into_iter().chain(asked_for));
    plan.keep_cookie(observed);
    plan.keep_revision_cookies(observed, &running);
    plan.keep_certificates(observed, now);
    let mut wanted = children::of_nodes(observed, facts, template, &running);
    wanted.extend(children::record(observed, &rendered, &asked));
    for desired in &wanted {
        plan.want(observed, desired);
    }
    if course.is_new {
        plan.steps.push(Step::Judge(asked.name.clone(), course.rejection));
    }
    plan.steps.extend(meeting::to_note(observed, now).map(ToOwned::to_owned).map(Step::NoteMeeting));
    let left = migrations::left(observed, &asked.name);
    plan.steps.extend(left.iter().cloned().map(Step::NoteMigration));
    if let Next::Note(ended) = &course.migration {
        plan.steps.push(Step::NoteMigration(ended.clone()));
    }
    let fleet = course.fleet.as_ref();
    if let Some((revision, stage)) = fleet.and_then(|fleet| fleet.stage.clone()) {
        plan.steps.push(Step::NoteStage(revision, stage));
    }
    let mut rest: Vec<_> = runs
        .and_then(|runs| match fleet {
            Some(fleet) => fleet::wanted(observed, template, runs, fleet),
            None => workload::wanted(observed, valid, template, runs),
        })
        .into_iter()
        .collect();
    rest.extend(children::around_nodes(observed, valid, runs, fleet));
    for desired in &rest {
        plan.want(observed, desired);
    }
    plan.goes_on = release.spec.rollout.route().is_some() && plan.steps.iter().any(Step::is_of_service);
    plan.steps.extend(fleet.into_iter().flat_map(|fleet| fleet::scaled(observed, fleet)));
    wanted.extend(rest);
    let keep = Kept {
        revisions: history_to_keep(observed, [Some(&*asked.name), runs]),
        jobs_of: &asked.name,
        jobs: left.iter().map(|ended| &*ended.job).collect(),
    };
    let may_go = |child: &&Child| match fleet {
        _ if child.workload().is_none() => true,
        Some(fleet) => fleet::may_go(child, fleet),
        None => runs.is_some_and(|runs| workload::may_go(observed, runs)),
    };
    for child in unwanted(observed, &wanted, &keep).filter(may_go) {
        plan.steps.push(Step::Delete(child.kind, child.name.clone(), child.uid.clone()));
    }
    plan.drop_revision_cookies(observed, &running);
    plan.steps.extend(leaving.into_iter().flat_map(|leaving| leave::steps(release, leaving)));
    plan.steps.extend(gates);
    plan.steps.extend(cut_off);
    // What is written before does not follow from it: that has to be seen first.
    plan.steps.extend(fleet.and_then(|fleet| fleet.weights.clone()).map(Step::Split));
    // Last, so that one that the API server refuses keeps nothing else from being done.
    if let Next::Run { index, attempt } = course.migration {
        let job = valid.migrations[index].job(release, &asked.name, attempt);
        plan.want(observed, &children::desired(ChildKind::Job, &job));
    }
    plan
}

impl Plan {
    fn want(&mut self, observed: &Observed, desired: &Desired) {
        match observed.child(desired.kind, &desired.name) {
            None => self.steps.push(Step::Create(desired.clone())),
            Some(child) if child.deleting || child.is_as(desired.digest) => {}
            Some(child) if child.is_ours(observed.uid()) => {
                self.steps.push(Step::Update(desired.clone(), child.uid.clone()));
            }
            Some(_) => self.taken.push(Taken { kind: desired.kind, name: desired.name.clone() }),
        }
    }
}

/// The revisions that stay: the one that is asked for and the one that runs, the last that ran completely, and the newest
/// others up to the limit.
fn history_to_keep(observed: &Observed, used: [Option<&str>; 2]) -> BTreeSet<String> {
    let current = observed.release.status.as_ref().and_then(|status| status.current_revision.clone());
    let limit = usize::try_from(observed.release.spec.rollout.revision_history_limit).unwrap_or_default();
    let history = observed.history();
    let is_needed = |name: &str| used.contains(&Some(name)) || Some(name) == current.as_deref();
    let others = history.iter().map(|(name, _)| *name).filter(|name| !is_needed(name)).take(limit);
    others.chain(used.into_iter().flatten()).map(ToOwned::to_owned).chain(current.clone()).collect()
}

/// What stays although no builder makes it now.
struct Kept<'a> {
    /// Names of the revisions that stay.
    revisions: BTreeSet<String>,
    /// The revision whose Jobs stay.
    jobs_of: &'a str,
    /// Jobs of others of which nothing is noted yet.
    jobs: BTreeSet<&'a str>,
}

/// Children that nobody wants any more. The cookie of a cluster and an authority are never among them: they may be wanted
/// again.
///
/// What a cluster shares is cleaned up by whoever is in it, also after its owner has left.
fn unwanted<'a>(observed: &'a Observed, wanted: &'a [Desired], keep: &'a Kept<'_>) -> impl Iterator<Item = &'a Child> {
    let is_wanted = move |child: &Child| match child.kind {
        ChildKind::Secret => true,
        ChildKind::ControllerRevision => keep.revisions.contains(&*child.name),
        // One that runs is not killed half way.
        ChildKind::Job => {
            let is_kept = |job: &JobView| job.has_succeeded.is_none() || *job.revision == *keep.jobs_of;
            child.job().is_some_and(is_kept) || keep.jobs.contains(&*child.name)
        }
        kind => wanted.iter().any(|desired| desired.kind == kind && *desired.name == *child.name),
    };
    let own = observed.children.iter().filter(|child| child.is_owned_by(observed.uid()));
    let shared = observed.shared.iter().chain(&observed.abandoned);
    let shared = shared.filter(|child| !child.owners.is_empty() && !is_kept(&child.owners, &observed.unreadable));
    own.chain(shared).filter(move |child| child.digest.is_some() && !child.deleting && !is_wanted(child))
}

#[cfg(test)]
mod tests;
