//! What a strategy decides by: what runs, where traffic goes, and what was noted.

use jiff::Timestamp;
use kube::ResourceExt;

use super::super::scaled::scaled;
use super::super::stage::{Promoted, Stage};
use super::super::{Cause, Verb, meeting};
use super::way::Way;
use crate::api::{CanaryStep, Strategy};
use crate::controller::observe::Observed;
use crate::controller::revision::Choice;
use crate::controller::view::{Child, RevisionView};
use crate::resources::labels;

/// An object that runs pods of one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Carrier {
    /// Its uid.
    pub uid: Box<str>,
    /// The revision of its template.
    pub revision: Option<Box<str>>,
    /// Whether its controller has seen its current spec.
    pub is_observed: bool,
    /// How many pods it is to have.
    pub wanted: i32,
    /// How many it has, without those that are being deleted.
    pub pods: i32,
    /// How many of them are of its template.
    pub updated: i32,
    /// How many of them are available.
    pub available: i32,
    /// How many are being deleted.
    pub terminating: usize,
}

impl Carrier {
    pub(super) fn of(observed: &Observed, child: &Child) -> Option<Self> {
        let view = child.workload()?;
        let is_its = |revision: Option<&str>| revision == view.revision.as_deref();
        let pods = observed.pods.iter().filter(|pod| !pod.has_ended && pod.is_terminating);
        Some(Self {
            uid: child.uid.clone(),
            revision: view.revision.clone(),
            is_observed: view.observed,
            wanted: view.wanted,
            pods: view.replicas,
            updated: view.updated,
            available: view.available.min(view.wanted),
            terminating: pods.filter(|pod| is_its(pod.revision.as_deref())).count(),
        })
    }

    /// Whether it has so many pods, all of its template and available.
    pub(super) fn is_complete(&self, wanted: i32) -> bool {
        let counts = [self.wanted, self.pods, self.updated, self.available];
        self.is_observed && counts.iter().all(|count| *count == wanted)
    }

    /// Available pods of its template.
    pub(super) fn good(&self) -> i32 {
        self.available.min(self.updated)
    }
}

/// What a strategy decides by.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scene {
    /// The name of the release.
    pub name: String,
    /// How many nodes there are to be.
    pub wanted: i32,
    /// The revision that they are to run.
    pub revision: String,
    /// What runs it.
    pub new: Option<Carrier>,
    /// What runs others, in the order in which it goes: last what ran completely last.
    pub others: Vec<Carrier>,
    /// BlueGreen, and Canary with a route: the revision that the traffic Service is to lead to, if to one.
    pub active: Option<Active>,
    /// Canary with a route: what is seen of it.
    pub way: Option<Way>,
    /// What was noted about the revision.
    pub stage: Stage,
    /// Whether it has proved itself: it is gone back to, or ran completely before.
    pub is_known: bool,
    /// What keeps its nodes, all of which are available, from being good.
    pub unmet: Option<String>,
    /// Whether somebody holds the rollout.
    pub is_paused: bool,
    /// What somebody asked for by the annotation that promotes, if that is not answered yet.
    pub promotion: Option<String>,
    /// How many nodes may run above `wanted`.
    pub surge: i32,
    /// How many may be missing.
    pub unavailable: i32,
    /// The time.
    pub now: Timestamp,
}

impl Scene {
    pub(super) fn of(observed: &Observed, asked: &Choice, revision: &str, is_back: bool, now: Timestamp) -> Self {
        let release = &*observed.release;
        let history = observed.history();
        let record = history.iter().find(|(name, _)| *name == revision).map(|(_, record)| *record);
        let number = record.filter(|_| is_back).map_or(asked.number, |record| record.number);
        let current = release.status.as_ref().and_then(|status| status.current_revision.as_deref());
        let new = observed.carrier(Some(revision));
        let mut others: Vec<_> =
            observed.carriers().filter(|child| new.is_none_or(|new| new.uid != child.uid)).collect();
        let rollout = &release.spec.rollout;
        let is_led = rollout.strategy == Strategy::BlueGreen || rollout.route().is_some();
        let active = active(observed, &history, current).filter(|_| is_led);
        let order = |child: &&Child| {
            let runs = child.workload().and_then(|view| view.revision.as_deref());
            let record = history.iter().find(|(name, _)| Some(*name) == runs);
            let is_active = active.as_ref().is_some_and(|active| Some(&*active.revision) == runs);
            (is_active, runs == current, record.map(|(_, record)| record.number))
        };
        others.sort_by_key(order);
        let wanted = release.spec.replicas;
        let [surge, unavailable] = [(&rollout.max_surge, true), (&rollout.max_unavailable, false)]
            .map(|(share, rounds_up)| scaled(share, wanted, rounds_up));
        Self {
            name: release.name_any(),
            wanted,
            revision: revision.to_owned(),
            new: new.and_then(|child| Carrier::of(observed, child)),
            others: others.into_iter().filter_map(|child| Carrier::of(observed, child)).collect(),
            active,
            way: Way::of(observed),
            stage: stage(record, number),
            is_known: is_back || current == Some(revision),
            unmet: unmet(observed, revision, now).filter(|_| !is_back),
            is_paused: labels::is_rollout_paused(release),
            promotion: Verb::Promote.unanswered(release).map(ToOwned::to_owned),
            surge,
            // As Kubernetes has it: if neither may be, no node could ever be replaced.
            unavailable: if surge == 0 { unavailable.max(1) } else { unavailable },
            now,
        }
    }

