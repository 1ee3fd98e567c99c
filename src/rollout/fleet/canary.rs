//! Canary: so many nodes run the new revision as the present step says, and the next step follows after its pause or when
//! somebody asks for it.
//!
//! | state | what is done | then |
//! |---|---|---|
//! | no other revision serves, or the revision has proved itself | all nodes run it, a few at a time | it is complete |
//! | a step is not reached | nodes are replaced up to its number | its time is noted |
//! | a step is reached | nothing, until its pause is over or somebody asks for the next | the next step is noted |
//! | no step is left | the other nodes are replaced, a few at a time | it is complete |

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::super::scaled::scaled;
use super::{Decision, Reply, Scene, promotable, rolling};
use crate::api::CanaryStep;
use crate::time::whole_seconds;

/// What a step is to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    /// How many nodes run the revision.
    pub nodes: i32,
    /// The percentage of requests that they get, where a route splits them.
    pub weight: i32,
}

impl Goal {
    /// That of a step; where none is left, all.
    pub fn of(step: Option<&CanaryStep>, wanted: i32) -> Self {
        let Some(step) = step else { return Self { nodes: wanted, weight: 100 } };
        let share =
            step.replicas.clone().unwrap_or_else(|| IntOrString::String(format!("{}%", step.weight.unwrap_or(0))));
        let nodes = scaled(&share, wanted, true).clamp(1, wanted.max(1));
        Self { nodes, weight: step.weight.unwrap_or_else(|| hundredths(nodes, wanted)) }
    }
}

/// What part so many nodes are of all, in percent, rounded up.
pub(super) fn hundredths(nodes: i32, all: i32) -> i32 {
    let all = i64::from(all.max(1));
    i32::try_from((i64::from(nodes) * 100 + all - 1) / all).unwrap_or(100).clamp(0, 100)
}

pub(super) fn next(scene: &Scene, steps: &[CanaryStep]) -> Decision {
    let serves = scene.others.iter().any(|other| other.wanted > 0);
    let step = scene.step(steps).filter(|_| serves);
    let goal = Goal::of(step, scene.wanted);
    let ceiling = if scene.is_paused && serves { scene.size() } else { goal.nodes };
    let (size, others) = rolling::next(scene, ceiling);
    let is_made = scene.new.is_some() || !scene.is_paused || !serves;
    let decision = Decision {
        size: is_made.then_some(size),
        others,
        stage: scene.stage.clone(),
        step: (serves && !scene.is_known).then_some(scene.stage.step),
        ..Decision::default()
    };
    match step {
        Some(step) if !scene.is_paused => take(scene, decision, step, steps.len(), goal, true),
        _ => decision,
    }
}

/// A step that is under way: reached, when its nodes are good and, where a route splits requests, it splits them so.
pub(super) fn take(
    scene: &Scene,
    mut decision: Decision,
    step: &CanaryStep,
    steps: usize,
    goal: Goal,
    is_split: bool,
) -> Decision {
    let place = format!("step {} of {steps}", scene.stage.step.saturating_add(1));
    let Goal { nodes, weight } = goal;
    let requests = scene.way.as_ref().map(|way| format!(" for {weight} % of the requests of HTTPRoute {}", way.route));
    let share = format!("{nodes} of {} nodes", scene.wanted);
    let revision = format!("{}{}", scene.revision, requests.unwrap_or_default());
    if !scene.is_good(nodes) || !is_split {
        decision.message = format!("{place}: {share} are to run {revision}");
        decision.reply = Reply::Later;
        return decision;
    }
    let reached = scene.stage.reached.unwrap_or_else(|| whole_seconds(scene.now));
    decision.stage.reached = Some(reached);
    let pause = step.pause_seconds.map(|pause| SignedDuration::from_secs(pause.into()));
    let until = pause.map(|pause| reached.saturating_add(pause).unwrap_or(scene.now));
    if scene.promotion.is_some() || until.is_some_and(|until| scene.now >= until) {
        decision.stage.step = scene.stage.step.saturating_add(1);
        decision.stage.reached = None;
        decision.reply = Reply::Done;
        return decision;
    }
    let state = format!("{place}: {share} run {revision}");
    match until {
        Some(until) => {
            decision.message = format!("{state}; the next step follows at {until}");
            decision.turn = Some(until);
        }
        None => decision.hold = Some(promotable(scene, &state)),
    }
    decision
}
