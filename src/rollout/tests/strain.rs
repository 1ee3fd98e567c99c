//! What becomes of a revision whose virtual machines bear too much.

use super::super::meeting::turn;
use super::super::strain::of as strain_of;
use super::meeting::{PATIENCE, after, cause, everywhere, is_complete, seen_together};
use super::*;
use crate::controller::apply::Outcome;
use crate::controller::fixture::valid;
use crate::controller::mesh::fixture::{seen, unseen};
use crate::controller::status::status;
use crate::observer::Vitals;

const MIB: u64 = 1 << 20;

/// A node at rest.
const WELL: Vitals = Vitals { memory: 100 * MIB, run_queue: 0, schedulers: 2, processes: 400, longest_queue: Some(0) };

/// The second revision runs everywhere and its nodes have met; these are the figures of the node in pod `b`.
fn bearing(spec: &str, figures: Vitals) -> Observed {
    let mut observed = everywhere(spec, seen_together());
    observed.vitals = [("uid-of-a".into(), WELL), ("uid-of-b".into(), figures)].into();
    for pod in &mut observed.pods {
        pod.memory_limit = Some(200 * MIB);
    }
    observed
}

/// The same beside a node of the earlier revision that is about to be replaced, with these figures.
fn beside(observed: Observed, figures: Vitals) -> Observed {
    let old = PodView { is_ready: true, memory_limit: Some(200 * MIB), revision: Some("shop-1".into()), ..pod("old") };
    let mut observed = observed;
    observed.pods.push(old);
    observed.vitals.insert("uid-of-old".into(), figures);
    observed
}

#[rstest]
#[case::well(WELL, None)]
#[case::much_memory(Vitals { memory: 180 * MIB, ..WELL }, None)]
#[case::too_much_memory(Vitals { memory: 182 * MIB, ..WELL }, Some("uses more than 90% of the memory that its container may use"))]
#[case::busy(Vitals { run_queue: 21, ..WELL }, None)]
#[case::too_busy(Vitals { run_queue: 22, ..WELL }, Some("has more than 10 processes that wait to run for each of its schedulers"))]
#[case::many_messages(Vitals { longest_queue: Some(10_000), ..WELL }, None)]
#[case::too_many_messages(Vitals { longest_queue: Some(10_001), ..WELL }, Some("has a process with more than 10000 messages waiting for it"))]
#[case::not_asked(Vitals { longest_queue: None, ..WELL }, None)]
fn a_revision_is_good_only_while_its_nodes_bear_it(#[case] figures: Vitals, #[case] expected: Option<&str>) {
    let observed = bearing("", figures);
    assert_eq!(is_complete(&observed, after(0)), expected.is_none());
    assert_eq!(cause(&observed, after(PATIENCE - 1)), None, "it may pass");
    let rejection = course(&observed, &asked(), &[], after(PATIENCE)).rejection;
    let Some(expected) = expected else { return assert_eq!(rejection, None) };
    let rejection = rejection.unwrap();
    assert_eq!(rejection.cause, Cause::Strained);
    assert_eq!(
        rejection.message,
        format!(
            "its nodes are available, but bear too much after 600 seconds: the virtual machine in pod b {expected}"
        )
    );
}

#[rstest]
#[case::memory(Vitals { memory: 190 * MIB, ..WELL }, Vitals { memory: 199 * MIB, ..WELL })]
#[case::run_queue(Vitals { run_queue: 40, ..WELL }, Vitals { run_queue: 20, ..WELL })]
#[case::messages(Vitals { longest_queue: Some(20_000), ..WELL }, Vitals { longest_queue: Some(10_000), ..WELL })]
fn what_the_nodes_before_bear_as_well_is_the_load(#[case] new: Vitals, #[case] old: Vitals) {
    assert_eq!(strain_of(&beside(bearing("", new), old), "shop-2"), None);
    assert!(strain_of(&beside(bearing("", new), WELL), "shop-2").is_some());
}

#[test]
fn a_node_that_nobody_has_looked_at_yet_is_waited_for_and_one_that_cannot_be_asked_is_not() {
    let mut observed = bearing(", cluster: {discovery: None}", WELL);
    observed.vitals.clear();
    assert!(is_complete(&observed, after(0)), "whether they bear too much is not known");
    observed.mesh = Some(vec![seen("a", &["b"]), unseen("b")]);
    assert!(!is_complete(&observed, after(9999)));
    assert_eq!(cause(&observed, after(9999)), None);
    observed.mesh = None;
    assert!(is_complete(&observed, after(0)), "nobody looks");
}

#[test]
fn it_is_looked_at_again_until_it_passes_or_fails() {
    let mut observed = bearing("", Vitals { run_queue: 99, ..WELL });
    assert_eq!(turn(&observed, after(0)), Some(after(15)));
    assert_eq!(turn(&observed, after(PATIENCE - 1)), Some(after(PATIENCE)));
    observed.vitals.insert("uid-of-b".into(), WELL);
    assert!(is_complete(&observed, after(30)));
    assert_eq!(turn(&observed, after(30)), None);
}

#[test]
fn a_strategy_that_waits_says_for_what() {
    let mut observed = bearing(", rollout: {strategy: BlueGreen}", Vitals { run_queue: 99, ..WELL });
    let old = deployment(complete(2, "shop-1"));
    observed.children.push(Child { name: "shop-1".into(), uid: "uid-of-old".into(), ..old });
    let told = course(&observed, &asked(), &[], after(0)).report.pace;
    let expected =
        "the nodes of shop-2 have to hold what they run first: the virtual machine in pod b has more than 10 processes";
    assert!(told.starts_with(expected), "{told}");
}

#[test]
fn what_ran_completely_once_is_not_judged_again() {
    let mut observed = bearing("", Vitals { run_queue: 99, ..WELL });
    let mut release = (*observed.release).clone();
    release.status.get_or_insert_default().current_revision = Some("shop-2".to_owned());
    observed.release = release.into();
    assert!(is_complete(&observed, after(0)));
}

#[test]
fn one_that_is_held_says_so() {
    let observed = bearing(", rollout: {onFailure: Hold}", Vitals { longest_queue: Some(50_000), ..WELL });
    let told = |now| status(&observed, &valid("shop-2", Ok(&Outcome::default())), now);
    let waits = told(after(0));
    assert_eq!(waits.condition("Degraded").unwrap().status, "False");
    assert_eq!(
        waits.condition("Progressing").unwrap().message,
        "2 of 2 nodes run shop-2 and are available, and it is complete once they hold what they run: the virtual machine in pod b \
         has a process with more than 10000 messages waiting for it"
    );
    let held = told(after(PATIENCE));
    let degraded = held.condition("Degraded").unwrap();
    assert_eq!((&*degraded.status, &*degraded.reason), ("True", "Strained"));
    assert!(degraded.message.contains("still after 600 seconds"), "{}", degraded.message);
}
