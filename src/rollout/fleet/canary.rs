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

use super::scaled;
use super::{Decision, Reply, Scene, how_to_promote, rolling};
use crate::api::CanaryStep;
use crate::time::whole_seconds;

pub(super) fn next(scene: &Scene, steps: &[CanaryStep]) -> Decision {
    let serves = scene.others.iter().any(|other| other.wanted > 0);
    let number = usize::try_from(scene.stage.step).unwrap_or(usize::MAX);
    let step = steps.get(number).filter(|_| serves && !scene.is_known);
    let goal =
        step.map_or(scene.wanted, |step| scaled(&step.replicas, scene.wanted, true).clamp(1, scene.wanted.max(1)));
    let ceiling = if scene.is_paused && serves { scene.size() } else { goal };
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
        Some(step) if !scene.is_paused => take(scene, decision, step, goal, steps.len()),
        _ => decision,
    }
}

/// A step that is under way.
fn take(scene: &Scene, mut decision: Decision, step: &CanaryStep, goal: i32, steps: usize) -> Decision {
    let is_reached = scene.is_good(goal);
    let place = format!("step {} of {steps}", scene.stage.step.saturating_add(1));
    if !is_reached {
        decision.message = format!("{place}: {goal} of {} nodes are to run {}", scene.wanted, scene.revision);
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
    let state = format!("{place}: {goal} of {} nodes run {}", scene.wanted, scene.revision);
    match until {
        Some(until) => {
            decision.message = format!("{state}; the next step follows at {until}");
            decision.turn = Some(until);
        }
        None => decision.hold = Some(format!("{state}; {}", how_to_promote(scene))),
    }
    decision
}
