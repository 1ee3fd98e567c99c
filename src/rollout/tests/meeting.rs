//! What becomes of a revision whose nodes do not meet their cluster.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use proptest::prelude::*;

use super::super::meeting::{to_note, turn, unmet};
use super::*;
use crate::api::{ElixirRelease, NodeState, RolloutPhase};
use crate::controller::apply::Outcome;
use crate::controller::fixture::{stateful_set, valid};
use crate::controller::mesh::fixture::{failed, met, seen, started, unseen, viewed};
use crate::controller::status::status;
use crate::observer::{FailureKind, Sighting};
use crate::resources::migration::prepare;

/// When the youngest node became ready.
const READY: Timestamp = Timestamp::UNIX_EPOCH;
pub(super) const PATIENCE: i64 = 600;

pub(super) fn after(seconds: i64) -> Timestamp {
    READY + SignedDuration::from_secs(seconds)
}

pub(super) fn seen_together() -> Vec<Sighting> {
    vec![seen("a", &["b"]), seen("b", &["a"])]
}

fn seen_apart() -> Vec<Sighting> {
    vec![seen("a", &[]), seen("b", &[])]
}

fn up(name: &str) -> PodView {
    PodView { is_ready: true, moved: Some(READY), revision: Some("shop-2".into()), ..pod(name) }
}

/// A release of two nodes whose second revision runs everywhere, and whose first had met its cluster.
pub(super) fn everywhere(spec: &str, mesh: Vec<Sighting>) -> Observed {
    let mut observed = moving("");
    let release = running(&format!("{{replicas: 2{spec}}}"), complete(2, "shop-2"));
    let status = observed.release.status.clone();
    observed.release = ElixirRelease { status, ..(*release.release).clone() }.into();
    observed.members = vec![observed.release.clone()];
    observed.children = [release.children, vec![met_before(), record("shop-2", 2, None)]].concat();
    observed.pods = ["a", "b"].map(up).to_vec();
    observed.mesh = Some(mesh);
    observed
}

/// The record of the first revision.
fn met_before() -> Child {
    let detail = Detail::Revision(RevisionView { number: 1, has_clustered: true, ..RevisionView::default() });
    Child { detail, ..record("shop-1", 1, None) }
}

fn phase(observed: &Observed, now: Timestamp) -> RolloutPhase {
    status(observed, &valid("shop-2", Ok(&Outcome::default())), now).rollout.unwrap().phase
}

pub(super) fn is_complete(observed: &Observed, now: Timestamp) -> bool {
    let status = status(observed, &valid("shop-2", Ok(&Outcome::default())), now);
    let is_current = status.current_revision.as_deref() == Some("shop-2");
    assert_eq!(is_current, phase(observed, now) == RolloutPhase::Complete);
    is_current
}

pub(super) fn cause(observed: &Observed, now: Timestamp) -> Option<Cause> {
    course(observed, &asked(), &[], now).rejection.map(|rejection| rejection.cause)
}

