//! Who goes, who is asked, and what is told.

mod any_story;

use rstest::rstest;

use super::*;
use crate::controller::fixture::{complete, pod, running, running_stateful};

const LEAVE: &str = "shutdown: {leave: {exec: [forget]}}";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A pod that runs and is ready since then.
fn node(name: &str, since: i64) -> PodView {
    PodView { is_ready: true, has_run: true, started: Some(at(since)), moved: Some(at(since)), ..pod(name) }
}

fn left(pod: PodView, then: i64) -> PodView {
    PodView { is_leaving: true, left: Some(at(then)), ..pod }
}

fn asked(pod: PodView) -> PodView {
    PodView { is_leaving: true, ..pod }
}

fn unready(pod: PodView) -> PodView {
    PodView { is_ready: false, ..pod }
}

/// A release that is to have so many nodes and has these.
fn scaled(wanted: i32, pods: &[PodView]) -> Observed {
    let count = i32::try_from(pods.len()).unwrap();
    let spec = format!("{{replicas: {wanted}, {LEAVE}}}");
    Observed { pods: pods.to_vec(), ..running(&spec, complete(count, "shop-1")) }
}

fn ordinals(wanted: i32, pods: &[PodView]) -> Observed {
    let count = i32::try_from(pods.len()).unwrap();
    let spec = format!("{{replicas: {wanted}, {LEAVE}}}");
    let mut observed = running_stateful(&spec, complete(count, "shop-1"));
    let runs_in = Some(ChildKind::StatefulSet);
    observed.pods = pods.iter().cloned().map(|pod| PodView { runs_in, ..pod }).collect();
    observed
}

/// What is done, in words, and how many nodes there are meanwhile.
fn told(observed: &Observed) -> (Vec<String>, i32) {
    let Some(leaving) = leaving(observed, at(1000)) else { return (Vec::new(), observed.release.spec.replicas) };
    let words = leaving.moves.iter().map(|it| match it {
        Move::Mark(pod, _) => format!("mark {pod}"),
        Move::Ask(pod, _) => format!("ask {pod}"),
        Move::Note(pod, ..) => format!("note {pod}"),
        Move::Replace(pod, _) => format!("replace {pod}"),
    });
    (words.collect(), leaving.replicas)
}

#[rstest]
#[case::the_youngest(scaled(2, &[node("a", 1), node("b", 9), node("c", 5)]), &["mark b", "ask b"], 3)]
#[case::not_ready_first(scaled(2, &[unready(node("a", 1)), node("b", 9), node("c", 5)]), &["mark a", "ask a"], 3)]
#[case::the_highest_ordinal(
    ordinals(1, &[node("shop-0", 9), node("shop-1", 5), unready(node("shop-10", 1))]),
    &[], 3
)]
#[case::by_ordinal(ordinals(2, &[node("shop-0", 9), unready(node("shop-1", 5)), node("shop-2", 1)]), &["mark shop-2", "ask shop-2"], 3)]
#[case::one_at_a_time(scaled(1, &[node("a", 1), node("b", 9), node("c", 5)]), &["mark b", "ask b"], 3)]
#[case::it_stays_the_one(scaled(2, &[node("a", 1), unready(node("b", 9)), asked(node("c", 5))]), &["ask c"], 3)]
#[case::it_has_left(scaled(2, &[node("a", 1), left(node("b", 9), 20), node("c", 5)]), &[], 2)]
#[case::and_the_next(scaled(1, &[node("a", 1), left(node("b", 9), 20), node("c", 5)]), &["mark c", "ask c"], 2)]
#[case::came_back(scaled(2, &[node("a", 1), left(node("b", 30), 20), node("c", 5)]), &["ask b"], 3)]
#[case::said_by_a_person(
    scaled(2, &[node("a", 1), PodView { left: Some(Timestamp::MAX), ..node("b", 9) }, node("c", 5)]), &["mark b"], 3
)]
#[case::said_by_a_person_of_an_ordinal(
    ordinals(1, &[node("shop-0", 1), PodView { left: Some(Timestamp::MAX), ..node("shop-1", 9) }]), &[], 1
)]
#[case::never_ran(scaled(2, &[node("a", 1), pod("b"), node("c", 5)]), &[], 2)]
#[case::an_ordinal_that_never_ran(ordinals(1, &[node("shop-0", 1), pod("shop-1")]), &[], 2)]
#[case::another_would_go(scaled(2, &[unready(node("a", 1)), left(node("b", 9), 20), node("c", 5)]), &[], 3)]
#[case::another_goes_as_well(
    scaled(1, &[unready(node("a", 1)), left(node("b", 9), 20), node("c", 5)]), &["mark a", "ask a"], 3
)]
#[case::both_are_not_ready(scaled(2, &[unready(node("a", 1)), left(unready(node("b", 9)), 20), node("c", 5)]), &[], 2)]
#[case::another_was_asked(
    scaled(1, &[node("a", 1), left(node("b", 9), 20), asked(node("c", 10))]), &["ask c"], 3
)]
#[case::another_was_asked_that_stays(
    scaled(2, &[node("a", 1), left(node("b", 9), 20), asked(node("c", 10))]), &["replace c"], 3
)]
#[case::nobody_goes(scaled(3, &[node("a", 1), node("b", 9), node("c", 5)]), &[], 3)]
#[case::more_come(scaled(5, &[node("a", 1), node("b", 9)]), &[], 5)]
#[case::the_cluster_stops(scaled(0, &[node("a", 1), node("b", 9)]), &[], 0)]
#[case::it_is_to_stay_after_all(scaled(2, &[node("a", 1), asked(node("b", 9))]), &["replace b"], 2)]
#[case::it_left_and_is_to_stay(scaled(2, &[node("a", 1), left(node("b", 9), 20)]), &["replace b"], 2)]
#[case::one_of_two_is_to_stay(
    scaled(2, &[left(node("a", 1), 20), left(node("b", 9), 20), node("c", 5)]), &["replace a"], 2
)]
fn nodes(#[case] observed: Observed, #[case] expected: &[&str], #[case] replicas: i32) {
    let (moves, held) = told(&observed);
    assert_eq!((moves.iter().map(String::as_str).collect::<Vec<_>>(), held), (expected.to_vec(), replicas));
}

