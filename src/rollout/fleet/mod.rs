//! Strategies in which each revision has a Deployment of its own: how many pods each of them is to have, and where traffic
//! goes.
//!
//! A Deployment of one revision never changes but for its number of pods, so a step forward or back is a matter of numbers.
//! Each strategy is a state machine: a pure function of what runs, of what was noted about the revision, and of the time.
//! What it decides leads to another state of what runs, in which it is asked again. A Deployment that Kubernetes rolled
//! before the strategy changed, or a StatefulSet, is one more that runs a revision, and goes like the others.
//!
//! | file | subject |
//! |---|---|
//! | `rolling` | how many may go and how many may come, so that never too few are available |
//! | `blue_green` | all new ones beside the old ones, then the switch |
//! | `canary` | in steps |
//! | `weighted` | in steps, with requests split by the weights of an HTTPRoute |
//! | `split` | those weights |
//! | `way` | what is seen of the route and of the Services that it sends requests to |

mod blue_green;
mod canary;
mod rolling;
mod split;
pub(crate) mod way;
mod weighted;

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::Value;

use self::way::Way;
use super::scaled::scaled;
use super::stage::{Promoted, Stage};
use super::{Answer, Course, Hold, Verb, meeting};
use crate::api::{CanaryStep, ElixirRelease, RequestOutcome, Strategy};
use crate::controller::conditions::Reason;
use crate::controller::observe::Observed;
use crate::controller::revision::Choice;
use crate::controller::view::{Child, RevisionView};
use crate::resources::{labels, names};

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
    pub leaving: usize,
}

impl Carrier {
    fn of(observed: &Observed, child: &Child) -> Option<Self> {
        let view = child.workload()?;
        let is_its = |revision: Option<&str>| revision == view.revision.as_deref();
        let pods = observed.pods.iter().filter(|pod| !pod.has_ended && pod.is_leaving);
        Some(Self {
            uid: child.uid.clone(),
            revision: view.revision.clone(),
            is_observed: view.observed,
            wanted: view.wanted,
            pods: view.replicas,
            updated: view.updated,
            available: view.available.min(view.wanted),
            leaving: pods.filter(|pod| is_its(pod.revision.as_deref())).count(),
        })
    }

    /// Whether it has so many pods, all of its template and available.
    fn is_complete(&self, wanted: i32) -> bool {
        let counts = [self.wanted, self.pods, self.updated, self.available];
        self.is_observed && counts.iter().all(|count| *count == wanted)
    }

    /// Available pods of its template.
    fn good(&self) -> i32 {
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
    fn of(observed: &Observed, asked: &Choice, revision: &str, is_back: bool, now: Timestamp) -> Self {
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
    /// nodes have met their cluster if they have to.
    fn is_good(&self, wanted: i32) -> bool {
        self.unmet.is_none() && self.new.as_ref().is_some_and(|new| new.is_complete(wanted))
    }

    /// Whether all wanted nodes are good.
    fn is_verified(&self) -> bool {
        self.is_good(self.wanted)
    }

    /// The step of a canary that is under way, if one is.
    fn step<'a>(&self, steps: &'a [CanaryStep]) -> Option<&'a CanaryStep> {
        let number = usize::try_from(self.stage.step).unwrap_or(usize::MAX);
        steps.get(number).filter(|_| !self.is_known)
    }

    /// How many pods what runs the revision has now, by its spec.
    fn size(&self) -> i32 {
        self.new.as_ref().map_or(0, |new| new.wanted)
    }

    /// The same numbers of pods as now.
    fn as_it_is(&self) -> Vec<i32> {
        self.others.iter().map(|other| other.wanted).collect()
    }
}

/// What keeps the nodes of a revision from being good although they are available.
fn unmet(observed: &Observed, revision: &str, now: Timestamp) -> Option<String> {
    let unmet = meeting::unmet(observed, revision, now)?;
    let evidence = unmet.evidence.unwrap_or_else(|| "nobody has looked at all of its nodes yet".to_owned());
    Some(format!("the nodes of {revision} have to meet their cluster first: {evidence}"))
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

/// What is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fleet {
    /// The number of pods of what runs the revision; `None` if it is not to be made now.
    pub size: Option<i32>,
    /// What runs other revisions, by uid, and the number of pods that each is to have.
    pub others: Vec<(Box<str>, i32)>,
    /// The revision that the traffic Service is to lead to; `None` for all.
    pub active: Option<String>,
    /// The revision that the Service for previews is to lead to; `None` for the one that the pods are to run.
    pub preview: Option<String>,
    /// What is to be written of an HTTPRoute.
    pub weights: Option<Weights>,
    /// What is to be noted on the record of a revision.
    pub stage: Option<(String, Stage)>,
    /// When to look again without cause.
    pub turn: Option<Timestamp>,
}

/// What is to be written of an HTTPRoute, which is an object of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Its name.
    pub route: String,
    /// A JSON patch, over exactly the version that was seen.
    pub patch: Value,
    /// What it makes of it, in words.
    pub told: String,
}

/// What becomes of a promotion that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Reply {
    /// It is done.
    Done,
    /// It is done as soon as the nodes are good.
    Later,
    /// There is nothing to promote.
    #[default]
    Pointless,
}