/// What becomes of the second revision: whether it is complete at once, and whether it is rejected in the end.
#[rstest]
#[case::met(seen_together(), true, false)]
#[case::apart(seen_apart(), false, true)]
#[case::lost(vec![met(seen("a", &[])), met(seen("b", &[]))], false, true)]
#[case::one_apart(vec![seen("a", &["b", "c"]), seen("b", &["a", "c"]), seen("c", &["a", "b"]), seen("d", &[])], true, false)]
#[case::cookie(vec![seen("a", &[]), failed("b", FailureKind::WrongCookie)], false, true)]
#[case::name(vec![viewed(seen("a", &["b"]), |view| view.name = "till@a".parse().unwrap()), seen("b", &["a"])], false, true)]
#[case::not_distributed(vec![failed("a", FailureKind::NotDistributed), failed("b", FailureKind::NotDistributed)], false, true)]
#[case::cannot_be_asked(vec![failed("a", FailureKind::Unreachable), failed("b", FailureKind::Unreachable)], true, false)]
#[case::no_way_in(vec![failed("a", FailureKind::NoAccess), failed("b", FailureKind::Tls)], true, false)]
#[case::not_looked_at(vec![seen("a", &["b"]), unseen("b")], false, false)]
#[case::not_known(vec![seen("a", &[])], true, false)]
fn a_revision_is_measured_by_the_one_before(
    #[case] mesh: Vec<Sighting>,
    #[case] is_good: bool,
    #[case] is_rejected: bool,
) {
    let observed = everywhere("", mesh);
    assert_eq!(is_complete(&observed, after(PATIENCE - 1)), is_good);
    assert_eq!(cause(&observed, after(PATIENCE - 1)), None);
    assert_eq!(cause(&observed, after(PATIENCE)), is_rejected.then_some(Cause::NotClustered));
    assert_eq!(turn(&observed, after(1)), is_rejected.then_some(after(PATIENCE)), "nobody has to poll");
}

#[rstest]
#[case::before_never_met("", |observed: &mut Observed| observed.children[1] = record("shop-1", 1, None))]
#[case::nothing_before("", |observed: &mut Observed| observed.children.truncate(1))]
#[case::ran_completely("", |observed: &mut Observed| current(observed, "shop-2"))]
#[case::nobody_looks("", |observed: &mut Observed| observed.mesh = None)]
#[case::lone_nodes("", |observed: &mut Observed| observed.members.clear())]
#[case::found_by_the_application(", cluster: {discovery: None}", |_: &mut Observed| ())]
fn it_need_not_meet(#[case] spec: &str, #[case] change: fn(&mut Observed)) {
    let mut observed = everywhere(spec, seen_apart());
    change(&mut observed);
    assert!(is_complete(&observed, after(0)));
    assert_eq!((cause(&observed, after(9999)), turn(&observed, after(0))), (None, None));
}

fn current(observed: &mut Observed, revision: &str) {
    let mut release = (*observed.release).clone();
    release.status.get_or_insert_default().current_revision = Some(revision.to_owned());
    observed.release = release.into();
}

#[test]
fn a_single_node_meets_other_members_or_nobody() {
    let mut observed = everywhere("", vec![failed("a", FailureKind::WrongCookie)]);
    let mut release = (*observed.release).clone();
    release.spec.replicas = 1;
    observed.release = release.into();
    observed.children[0] = deployment(complete(1, "shop-2"));
    observed.pods.truncate(1);
    assert!(is_complete(&observed, after(0)), "there is nobody to be met");
    observed.members.push(observed.release.clone());
    assert!(!is_complete(&observed, after(0)));
}

#[test]
fn nodes_of_the_earlier_revision_that_are_about_to_go_are_not_waited_for() {
    let mut observed = everywhere("", seen_together());
    observed.pods.push(PodView { is_terminating: true, is_ready: true, ..pod("old") });
    assert!(is_complete(&observed, after(0)));
}

#[test]
fn as_long_as_kubernetes_replaces_pods_it_is_kubernetes_that_judges() {
    let mut observed = everywhere("", seen_apart());
    observed.children[0] = deployment(WorkloadView { replicas: 3, ..complete(2, "shop-2") });
    assert_eq!((cause(&observed, after(9999)), turn(&observed, after(0))), (None, None));
}

#[test]
fn a_pod_that_nobody_has_seen_yet_is_waited_for() {
    let mut observed = everywhere("", seen_together());
    observed.pods.pop();
    assert!(!is_complete(&observed, after(9999)));
    assert_eq!(cause(&observed, after(9999)), None);
    assert_eq!(to_note(&observed, after(0)), None);
}

#[test]
fn a_virtual_machine_that_starts_is_waited_for() {
    let starting = |name| started(failed(name, FailureKind::Unreachable), READY.as_second());
    let observed = everywhere("", vec![starting("a"), starting("b")]);
    assert!(!is_complete(&observed, after(29)), "it may yet answer");
    assert!(is_complete(&observed, after(30)), "whether it met anybody is not known");
}

