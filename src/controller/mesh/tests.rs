//! The mesh as tables: what was seen, and what is told.

use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

use super::fixture::{answered, apart, failed, met, name, seen, started, starting, unseen, viewed};
use super::*;
use crate::api::{ElixirReleaseStatus, NodeState};
use crate::controller::fixture::{complete, running};
use crate::controller::observe::Observed;
use crate::controller::status::status;
use crate::controller::{apply::Outcome, fixture::valid};
use crate::observer::{FailureKind, Sighting};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn observed(mesh: Vec<Sighting>) -> Observed {
    Observed { mesh: Some(mesh), ..running("replicas: 3", complete(3, "shop-1")) }
}

fn told(mesh: Vec<Sighting>) -> MeshStatus {
    report(&observed(mesh), &ElixirReleaseStatus::default(), at(0))
}

fn whole() -> Vec<Sighting> {
    vec![seen("a", &["b", "c"]), seen("b", &["a", "c"]), seen("c", &["a", "b"])]
}

#[rstest]
#[case::whole(whole(), "True", "AllNodesConnected")]
#[case::one_alone(vec![seen("a", &[])], "True", "AllNodesConnected")]
#[case::one_says_it_for_both(vec![seen("a", &["b"]), met(seen("b", &[]))], "True", "AllNodesConnected")]
#[case::strangers_do_not_count(vec![seen("a", &["b", "x"]), seen("b", &["a"])], "True", "AllNodesConnected")]
#[case::one_is_on_its_way(vec![seen("a", &["b"]), seen("b", &["a"]), starting(seen("c", &[]))], "True", "AllNodesConnected")]
#[case::one_starts(vec![seen("a", &[]), starting(failed("b", FailureKind::NotDistributed))], "True", "AllNodesConnected")]
#[case::partition(vec![seen("a", &["b"]), seen("b", &["a"]), met(seen("c", &[]))], "False", "Partitioned")]
#[case::two_against_two(vec![seen("a", &["b"]), seen("b", &["a"]), seen("c", &["d"]), seen("d", &["c"])], "False", "Partitioned")]
#[case::everybody_alone(vec![met(seen("a", &[])), met(seen("b", &[]))], "False", "Partitioned")]
#[case::one_link_is_missing(vec![seen("a", &["b"]), seen("b", &["a", "c"]), seen("c", &["b"])], "False", "Partitioned")]
#[case::never_met(vec![seen("a", &[]), seen("b", &[])], "False", "NodesMissing")]
#[case::one_never_met(vec![seen("a", &["b"]), seen("b", &["a"]), seen("c", &[])], "False", "NodesMissing")]
#[case::frozen(vec![seen("a", &["b"]), seen("b", &["a"]), failed("c", FailureKind::Unreachable)], "False", "NodesMissing")]
#[case::unreachable_for_us_only(vec![seen("a", &["b", "c"]), seen("b", &["a", "c"]), failed("c", FailureKind::Unreachable)], "Unknown", "Unreachable")]
#[case::all_unreachable(vec![failed("a", FailureKind::Unreachable), failed("b", FailureKind::Unreachable)], "Unknown", "Unreachable")]
#[case::the_one_unreachable(vec![failed("a", FailureKind::Unreachable)], "Unknown", "Unreachable")]
#[case::no_access(vec![failed("a", FailureKind::NoAccess), failed("b", FailureKind::NoAccess)], "Unknown", "Unreachable")]
#[case::cookie(vec![seen("a", &["b"]), seen("b", &["a"]), failed("c", FailureKind::WrongCookie)], "False", "CookieMismatch")]
#[case::not_distributed(vec![seen("a", &[]), failed("b", FailureKind::NotDistributed)], "False", "NotDistributed")]
#[case::ended(vec![seen("a", &["b"]), seen("b", &["a"]), answered(failed("c", FailureKind::NotDistributed))], "False", "NodesMissing")]
#[case::name(vec![viewed(seen("a", &[]), |view| view.name = "a@b".parse().unwrap())], "False", "NameMismatch")]
#[case::versions(vec![viewed(seen("a", &["b"]), |view| view.otp_release = "24".into()), seen("b", &["a"])], "False", "VersionConflict")]
#[case::near_versions(vec![viewed(seen("a", &["b"]), |view| view.otp_release = "25".into()), seen("b", &["a"])], "True", "AllNodesConnected")]
#[case::nobody_ready(vec![starting(seen("a", &[]))], "Unknown", "NodesNotReady")]
#[case::nobody(vec![], "Unknown", "NodesNotReady")]
#[case::not_yet(vec![unseen("a")], "Unknown", "NotObserved")]
fn a_mesh_and_its_condition(#[case] mesh: Vec<Sighting>, #[case] status: &str, #[case] reason: &str) {
    let clustered = told(mesh).clustered.unwrap();
    assert_eq!((clustered.status, clustered.reason.to_string().as_str()), (status, reason), "{}", clustered.message);
}