fn failed(again: i64) -> Attempt {
    Attempt::Failed { why: "ended with exit code 3".to_owned(), failures: 1, again: at(again) }
}

#[rstest]
#[case::it_runs(Attempt::Running, &[], "was asked to leave", false)]
#[case::it_has_ended_well(Attempt::Left(at(900)), &["note b"], "", false)]
#[case::it_was_started_again(Attempt::Left(at(5)), &["ask b"], "was asked to leave", false)]
#[case::it_waits(failed(1001), &[], "has not left: spec.shutdown.leave ended with exit code 3. It is run again", true)]
#[case::it_is_run_again(failed(1000), &["ask b"], "has not left", true)]
fn what_became_of_it(
    #[case] attempt: Attempt,
    #[case] expected: &[&str],
    #[case] message: &str,
    #[case] has_failed: bool,
) {
    let mut observed = scaled(1, &[node("a", 1), asked(node("b", 9))]);
    observed.attempts.insert("uid-of-b".into(), attempt);
    let (moves, held) = told(&observed);
    assert_eq!((moves.iter().map(String::as_str).collect::<Vec<_>>(), held), (expected.to_vec(), 2));
    let leaving = leaving(&observed, at(1000)).unwrap();
    assert!(leaving.told.contains(message) && leaving.has_failed == has_failed, "{leaving:?}");
    assert_eq!(leaving.turn, (has_failed && moves.is_empty()).then_some(at(1001)));
}

#[test]
fn a_run_that_goes_on_is_waited_for_before_its_pod_is_replaced() {
    let mut observed = scaled(2, &[node("a", 1), asked(node("b", 9))]);
    observed.attempts.insert("uid-of-b".into(), Attempt::Running);
    assert_eq!(told(&observed), (vec![], 2));
    observed.attempts.insert("uid-of-b".into(), failed(2000));
    assert_eq!(told(&observed), (vec!["replace b".to_owned()], 2));
}

#[test]
fn a_node_that_does_not_run_is_told_with_the_way_out() {
    let down = PodView { started: None, ..unready(node("b", 9)) };
    let leaving = leaving(&scaled(1, &[node("a", 1), down]), at(1000)).unwrap();
    let way_out = "kubectl annotate pod b beam-operator.io/left=true";
    assert!(leaving.has_failed && leaving.moves.is_empty() && leaving.told.contains(way_out), "{leaving:?}");
}

#[rstest]
#[case::of_another_revision(|observed: &mut Observed| observed.pods[1].revision = Some("shop-0".into()))]
#[case::not_made_yet(|observed: &mut Observed| { observed.pods.pop(); })]
#[case::one_too_many(|observed: &mut Observed| observed.pods.push(node("d", 3)))]
fn while_pods_are_replaced_nobody_is_asked(#[case] change: fn(&mut Observed)) {
    let mut observed = scaled(1, &[node("a", 1), node("b", 9)]);
    change(&mut observed);
    let leaving = leaving(&observed, at(1000)).unwrap();
    assert_eq!((leaving.replicas, &*leaving.moves, leaving.has_failed), (2, &[][..], false));
    assert!(leaving.told.contains("until no pod is being replaced"), "{leaving:?}");
}

#[test]
fn what_is_paused_or_not_wished_is_left_to_kubernetes() {
    let mut observed = scaled(1, &[node("a", 1), node("b", 9)]);
    let mut release = (*observed.release).clone();
    release.spec.paused = true;
    observed.release = release.clone().into();
    assert_eq!(leaving(&observed, at(1000)), None);
    release.spec.paused = false;
    release.spec.shutdown.leave = None;
    observed.release = release.into();
    assert_eq!(leaving(&observed, at(1000)), None);
}

#[test]
fn the_release_counts_as_asking_for_those_that_stay_for_now() {
    let held = hold(scaled(1, &[node("a", 1), node("b", 9)]), at(1000));
    assert_eq!((held.release.spec.replicas, held.asked_replicas()), (2, 1));
    let held = hold(scaled(1, &[node("a", 1), left(node("b", 9), 20)]), at(1000));
    assert_eq!((held.release.spec.replicas, held.asked_replicas()), (1, 1));
}

#[test]
fn pauses_grow_up_to_five_minutes() {
    let again = |before| match Attempt::failed(String::new(), before, at(0)) {
        Attempt::Failed { failures, again, .. } => (failures, again.as_second()),
        other => panic!("{other:?}"),
    };
    assert_eq!([0, 1, 2, 5, 500].map(again), [(1, 10), (2, 20), (3, 40), (6, 300), (501, 300)]);
}