#[test]
fn it_counts_from_the_youngest_node() {
    let mut observed = everywhere("", seen_apart());
    observed.pods[1].moved = Some(after(100));
    assert_eq!((cause(&observed, after(PATIENCE)), turn(&observed, after(0))), (None, Some(after(PATIENCE + 100))));
    assert_eq!(cause(&observed, after(PATIENCE + 100)), Some(Cause::NotClustered));
}

#[test]
fn a_rejection_tells_which_node_and_what_is_known_of_it() {
    let observed = everywhere("", vec![seen("a", &[]), failed("b", FailureKind::WrongCookie)]);
    let rejection = course(&observed, &asked(), &[], after(PATIENCE)).rejection.unwrap();
    insta::assert_snapshot!(rejection.message);
    assert_eq!(&*rejection.instead, "shop-1");
    assert_eq!(Rejection::of_text(&rejection.to_text()), Some(rejection));
}

#[test]
fn one_that_is_held_stays_where_it_is() {
    let observed = everywhere(", rollout: {onFailure: Hold}", seen_apart());
    let told = |now| status(&observed, &valid("shop-2", Ok(&Outcome::default())), now);
    let waits = told(after(PATIENCE - 1));
    assert_eq!(waits.condition("Degraded").unwrap().status, "False");
    let held = told(after(PATIENCE));
    assert_eq!(cause(&observed, after(PATIENCE)), None);
    let rollout = held.rollout.clone().unwrap();
    assert_eq!(rollout.phase, RolloutPhase::Failed);
    assert_eq!(
        rollout.message,
        "2 of 2 nodes run shop-2 and are available, and it is complete once they have met their cluster (condition Clustered)"
    );
    assert_eq!(held.condition("Progressing").unwrap().reason, "ProgressDeadlineExceeded");
    let degraded = held.condition("Degraded").unwrap();
    assert_eq!((&*degraded.status, &*degraded.reason), ("True", "NotClustered"));
    insta::assert_snapshot!(degraded.message);
    assert_eq!(held.nodes[0].state, NodeState::Joining);
    // Its nodes meet after all.
    let observed = Observed { mesh: Some(seen_together()), ..observed };
    assert_eq!(phase(&observed, after(9999)), RolloutPhase::Complete);
}

#[test]
fn while_somebody_holds_the_rollout_it_does_not_fail() {
    let mut observed = everywhere("", seen_apart());
    annotate(&mut observed, labels::PAUSE, "true");
    assert_eq!((cause(&observed, after(9999)), turn(&observed, after(0))), (None, None));
    assert!(!is_complete(&observed, after(9999)));
}

/// A StatefulSet tells no deadline of its own, so that two clocks run.
#[rstest]
#[case::apart(seen_apart(), Some(Cause::NotClustered))]
#[case::met(seen_together(), None)]
#[case::not_looked_at(vec![unseen("a"), unseen("b")], None)]
fn of_a_stateful_set(#[case] mesh: Vec<Sighting>, #[case] expected: Option<Cause>) {
    let mut observed = everywhere(", workload: {kind: StatefulSet}", mesh);
    observed.children[0] = stateful_set(complete(2, "shop-2"));
    for pod in &mut observed.pods {
        pod.runs_in = Some(ChildKind::StatefulSet);
    }
    // The status tells since when it is under way.
    let view = WorkloadView { available: 1, ..complete(2, "shop-2") };
    let before = Observed { children: vec![stateful_set(view)], ..observed.clone() };
    let before = status(&before, &valid("shop-2", Ok(&Outcome::default())), after(0));
    observed.release = ElixirRelease { status: Some(before), ..(*observed.release).clone() }.into();
    assert_eq!(cause(&observed, after(PATIENCE)), expected);
    assert_eq!(phase(&observed, after(PATIENCE)) == RolloutPhase::Failed, expected.is_some());
}