/// What a strategy decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Decision {
    size: Option<i32>,
    others: Vec<i32>,
    active: Option<String>,
    /// With a route: the revision that the Service for previews is to lead to.
    preview: Option<String>,
    /// With a route: the percentage of requests that is to go there; `None` if it is to stay.
    share: Option<i32>,
    stage: Stage,
    /// What is waited for that only a person can give.
    hold: Option<Hold>,
    /// What else is waited for, in words.
    message: String,
    /// Canary: how many steps are done, while it is under way.
    step: Option<u32>,
    turn: Option<Timestamp>,
    /// What becomes of a promotion that is asked for.
    reply: Reply,
}

/// Decides for the revision that the pods are to run, and completes what is to be told.
pub(super) fn decide(observed: &Observed, asked: &Choice, course: &mut Course, now: Timestamp) {
    let release = &*observed.release;
    let Some(revision) = course.revision.clone().filter(|_| release.spec.rollout.strategy.is_split()) else {
        refuse_promotion(release, course);
        return;
    };
    let scene = Scene::of(observed, asked, &revision, revision != asked.name, now);
    let decision = next(release, &scene);
    let report = &mut course.report;
    let request = scene.promotion.as_ref().map(|value| format!("{}={value}", Verb::Promote));
    let is_done = request.is_some() && scene.stage.request == request;
    let promotion = if is_done { Reply::Done } else { decision.reply };
    if let Some(value) = scene.promotion.as_ref().filter(|_| promotion != Reply::Later) {
        let refusal = (promotion == Reply::Pointless).then(|| format!("nothing of {revision} waits for a promotion"));
        report.answers.push(answer(value, refusal, || format!("{revision} goes on")));
    }
    if let Some(hold) = decision.hold {
        report.hold.get_or_insert(hold);
    }
    report.pace = scene.unmet.clone().filter(|_| observed.carriers().count() > 1).unwrap_or(decision.message);
    report.step = decision.step;
    // Of a canary with a route, the others serve as well.
    report.active = decision.active.clone().filter(|_| scene.way.is_none());
    let weights = weights(release, &scene, decision.share);
    let others = scene.others.iter().map(|other| other.uid.clone()).zip(decision.others).collect();
    let stage = match (decision.stage, scene.active) {
        (stage, _) if stage != scene.stage => Some((revision, stage)),
        (_, Some(Active { revision, stage: Some(stage), .. })) => Some((revision, stage)),
        _ => None,
    };
    let Decision { size, active, preview, turn, .. } = decision;
    course.fleet = Some(Fleet { size, others, active, preview, weights, stage, turn });
}

/// What makes the route split requests so, if it does not.
fn weights(release: &ElixirRelease, scene: &Scene, share: Option<i32>) -> Option<Weights> {
    let (way, share) = (scene.way.as_ref()?, share?);
    let preview = names::preview_service(release);
    let patch = way.split.as_ref().ok()?.patch(share, &preview)?;
    let route = way.route.clone();
    let told = match share {
        0 => format!("HTTPRoute {route} sends all requests to Service {}", scene.name),
        _ => format!("HTTPRoute {route} sends {share} % of the requests to {}, by Service {preview}", scene.revision),
    };
    Some(Weights { route, patch, told })
}

fn next(release: &ElixirRelease, scene: &Scene) -> Decision {
    let wishes = &release.spec.rollout;
    let mut decision = match wishes.strategy {
        Strategy::Canary => {
            let steps = wishes.canary.as_ref().map_or(&[][..], |canary| &canary.steps);
            match &scene.way {
                Some(way) => weighted::next(scene, way, steps),
                None => canary::next(scene, steps),
            }
        }
        _ => blue_green::next(scene, &wishes.blue_green.clone().unwrap_or_default()),
    };
    if let Some(value) = scene.promotion.as_ref().filter(|_| decision.reply == Reply::Done) {
        decision.stage.request = Some(format!("{}={value}", Verb::Promote));
    }
    decision
}

/// Where Kubernetes rolls, nothing waits for a promotion.
fn refuse_promotion(release: &ElixirRelease, course: &mut Course) {
    let Some(value) = Verb::Promote.unanswered(release) else { return };
    let strategy = release.spec.rollout.strategy;
    let refusal = if strategy.is_split() {
        "the rollout has not started".to_owned()
    } else {
        format!("with rollout.strategy {} nothing waits for a promotion", strategy.as_str())
    };
    course.report.answers.push(answer(value, Some(refusal), String::new));
}

fn answer(value: &str, refusal: Option<String>, done: impl FnOnce() -> String) -> Answer {
    let outcome = if refusal.is_some() { RequestOutcome::Refused } else { RequestOutcome::Done };
    Answer { verb: Verb::Promote, value: value.to_owned(), outcome, message: refusal.unwrap_or_else(done) }
}

/// That a person is waited for, who asks for a promotion.
fn promotable(scene: &Scene, state: &str) -> Hold {
    let annotation = labels::PROMOTE;
    let remedy = format!("to go on: kubectl annotate --overwrite exr {} {annotation}=<a new value>", scene.name);
    Hold { reason: Reason::WaitingForPromotion, message: format!("{state}; {remedy}") }
}

#[cfg(test)]
mod tests;