fn old(sighting: Sighting) -> Sighting {
    apart("shop-1", sighting)
}

fn new(sighting: Sighting) -> Sighting {
    apart("shop-2", sighting)
}

#[rstest]
#[case::both_whole(vec![old(seen("a", &["b"])), old(seen("b", &["a"])), new(seen("c", &["d"])), new(seen("d", &["c"]))], "True", "AllNodesConnected")]
#[case::the_first_of_the_new_one(vec![old(seen("a", &["b"])), old(seen("b", &["a"])), new(seen("c", &[]))], "True", "AllNodesConnected")]
#[case::one_starts(vec![old(seen("a", &["b"])), old(seen("b", &["a"])), new(starting(unseen("c")))], "True", "AllNodesConnected")]
#[case::beside_the_whole_cluster(vec![seen("a", &["b"]), seen("b", &["a"]), new(seen("c", &[]))], "True", "AllNodesConnected")]
#[case::one_has_lost_some(vec![old(seen("a", &["b"])), old(seen("b", &["a"])), old(met(seen("e", &[]))), new(seen("c", &[]))], "False", "Partitioned")]
#[case::one_never_met(vec![old(seen("a", &[])), new(seen("b", &[])), new(seen("c", &[]))], "False", "NodesMissing")]
#[case::another_cookie(vec![old(seen("a", &[])), new(failed("b", FailureKind::WrongCookie))], "False", "CookieMismatch")]
#[case::unreachable(vec![old(seen("a", &[])), new(failed("b", FailureKind::Unreachable))], "Unknown", "Unreachable")]
#[case::far_versions_do_not_meet(vec![old(viewed(seen("a", &[]), |view| view.otp_release = "24".into())), new(seen("b", &[]))], "True", "AllNodesConnected")]
#[case::mixed(vec![old(seen("a", &["b"])), new(seen("b", &["a"]))], "False", "RevisionsMixed")]
#[case::mixed_with_the_cluster(vec![seen("a", &["b"]), new(starting(seen("b", &["a"])))], "False", "RevisionsMixed")]
#[case::an_address_that_another_had(vec![old(seen("a", &["b"])), new(seen("b", &[]))], "True", "AllNodesConnected")]
#[case::nobody_ready(vec![old(starting(seen("a", &[]))), new(starting(seen("b", &[])))], "Unknown", "NodesNotReady")]
fn revisions_apart_and_their_condition(#[case] mesh: Vec<Sighting>, #[case] status: &str, #[case] reason: &str) {
    let clustered = told(mesh).clustered.unwrap();
    assert_eq!((clustered.status, clustered.reason.to_string().as_str()), (status, reason), "{}", clustered.message);
}

#[test]
fn revisions_apart_are_no_parts_of_a_cluster() {
    let mesh = vec![old(seen("a", &["b"])), old(seen("b", &["a"])), new(seen("c", &["d"])), new(seen("d", &["c"]))];
    let seen_whole = told(mesh);
    let cluster = seen_whole.cluster.unwrap();
    assert_eq!((cluster.size, cluster.partitions, seen_whole.clustered_replicas), (Some(4), Some(1), Some(4)));
    assert!(seen_whole.nodes.iter().all(|node| (node.connected, node.expected) == (1, 1)));
    let message = seen_whole.clustered.unwrap().message;
    assert_eq!(message, "nodes: 2 of shop-1, 2 of shop-2; each is connected to every other of its revision");

    let split = vec![old(met(seen("a", &[]))), old(met(seen("b", &[]))), new(seen("c", &[]))];
    assert_eq!(told(split).cluster.unwrap().partitions, Some(2));
}

