//! What each strategy decides, state by state, and what any story leads to.

mod any_story;
mod by_weight;
mod split;

use rstest::rstest;

use super::way::Way;
use super::*;
use crate::api::{BlueGreen, CanaryStep, Promotion};
use crate::resources::fixture;
use crate::rollout::scaled::scaled;
use crate::rollout::stage::Promoted;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn promoted_at(at: Timestamp) -> Promoted {
    Promoted { at, uid: "b".into() }
}

/// What runs a revision: wanted, pods, available.
fn carrier(revision: &str, [wanted, pods, available]: [i32; 3]) -> Carrier {
    Carrier {
        uid: revision.into(),
        revision: Some(revision.into()),
        is_observed: true,
        wanted,
        pods,
        updated: pods,
        available,
        terminating: 0,
    }
}

fn complete(revision: &str, pods: i32) -> Carrier {
    carrier(revision, [pods; 3])
}

/// Three nodes that are to run `b`.
fn scene(new: Option<Carrier>, others: &[Carrier]) -> Scene {
    Scene {
        name: "shop".to_owned(),
        wanted: 3,
        revision: "b".to_owned(),
        new,
        others: others.to_vec(),
        stage: Stage { number: 2, ..Stage::default() },
        surge: 1,
        now: NOW,
        ..Scene::default()
    }
}

fn active(revision: &str, since: i64) -> Active {
    Active { revision: revision.to_owned(), since: at(since), stage: None }
}

/// The same with traffic going to `a`.
fn before_the_switch(new: Option<Carrier>, others: &[Carrier]) -> Scene {
    Scene { active: Some(active("a", 0)), ..scene(new, others) }
}

/// The same after traffic was switched to `b`, so many seconds ago.
fn after_the_switch(new: Carrier, others: &[Carrier], ago: i64) -> Scene {
    Scene { active: Some(active("b", 0)), now: at(ago), ..scene(Some(new), others) }
}

fn blue_green(scene: &Scene) -> Decision {
    blue_green::next(scene, &BlueGreen::default())
}

fn manual(scene: &Scene) -> Decision {
    blue_green::next(scene, &BlueGreen { promotion: Promotion::Manual, ..BlueGreen::default() })
}

/// A quarter for a minute, then half until somebody promotes it.
fn canary(scene: &Scene) -> Decision {
    let steps: Vec<CanaryStep> = serde_yaml::from_str("[{replicas: 25%, pauseSeconds: 60}, {replicas: 50%}]").unwrap();
    canary::next(scene, &steps)
}

#[rstest]
#[case::the_first_of_all(scene(None, &[]), Some(3), &[], None)]
#[case::beside_the_old_ones(before_the_switch(None, &[complete("a", 3)]), Some(3), &[3], Some("a"))]
#[case::as_many_as_are_wanted_now(before_the_switch(None, &[complete("a", 5)]), Some(3), &[3], Some("a"))]
#[case::a_third_one_goes(before_the_switch(None, &[complete("c", 3), complete("a", 3)]), Some(3), &[2, 3], Some("a"))]
#[case::not_all_are_available(before_the_switch(Some(carrier("b", [3, 3, 2])), &[complete("a", 3)]), Some(3), &[3], Some("a"))]
#[case::old_ones_stay_a_while(after_the_switch(complete("b", 3), &[complete("a", 3)], 29), Some(3), &[3], Some("b"))]
#[case::and_go_one_by_one(after_the_switch(complete("b", 3), &[complete("a", 3)], 30), Some(3), &[2], Some("b"))]
#[case::one_is_on_its_way(after_the_switch(complete("b", 3), &[Carrier { terminating: 1, ..complete("a", 2) }], 40), Some(3), &[2], Some("b"))]
#[case::nobody_is_served(Scene { wanted: 0, ..before_the_switch(Some(complete("b", 0)), &[complete("a", 2)]) }, Some(0), &[0], Some("a"))]
#[case::they_stay_for_new_ones_in_trouble(after_the_switch(carrier("b", [3, 3, 1]), &[complete("a", 3)], 40), Some(3), &[3], Some("b"))]
fn blue_and_green(
    #[case] scene: Scene,
    #[case] size: Option<i32>,
    #[case] others: &[i32],
    #[case] active: Option<&str>,
) {
    let decision = blue_green(&scene);
    assert_eq!((decision.size, &*decision.others, decision.active.as_deref()), (size, others, active));
    assert_eq!(decision.stage, scene.stage, "nothing is noted");
}