    /// Whether so many pods of the revision run, all of them available and none of another in the same Deployment, and their
    /// nodes have met their cluster, if they have to, and hold what they run.
    pub(super) fn is_good(&self, wanted: i32) -> bool {
        self.unmet.is_none() && self.new.as_ref().is_some_and(|new| new.is_complete(wanted))
    }

    /// Whether all wanted nodes are good.
    pub(super) fn is_verified(&self) -> bool {
        self.is_good(self.wanted)
    }

    /// The step of a canary that is under way, if one is.
    pub(super) fn step<'a>(&self, steps: &'a [CanaryStep]) -> Option<&'a CanaryStep> {
        let number = usize::try_from(self.stage.step).unwrap_or(usize::MAX);
        steps.get(number).filter(|_| !self.is_known)
    }

    /// How many pods what runs the revision has now, by its spec.
    pub(super) fn size(&self) -> i32 {
        self.new.as_ref().map_or(0, |new| new.wanted)
    }

    /// The same numbers of pods as now.
    pub(super) fn as_it_is(&self) -> Vec<i32> {
        self.others.iter().map(|other| other.wanted).collect()
    }
}

/// What keeps the nodes of a revision from being good although they are available.
fn unmet(observed: &Observed, revision: &str, now: Timestamp) -> Option<String> {
    let unmet = meeting::unmet(observed, revision, now)?;
    let evidence = unmet.evidence.unwrap_or_else(|| "nobody has looked at all of its nodes yet".to_owned());
    let lacking = match unmet.cause {
        Cause::Strained => "hold what they run",
        _ => "meet their cluster",
    };
    Some(format!("the nodes of {revision} have to {lacking} first: {evidence}"))
}

/// What was noted about a revision since it has this number: nothing of one that is asked for anew.
fn stage(record: Option<&RevisionView>, number: i64) -> Stage {
    let noted = record.and_then(|record| record.stage.as_deref()).filter(|stage| stage.number == number);
    noted.cloned().unwrap_or(Stage { number, ..Stage::default() })
}

/// The revision that traffic goes to: the one to which it was switched last, if that is still there. Where it was never
/// switched, it is the one that ran completely last, if it can serve alone; that is noted then, for it may be in trouble later.
fn active(observed: &Observed, history: &[(&str, &RevisionView)], current: Option<&str>) -> Option<Active> {
    let promoted = history.iter().filter_map(|(name, record)| Some((*name, record.stage.as_ref()?.promoted.as_ref()?)));
    let last = promoted.filter(|(_, promoted)| observed.carriers().any(|child| child.uid == promoted.uid));
    let last = last.max_by_key(|(_, promoted)| promoted.at);
    if let Some((name, promoted)) = last {
        return Some(Active { revision: name.to_owned(), since: promoted.at, stage: None });
    }
    let current = current?;
    let (child, view) = observed.carrier(Some(current)).and_then(|child| Some((child, child.workload()?)))?;
    let is_alone = observed.carriers().count() == 1;
    if !is_alone && (!view.observed || view.updated.min(view.available) < observed.release.spec.replicas) {
        return None;
    }
    let record = history.iter().find(|(name, _)| *name == current).map(|(_, record)| *record)?;
    let since = Timestamp::UNIX_EPOCH;
    let promoted = Some(Promoted { at: since, uid: child.uid.clone() });
    let stage = Stage { promoted, ..stage(Some(record), record.number) };
    Some(Active { revision: current.to_owned(), since, stage: Some(stage) })
}

/// Where traffic goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Active {
    /// The revision.
    pub revision: String,
    /// Since when.
    pub since: Timestamp,
    /// What is to be noted about it, if nothing says so yet.
    pub stage: Option<Stage>,
}