#[test]
fn a_mix_of_revisions_names_two_nodes_and_what_to_look_for() {
    let message = told(vec![old(seen("a", &["b"])), new(seen("b", &["a"]))]).clustered.unwrap().message;
    let expected = "shop@a of revision shop-1 and shop@b of revision shop-2 are connected, and with spec.cluster.scope \
                    Revision only nodes of the same revision are to be: look for what gives them one cookie";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_partition_names_its_sides() {
    let seen = told(vec![seen("a", &["b"]), seen("b", &["a"]), met(seen("c", &[]))]);
    let message = seen.clustered.unwrap().message;
    assert!(message.starts_with("the cluster has fallen apart into [shop@a, shop@b] | [shop@c]."), "{message}");
    let cluster = seen.cluster.unwrap();
    assert_eq!((cluster.size, cluster.partitions, seen.clustered_replicas), (Some(3), Some(2), Some(2)));
    let states: Vec<_> =
        seen.nodes.iter().map(|node| (&*node.pod, node.state, node.connected, node.expected)).collect();
    assert_eq!(
        states,
        [("c", NodeState::Partitioned, 0, 2), ("a", NodeState::Clustered, 1, 2), ("b", NodeState::Clustered, 1, 2)]
    );
}

#[test]
fn a_wrong_name_is_told_with_the_right_one() {
    let seen = told(vec![viewed(seen("a", &[]), |view| view.name = name("elsewhere"))]);
    let message = seen.clustered.unwrap().message;
    assert!(message.contains("should be shop@a and calls itself shop@elsewhere"), "{message}");
    assert_eq!(seen.nodes[0].node.as_deref(), Some("shop@elsewhere"));
    assert_eq!(seen.nodes[0].expected_node.as_deref(), Some("shop@a"));
}

#[test]
fn a_whole_mesh_in_the_status() {
    insta::assert_yaml_snapshot!(status(&observed(whole()), &valid("shop-1", Ok(&Outcome::default())), at(0)));
}

#[test]
fn members_of_other_releases_are_in_the_mesh_and_not_among_the_nodes() {
    let other = |sighting: Sighting| Sighting { release: "worker".into(), ..sighting };
    let seen = told(vec![seen("a", &["b"]), other(seen("b", &["a"]))]);
    assert_eq!(seen.cluster.unwrap().size, Some(2));
    assert_eq!(seen.clustered_replicas, Some(1));
    assert_eq!(seen.nodes.len(), 1);
}

#[test]
fn of_many_nodes_the_ones_in_trouble_are_told() {
    let pods: Vec<_> = (0..100).map(|number| format!("p{number:03}")).collect();
    let all: Vec<_> = pods.iter().map(String::as_str).collect();
    let mut mesh: Vec<_> = all.iter().map(|pod| seen(pod, &all)).collect();
    mesh[99] = failed("p099", FailureKind::WrongCookie);
    let seen = told(mesh);
    assert_eq!((seen.nodes.len(), seen.nodes_omitted), (64, Some(36)));
    assert_eq!((&*seen.nodes[0].pod, seen.nodes[0].state), ("p099", NodeState::CookieMismatch));
}

#[rstest]
#[case::by_the_release("cluster: {observation: {mode: Disabled}}", "spec.cluster.observation.mode is Disabled")]
#[case::by_the_operator("", "--observation=false")]
fn nobody_looks(#[case] spec: &str, #[case] why: &str) {
    let shop = running(spec, complete(1, "shop-1"));
    let seen = report(&shop, &ElixirReleaseStatus::default(), at(0));
    let clustered = seen.clustered.unwrap();
    assert_eq!((clustered.status, clustered.reason.to_string().as_str()), ("Unknown", "ObservationDisabled"));
    assert!(clustered.message.contains(why), "{}", clustered.message);
    assert_eq!((seen.clustered_replicas, seen.cluster.unwrap().size), (None, None));
}

#[test]
fn lone_nodes_have_no_mesh() {
    let shop = running("cluster: {distribution: Disabled}", complete(1, "shop-1"));
    assert_eq!(report(&shop, &ElixirReleaseStatus::default(), at(0)), MeshStatus::default());
}

/// The status of a release once the mesh was told, and the release with it.
fn stored(mesh: Vec<Sighting>, seconds: i64) -> (Observed, ElixirReleaseStatus) {
    let mut shop = observed(mesh);
    let told = status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(seconds));
    std::sync::Arc::make_mut(&mut shop.release).status = Some(told.clone());
    (shop, told)
}

fn clustered(status: &ElixirReleaseStatus) -> &str {
    &status.conditions.iter().find(|condition| condition.type_ == "Clustered").unwrap().status
}

#[test]
fn a_mesh_that_flaps_is_told_now_and_then() {
    let (mut shop, first) = stored(whole(), 0);
    shop.mesh = Some(vec![seen("a", &["b"]), seen("b", &["a"]), met(seen("c", &[]))]);
    let look = |seconds| status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(seconds));
    assert_eq!(look(9), first);
    assert_eq!(shop.relief(at(9)), Some(at(10)));
    assert_eq!(clustered(&look(10)), "False");
}

