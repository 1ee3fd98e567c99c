//! Canary with an HTTPRoute: the traffic Service leads to the old revision, the Service for previews to the new one, and the
//! route splits requests between the two.
//!
//! | traffic Service leads to | state | what is done | then |
//! |---|---|---|---|
//! | all | nothing can serve alone yet | as without a route | to what runs completely, which is noted first |
//! | the old revision | a step is not reached | nodes are replaced up to its number, and the weight follows them | its time is noted |
//! | | a step is reached | nothing, until its pause is over or somebody asks for the next | the next step is noted |
//! | | no step is left | the rest is replaced, and the weight follows | with all on the new nodes, it is noted that traffic goes to them |
//! | the new revision | the route splits | all weight goes to the traffic Service | the route is as it was |
//! | | it does not | the other nodes go | it is complete |
//!
//! Going back is the last two rows, with the old revision for the new one. So requests go to
//! a side only when it has nodes: weight comes after the nodes, and nodes go after the weight. As long as the traffic Service
//! leads to the old revision, that keeps the nodes that its share of the requests asks for. What there is to be decided by,
//! the weights and where the Services lead to, is what is seen of them, so it goes on wherever it was left.

use jiff::SignedDuration;

use super::blue_green::promoted;
use super::canary::{self, Goal, hundredths};
use super::split::Split;
use super::way::Way;
use super::{Active, Carrier, Decision, Hold, Reply, Scene, rolling};
use crate::api::CanaryStep;
use crate::controller::conditions::Reason;

/// How long after the switch everybody who sends requests to the traffic Service is taken to know where it leads to.
const KNOWN_AFTER: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn next(scene: &Scene, way: &Way, steps: &[CanaryStep]) -> Decision {
    let decision = match &scene.active {
        // That is noted first.
        Some(Active { stage: Some(_), .. }) => Decision {
            size: scene.new.as_ref().map(|new| new.wanted),
            others: scene.as_it_is(),
            ..untouched(scene, way)
        },
        Some(active) if active.revision == scene.revision => after_the_switch(scene, way, active),
        Some(active) => before_the_switch(scene, way, steps, &active.revision),
        None => unswitched(scene, way, steps),
    };
    // An answer that no node gives is none.
    let is_possible =
        |share: &i32| way.split.is_ok() && (*share == 100 || *share >= way.to_preview() || is_alive(scene, way));
    Decision { share: decision.share.filter(is_possible), ..decision }
}

/// Nothing about the way changes.
fn untouched(scene: &Scene, way: &Way) -> Decision {
    Decision {
        active: scene.active.as_ref().map(|active| active.revision.clone()),
        preview: Some(way.preview.clone().unwrap_or_else(|| scene.revision.clone())),
        stage: scene.stage.clone(),
        ..Decision::default()
    }
}

/// Whether any node that the traffic Service leads to is available.
fn is_alive(scene: &Scene, way: &Way) -> bool {
    let leads = |revision: Option<&str>| way.main.is_none() || revision == way.main.as_deref();
    let new = scene.new.iter().filter(|_| leads(Some(&scene.revision)));
    new.chain(scene.others.iter().filter(|it| leads(it.revision.as_deref()))).any(|it| it.available > 0)
}

/// All nodes serve: either nothing ran completely yet, or what did cannot serve alone.
fn unswitched(scene: &Scene, way: &Way, steps: &[CanaryStep]) -> Decision {
    let decision = canary::next(scene, steps);
    let decision = Decision {
        others: keep(scene, way, decision.others),
        share: (way.to_preview() > 0).then_some(0),
        preview: Some(may_lead(scene, way)),
        ..decision
    };
    let can_serve = scene.is_verified() && scene.wanted > 0 && !scene.is_paused;
    if can_serve { promoted(scene, decision) } else { decision }
}

fn before_the_switch(scene: &Scene, way: &Way, steps: &[CanaryStep], active: &str) -> Decision {
    let step = scene.step(steps);
    let goal = Goal::of(step, scene.wanted);
    let trouble = way.trouble();
    let is_held = scene.is_paused || trouble.is_some();
    let ceiling = if is_held { scene.size() } else { goal.nodes };
    let keeps_share = step.is_none_or(|step| step.replicas.is_none());
    let (size, others) = sizes(scene, way, active, ceiling, keeps_share);
    let is_lined_up = way.main.as_deref() == Some(active) && way.preview.as_ref() == Some(&scene.revision);
    let decision = Decision {
        size: (scene.new.is_some() || !is_held).then_some(size),
        others,
        share: share(scene, way, goal, is_lined_up),
        step: (!scene.is_known).then_some(scene.stage.step),
        ..untouched(scene, way)
    };
    let decision = Decision { preview: Some(may_lead(scene, way)), ..decision };
    let is_there = is_lined_up && way.split.as_ref().is_ok_and(|split| split.is_at(goal.weight));
    match (trouble, step) {
        (Some(trouble), _) => {
            let message = format!("{} waits, and nothing that runs is touched: {trouble}", scene.revision);
            Decision { hold: Some(Hold { reason: Reason::WaitingForRoute, message }), reply: Reply::Later, ..decision }
        }
        _ if scene.is_paused => decision,
        (None, Some(step)) => canary::take(scene, decision, step, steps.len(), goal, is_there),
        (None, None) if is_there && scene.is_verified() => promoted(scene, decision),
        (None, None) => decision,
    }
}