#[rstest]
#[case::the_first_of_all(scene(Some(complete("b", 3)), &[]), true)]
#[case::beside_old_ones(before_the_switch(Some(complete("b", 3)), &[complete("a", 3)]), true)]
#[case::gone_back_to(Scene { is_known: true, ..before_the_switch(Some(complete("b", 3)), &[complete("a", 3)]) }, false)]
fn traffic_is_switched_once_all_are_available(#[case] scene: Scene, #[case] waits_for_nobody_if_automatic: bool) {
    let now = at(7);
    let scene = Scene { now, ..scene };
    let decision = blue_green(&scene);
    assert_eq!((decision.stage.promoted, decision.active.as_deref()), (Some(promoted_at(now)), Some("b")));
    assert_eq!(blue_green(&Scene { is_paused: true, ..scene.clone() }).stage.promoted, None, "it is held");
    let waits = scene.active.is_some() && waits_for_nobody_if_automatic;
    assert_eq!(manual(&scene).stage.promoted.is_none(), waits);
    assert_eq!(manual(&scene).hold.is_some(), waits);
}

#[test]
fn nodes_that_have_not_met_their_cluster_are_no_good() {
    let unmet = |scene| Scene { unmet: Some("b@10.0.0.1 is Joining".to_owned()), ..scene };
    assert_eq!(blue_green(&unmet(before_the_switch(Some(complete("b", 3)), &[complete("a", 3)]))).stage.promoted, None);
    assert_eq!(blue_green(&unmet(after_the_switch(complete("b", 3), &[complete("a", 3)], 99))).others, [3]);
    assert_eq!(canary(&unmet(reached(0, 1, None))).stage.reached, None);
}

#[test]
fn a_person_promotes_what_is_available() {
    let asked = |scene| Scene { promotion: Some("1".to_owned()), ..scene };
    let early = asked(before_the_switch(Some(carrier("b", [3, 3, 2])), &[complete("a", 3)]));
    assert_eq!(manual(&early).reply, Reply::Later);
    let ready = asked(before_the_switch(Some(complete("b", 3)), &[complete("a", 3)]));
    let decision = manual(&ready);
    assert_eq!((decision.stage.promoted, decision.reply), (Some(promoted_at(at(1))), Reply::Done));
    let late = asked(after_the_switch(complete("b", 3), &[complete("a", 3)], 1));
    assert_eq!(manual(&late).reply, Reply::Pointless);
}

#[test]
fn while_it_is_held_nothing_starts_and_nothing_goes() {
    let held = |scene| Scene { is_paused: true, ..scene };
    assert_eq!(blue_green(&held(before_the_switch(None, &[complete("a", 3)]))).size, None);
    assert_eq!(blue_green(&held(after_the_switch(complete("b", 3), &[complete("a", 3)], 99))).others, [3]);
    assert_eq!(canary(&held(scene(None, &[complete("a", 3)]))).size, None);
    let half_way = held(scene(Some(complete("b", 1)), &[complete("a", 2)]));
    assert_eq!((canary(&half_way).size, canary(&half_way).others), (Some(1), vec![2]));
    // It goes on to follow the scale.
    let grown = Scene { wanted: 5, ..half_way };
    assert_eq!((canary(&grown).size, canary(&grown).others), (Some(1), vec![4]));
}