#[test]
fn migrations_afterwards_wait_for_the_mesh() {
    let spec = ", migrations: [{name: report, command: [report], when: After}]";
    let prepared = |observed: &Observed| prepare(&observed.release, &PodTemplateSpec::default()).unwrap();
    let apart = everywhere(spec, seen_apart());
    assert_eq!(course(&apart, &asked(), &prepared(&apart), after(0)).migration, Next::Nothing);
    let together = everywhere(spec, seen_together());
    let next = course(&together, &asked(), &prepared(&together), after(0)).migration;
    assert_eq!(next, Next::Run { index: 0, attempt: 1 });
}

#[rstest]
#[case::met(seen_together(), Some("shop-2"))]
#[case::apart(seen_apart(), None)]
#[case::alone(vec![seen("a", &[])], None)]
#[case::in_part(vec![seen("a", &["b"]), unseen("b")], None)]
#[case::cannot_be_asked(vec![seen("a", &["b"]), failed("b", FailureKind::Unreachable)], None)]
fn that_its_nodes_have_met_is_noted_once(#[case] mesh: Vec<Sighting>, #[case] expected: Option<&str>) {
    let mut observed = everywhere("", mesh);
    assert_eq!(to_note(&observed, after(0)), expected);
    observed.children[2] = Child { name: "shop-2".into(), ..met_before() };
    assert_eq!(to_note(&observed, after(0)), None);
}

#[test]
fn of_one_that_is_not_complete_nothing_is_noted() {
    let mut observed = everywhere("", seen_together());
    observed.children[0] = deployment(WorkloadView { available: 1, ..complete(2, "shop-2") });
    assert_eq!(to_note(&observed, after(0)), None);
}

fn any_sighting(name: &'static str, peer: &'static str) -> impl Strategy<Value = Sighting> {
    let kinds = [
        FailureKind::NoAccess,
        FailureKind::WrongCookie,
        FailureKind::NotDistributed,
        FailureKind::Tls,
        FailureKind::Unreachable,
    ];
    let fails = prop::sample::select(kinds.to_vec()).prop_map(move |kind| failed(name, kind));
    let start = prop::option::of(-60..60_i64);
    let sighting = prop_oneof![Just(unseen(name)), Just(seen(name, &[])), Just(seen(name, &[peer])), fails];
    (sighting, any::<bool>(), start).prop_map(|(sighting, has_met, start)| {
        let sighting = if has_met { met(sighting) } else { sighting };
        start.map_or(sighting.clone(), |start| started(sighting, start))
    })
}

proptest! {
    /// Whatever is seen: one that is good is never rejected, what is noted is complete, only evidence rejects, and whoever
    /// waits is told until when, unless there is a look to come.
    #[test]
    fn a_verdict_is_consistent(
        a in any_sighting("a", "b"), b in any_sighting("b", "a"), seconds in 0..1200_i64,
    ) {
        let observed = everywhere("", vec![a.clone(), b.clone()]);
        let now = after(seconds);
        let unmet = unmet(&observed, "shop-2", now);
        let rejection = course(&observed, &asked(), &[], now).rejection;
        prop_assert_eq!(is_complete(&observed, now), unmet.is_none());
        if let Some(rejection) = &rejection {
            prop_assert_eq!(rejection.cause, Cause::NotClustered);
            prop_assert!(seconds >= PATIENCE && unmet.as_ref().is_some_and(|unmet| unmet.evidence.is_some()));
        }
        if to_note(&observed, now).is_some() {
            prop_assert!(unmet.is_none());
        }
        if let Some(unmet) = unmet.filter(|_| rejection.is_none()) {
            let is_told = observed.relief(now).is_some();
            let is_to_be_looked_at = [a, b].iter().any(|node| node.seen == crate::observer::Seen::NotYet);
            prop_assert!(is_told || is_to_be_looked_at, "{unmet:?}");
        }
    }
}