/// The percentage that the new nodes are to get now; `None` if it is to stay.
fn share(scene: &Scene, way: &Way, goal: Goal, is_lined_up: bool) -> Option<i32> {
    let (good, now) = (scene.new.as_ref().map_or(0, Carrier::good), way.to_preview());
    let is_ours = way.preview.as_ref() == Some(&scene.revision);
    match () {
        () if is_ours && good == 0 => Some(0),
        () if scene.is_paused => None,
        () if !is_ours => Some(0),
        () if !is_lined_up => None,
        () if scene.is_good(goal.nodes) => Some(goal.weight),
        () if scene.unmet.is_some() => Some(now.min(goal.weight)),
        () => Some(hundredths(good, scene.wanted).max(now).min(goal.weight)),
    }
}

/// The revision that the Service for previews is to lead to: never to another as long as requests come that way, unless
/// that can answer them and the traffic Service does not.
fn may_lead(scene: &Scene, way: &Way) -> String {
    let answers = scene.new.as_ref().is_some_and(|new| new.good() > 0);
    let is_back = scene.active.as_ref().is_some_and(|active| active.revision == scene.revision);
    let is_free = way.split.is_ok() && way.to_preview() == 0 || answers && (is_back || !is_alive(scene, way));
    let there = way.preview.clone().filter(|_| !is_free);
    there.unwrap_or_else(|| scene.revision.clone())
}

/// The numbers of pods before the switch. What no request goes to leaves by itself; of the others, those that the traffic
/// Service leads to stay as their share asks for it.
fn sizes(scene: &Scene, way: &Way, active: &str, ceiling: i32, keeps_share: bool) -> (i32, Vec<i32>) {
    let is_old = |other: &Carrier| other.revision.as_deref() == Some(active);
    let (old, idle): (Vec<_>, Vec<_>) = scene.others.iter().cloned().partition(is_old);
    let beside: i32 = idle.iter().map(|other| other.wanted).sum();
    let serving = Scene { others: old.clone(), surge: scene.surge - beside, ..scene.clone() };
    let (size, mut sizes) = rolling::next(&serving, ceiling);

    let to_main = way.split.as_ref().map_or(100, Split::to_main);
    let share = i64::from(to_main) * i64::from(scene.wanted) / 100;
    let share = i32::try_from(share).unwrap_or(i32::MAX) - scene.unavailable;
    let least = if keeps_share { share.max(1) } else { 1 }.min(scene.wanted);
    let mut missing = least - sizes.iter().sum::<i32>();
    for (size, other) in sizes.iter_mut().zip(&old).rev() {
        let back = missing.min(other.wanted - *size).max(0);
        *size += back;
        missing -= back;
    }
    let mut sizes = sizes.into_iter();
    let is_held = scene.is_paused || way.split.is_err();
    let others = scene.others.iter().map(|other| match other {
        other if is_old(other) => sizes.next().unwrap_or(other.wanted),
        other if is_held => other.wanted,
        other => rolling::leave(scene, other),
    });
    (size, keep(scene, way, others.collect()))
}

/// The numbers of pods of the others, where none goes to which requests may go.
fn keep(scene: &Scene, way: &Way, sizes: Vec<i32>) -> Vec<i32> {
    let has_requests = way.split.is_err() || way.to_preview() > 0;
    let previewed = way.preview.as_deref().filter(|_| has_requests);
    let is_previewed = |other: &Carrier| previewed.is_some() && other.revision.as_deref() == previewed;
    scene
        .others
        .iter()
        .zip(sizes)
        .map(|(other, size)| if is_previewed(other) { size.max(other.wanted) } else { size })
        .collect()
}

/// Traffic goes to the revision that the pods are to run: the route gets back what it had, and others go when no request
/// goes to them any more.
fn after_the_switch(scene: &Scene, way: &Way, active: &Active) -> Decision {
    let known_at = active.since.checked_add(KNOWN_AFTER).unwrap_or(scene.now);
    let is_known = way.main.as_ref() == Some(&scene.revision) && scene.now >= known_at;
    let (size, sizes) = rolling::next(scene, if scene.is_paused { scene.size() } else { scene.wanted });
    let sizes = if is_known { keep(scene, way, sizes) } else { scene.as_it_is() };
    let message = format!("all requests of HTTPRoute {} go to {} first", way.route, scene.revision);
    Decision {
        size: Some(size),
        others: sizes,
        share: is_known.then_some(0),
        preview: Some(may_lead(scene, way)),
        message: if way.to_preview() > 0 { message } else { String::new() },
        turn: Some(known_at).filter(|at| *at > scene.now),
        ..untouched(scene, way)
    }
}