#[rstest]
#[case::the_first_of_all(scene(None, &[]), 0, Some(3), &[])]
#[case::one_comes(scene(None, &[complete("a", 3)]), 0, Some(1), &[3])]
#[case::it_is_not_available(scene(Some(carrier("b", [1, 1, 0])), &[complete("a", 3)]), 0, Some(1), &[3])]
#[case::one_goes(scene(Some(complete("b", 1)), &[complete("a", 3)]), 0, Some(1), &[2])]
#[case::the_step_is_reached(scene(Some(complete("b", 1)), &[complete("a", 2)]), 0, Some(1), &[2])]
#[case::the_next_one(scene(Some(complete("b", 1)), &[complete("a", 2)]), 1, Some(2), &[2])]
#[case::what_serves_nobody_goes_first(scene(Some(carrier("b", [1, 1, 0])), &[carrier("a", [3, 3, 2])]), 1, Some(1), &[2])]
#[case::no_step_is_left(scene(Some(complete("b", 2)), &[complete("a", 1)]), 2, Some(3), &[1])]
#[case::the_last_one_goes(scene(Some(complete("b", 3)), &[complete("a", 1)]), 2, Some(3), &[0])]
#[case::it_was_known(Scene { is_known: true, ..scene(Some(complete("b", 2)), &[complete("c", 1)]) }, 0, Some(3), &[1])]
#[case::a_third_one_goes_first(scene(Some(complete("b", 1)), &[complete("c", 1), complete("a", 2)]), 0, Some(1), &[0, 2])]
#[case::scaled_up(Scene { wanted: 8, ..scene(Some(complete("b", 1)), &[complete("a", 2)]) }, 0, Some(2), &[6])]
#[case::scaled_down(Scene { wanted: 4, ..scene(Some(complete("b", 3)), &[complete("a", 9)]) }, 0, Some(1), &[3])]
#[case::not_seen_yet(scene(Some(complete("b", 1)), &[Carrier { is_observed: false, ..complete("a", 3) }]), 0, Some(1), &[3])]
fn steps(#[case] scene: Scene, #[case] step: u32, #[case] size: Option<i32>, #[case] others: &[i32]) {
    let scene = Scene { stage: Stage { step, number: 2, ..Stage::default() }, ..scene };
    let decision = canary(&scene);
    assert_eq!((decision.size, &*decision.others), (size, others));
    assert_eq!(decision.active, None, "all nodes serve");
}

/// A step whose nodes run.
fn reached(step: u32, nodes: i32, reached: Option<Timestamp>) -> Scene {
    let others = [complete("a", 3 - nodes)];
    let stage = Stage { number: 2, step, reached, ..Stage::default() };
    Scene { stage, ..scene(Some(complete("b", nodes)), &others) }
}

#[test]
fn a_step_ends_after_its_pause() {
    let begun = Scene { now: at(5), ..reached(0, 1, None) };
    let decision = canary(&begun);
    assert_eq!((decision.stage.reached, decision.turn, decision.step), (Some(at(5)), Some(at(65)), Some(0)));
    let over = Scene { now: at(65), ..reached(0, 1, Some(at(5))) };
    let stage = Stage { step: 1, ..begun.stage };
    assert_eq!(canary(&over).stage, stage);
    // Not as long as its nodes are in trouble.
    let trouble = Scene { new: Some(carrier("b", [1, 1, 0])), ..over.clone() };
    assert_eq!(canary(&trouble).stage, over.stage);
}

#[test]
fn a_step_without_a_pause_ends_on_request() {
    let scene = reached(1, 2, Some(NOW));
    let decision = canary(&scene);
    assert_eq!(
        decision.hold.map(|hold| hold.message).as_deref(),
        Some(
            "step 2 of 2: 2 of 3 nodes run b; to go on: kubectl annotate --overwrite exr shop \
             beam-operator.io/promote=<a new value>"
        )
    );
    let asked = Scene { promotion: Some("go".to_owned()), ..scene };
    assert_eq!((canary(&asked).stage.step, canary(&asked).reply), (2, Reply::Done));
    let early = Scene { new: Some(carrier("b", [2, 1, 1])), ..asked };
    assert_eq!(canary(&early).reply, Reply::Later);
}

#[rstest]
#[case::blue_green("rollout: {strategy: BlueGreen, blueGreen: {promotion: Manual}}", before_the_switch(Some(complete("b", 3)), &[complete("a", 3)]))]
#[case::canary("rollout: {strategy: Canary, canary: {steps: [{replicas: 1}]}}", reached(0, 1, None))]
fn a_request_is_noted_together_with_what_it_leads_to(#[case] spec: &str, #[case] scene: Scene) {
    let asked = Scene { promotion: Some("1".to_owned()), ..scene };
    let stage = next(&fixture::release(spec), &asked).stage;
    assert_eq!(stage.request.as_deref(), Some("beam-operator.io/promote=1"));
    assert_ne!(stage, Stage { request: stage.request.clone(), ..asked.stage });
}
