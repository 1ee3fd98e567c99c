//! What is told of a StatefulSet, which gives no account of its own, and of a release that has two kinds at once.

use super::*;
use crate::controller::conditions::Reason;
use crate::controller::fixture::{running_stateful, stateful_set};
use crate::controller::pod::PodView;

const DEADLINE: &str = "{replicas: 3, rollout: {progressDeadlineSeconds: 600}}";

/// A StatefulSet with two of three pods of the wanted revision available.
fn two_of_three() -> WorkloadView {
    WorkloadView { updated: 3, available: 2, ready: 2, ..complete(3, "shop-1") }
}

/// A release whose status was told to be so once, and told again at these seconds.
fn told_at(pods: &[PodView], seconds: &[i64]) -> Vec<(String, String)> {
    let shop = Observed { pods: pods.to_vec(), ..running_stateful(DEADLINE, two_of_three()) };
    let fine = Outcome::default();
    let mut before = ElixirReleaseStatus::default();
    let look = |seconds: &i64| {
        let after = status(&stored(&shop, &before, 1), &valid("shop-1", Ok(&fine)), at(*seconds));
        before = after.clone();
        let reason = |type_: &str| find(&after, type_).reason.clone();
        (reason("Progressing"), reason("Degraded"))
    };
    seconds.iter().map(look).collect()
}

fn reasons(told: &[(Reason, Reason)]) -> Vec<(String, String)> {
    told.iter().map(|(progressing, degraded)| (progressing.to_string(), degraded.to_string())).collect()
}

const FINE: (Reason, Reason) = (Reason::RolloutInProgress, Reason::AsExpected);
const LATE: (Reason, Reason) = (Reason::ProgressDeadlineExceeded, Reason::ProgressDeadlineExceeded);

#[test]
fn a_rollout_without_progress_is_late_and_stays_so() {
    assert_eq!(told_at(&[], &[0, 599, 600, 601, 2000]), reasons(&[FINE, FINE, LATE, LATE, LATE]));
}

#[test]
fn a_pod_that_comes_a_step_further_gives_it_time() {
    let pods = [ordinal(0, at(100)), ordinal(1, at(50))];
    assert_eq!(told_at(&pods, &[0, 600, 699, 700, 1400]), reasons(&[FINE, FINE, FINE, LATE, LATE]));
    let old = PodView { revision: Some("shop-0".into()), ..ordinal(0, at(100)) };
    assert_eq!(told_at(&[old], &[0, 600]), reasons(&[FINE, LATE]));
}

#[test]
fn what_moves_after_all_is_late_no_more() {
    let mut shop = running_stateful(DEADLINE, two_of_three());
    let fine = Outcome::default();
    let first = status(&shop, &valid("shop-1", Ok(&fine)), at(0));
    let late = status(&stored(&shop, &first, 1), &valid("shop-1", Ok(&fine)), at(600));
    assert_eq!(late.rollout.as_ref().unwrap().phase, RolloutPhase::Failed);
    shop.pods = vec![ordinal(2, at(700))];
    let moving = status(&stored(&shop, &late, 1), &valid("shop-1", Ok(&fine)), at(700));
    assert_eq!(moving.rollout.unwrap().phase, RolloutPhase::Progressing);
}

#[test]
fn another_revision_has_time_again() {
    let fine = Outcome::default();
    let first = status(&running_stateful(DEADLINE, two_of_three()), &valid("shop-1", Ok(&fine)), at(0));
    let shop = running_stateful(DEADLINE, two_of_three());
    let late = status(&stored(&shop, &first, 1), &valid("shop-1", Ok(&fine)), at(600));
    let shop = running_stateful(DEADLINE, WorkloadView { revision: Some("shop-2".into()), ..two_of_three() });
    let next = status(&stored(&shop, &late, 2), &valid("shop-2", Ok(&fine)), at(601));
    assert_eq!(next.rollout.unwrap().phase, RolloutPhase::Progressing);
}

#[test]
fn a_node_that_is_lost_after_the_rollout_makes_it_late_never() {
    let fine = Outcome::default();
    let done = status(&running_stateful(DEADLINE, complete(3, "shop-1")), &valid("shop-1", Ok(&fine)), at(0));
    assert_eq!(done.rollout.as_ref().unwrap().phase, RolloutPhase::Complete);
    let shop = running_stateful(DEADLINE, two_of_three());
    let lost = status(&stored(&shop, &done, 1), &valid("shop-1", Ok(&fine)), at(10));
    let later = status(&stored(&shop, &lost, 1), &valid("shop-1", Ok(&fine)), at(9999));
    assert_eq!(later.rollout.unwrap().phase, RolloutPhase::Progressing);
}

#[test]
fn the_pods_of_both_kinds_count_until_one_is_left() {
    let old = complete(3, "shop-1");
    let new = WorkloadView { ready: 1, available: 1, ..complete(3, "shop-1") };
    let mut shop = running_stateful(THREE, new);
    shop.children.push(deployment(old));
    let told = status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(0));
    assert_eq!((told.replicas, told.ready.as_deref(), told.updated_replicas), (6, Some("4/3"), 3));
    let rollout = told.rollout.unwrap();
    let message = "1 of 3 nodes run shop-1 and are available; 3 of an earlier one still run";
    assert_eq!((rollout.phase, rollout.message.as_str()), (RolloutPhase::Progressing, message));

    shop.children = vec![stateful_set(complete(3, "shop-1")), deployment(complete(0, "shop-1"))];
    let told = status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(0));
    assert_eq!(told.rollout.unwrap().phase, RolloutPhase::Complete);
}

/// It runs what is wanted, and in what is not.
#[test]
fn the_kind_that_is_not_wanted_is_never_complete() {
    let mut shop = running_stateful(THREE, complete(3, "shop-1"));
    shop.children = vec![deployment(complete(3, "shop-1"))];
    let told = status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(0));
    assert_eq!((told.ready.as_deref(), told.rollout.unwrap().phase), (Some("3/3"), RolloutPhase::Progressing));
}