#[test]
fn a_new_operator_tells_nothing_before_it_has_looked() {
    let (mut shop, first) = stored(whole(), 0);
    shop.mesh = Some(vec![unseen("a"), unseen("b"), unseen("c")]);
    let later = status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(100));
    assert_eq!(later, first);
}

#[test]
fn a_new_operator_knows_that_a_lonely_node_had_met_others() {
    let (mut shop, _) = stored(whole(), 0);
    let forgotten = |sighting: Sighting| Sighting { has_met: false, ..sighting };
    shop.mesh = Some(["a", "b", "c"].map(|pod| forgotten(seen(pod, &[]))).to_vec());
    let later = status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(100));
    let condition = later.conditions.iter().find(|condition| condition.type_ == "Clustered").unwrap();
    assert_eq!(condition.reason, "Partitioned");
}

#[test]
fn a_start_time_that_is_worked_out_anew_is_the_same() {
    let (mut shop, first) = stored(vec![seen("a", &[])], 0);
    let later = |seconds| viewed(seen("a", &[]), |view| view.started_at = at(seconds));
    shop.mesh = Some(vec![later(1)]);
    assert_eq!(status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(100)), first);
    shop.mesh = Some(vec![later(60)]);
    assert_ne!(status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(100)), first);
}

/// Any node of a small cluster, in any state.
fn any_sighting(pod: &'static str) -> impl Strategy<Value = Sighting> {
    let kinds = [
        FailureKind::NoAccess,
        FailureKind::WrongCookie,
        FailureKind::NotDistributed,
        FailureKind::Tls,
        FailureKind::Unreachable,
    ];
    let peers = proptest::sample::subsequence(vec!["a", "b", "c", "d", "x"], 0..=5);
    let look = prop_oneof![
        peers.prop_map(move |peers| seen(pod, &peers)),
        proptest::sample::select(kinds.to_vec()).prop_map(move |kind| failed(pod, kind)),
        Just(unseen(pod)),
    ];
    (look, any::<bool>(), any::<bool>()).prop_map(|(sighting, is_ready, has_met)| {
        let sighting = if is_ready { sighting } else { starting(sighting) };
        if has_met { met(sighting) } else { sighting }
    })
}

proptest! {
    /// Whatever is seen: it is told once and then rests, nobody is counted twice, and a mesh is whole only if it is.
    #[test]
    fn any_mesh(mesh in (any_sighting("a"), any_sighting("b"), any_sighting("c"), any_sighting("d"))) {
        let mesh = vec![mesh.0, mesh.1, mesh.2, mesh.3];
        let (shop, first) = stored(mesh.clone(), 0);
        let again = status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(1000));
        prop_assert_eq!(&again, &first);
        let size = first.cluster.as_ref().and_then(|cluster| cluster.size).unwrap_or_default();
        prop_assert!(size <= 4);
        let everyone_sees = |sighting: &Sighting| {
            let ready = mesh.iter().filter(|other| other.node.is_ready && other.node.pod != sighting.node.pod);
            ready.into_iter().all(|other| {
                let sees = |one: &Sighting, other: &Sighting| one.view().is_some_and(|view| view.sees(other.name().unwrap()));
                sees(sighting, other) || sees(other, sighting)
            })
        };
        if clustered(&first) == "True" {
            prop_assert!(mesh.iter().filter(|sighting| sighting.node.is_ready).all(everyone_sees));
        }
    }
}

#[rstest]
#[case::alone(seen("c", &[]), "NodesMissing")]
#[case::not_distributed_yet(failed("c", FailureKind::NotDistributed), "NotDistributed")]
#[case::does_not_answer_yet(failed("c", FailureKind::Unreachable), "NodesMissing")]
fn a_node_that_was_started_only_now_is_on_its_way(#[case] newcomer: Sighting, #[case] later: &str) {
    let newcomer = started(newcomer, at(0).as_second());
    let shop = observed(vec![seen("a", &["b"]), seen("b", &["a"]), newcomer]);
    let reason =
        |seconds| report(&shop, &ElixirReleaseStatus::default(), at(seconds)).clustered.unwrap().reason.to_string();
    assert_eq!(reason(29), "NodesJoining");
    assert_eq!(shop.relief(at(29)), Some(at(30)));
    assert_eq!(reason(30), later);
}
