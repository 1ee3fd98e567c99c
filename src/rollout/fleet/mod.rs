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
//! | `scene` | what a strategy decides by |
//! | `rolling` | how many may go and how many may come, so that never too few are available |
//! | `blue_green` | all new ones beside the old ones, then the switch |
//! | `canary` | in steps |
//! | `weighted` | in steps, with requests split by the weights of an HTTPRoute |
//! | `split` | those weights |
//! | `way` | what is seen of the route and of the Services that it sends requests to |

mod blue_green;
mod canary;
mod rolling;
mod scene;
mod split;
pub(crate) mod way;
mod weighted;

use jiff::Timestamp;
use serde_json::Value;

use self::scene::{Active, Carrier, Scene};
use super::stage::Stage;
use super::{Answer, Course, Hold, Verb};
use crate::api::{ElixirRelease, RequestOutcome, Strategy};
use crate::controller::conditions::Reason;
use crate::controller::observe::Observed;
use crate::controller::revision::Choice;
use crate::resources::{labels, names};

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
