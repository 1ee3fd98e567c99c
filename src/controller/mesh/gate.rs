//! Which pods' readiness gates to open: those of nodes that have met their cluster.
//!
//! A gate is opened once and never shut: that a node has met its cluster does not become untrue, and a pod must not leave
//! its Service because the operator, or the network between, fails.

use std::sync::Arc;

use jiff::Timestamp;

use super::picture::{Member, Picture};
use crate::api::ReadinessGate;
use crate::controller::observe::Observed;
use crate::observer::{Sighting, View};
use crate::resources::names;

/// The pods whose gates to open, by name and uid.
#[must_use]
pub fn to_open(observed: &Observed) -> Vec<(Arc<str>, Arc<str>)> {
    let release = &*observed.release;
    let is_wanted = names::is_distributed(release) && release.spec.cluster.readiness_gate == ReadinessGate::Enabled;
    let Some(sightings) = observed.mesh.as_ref().filter(|_| is_wanted) else { return Vec::new() };
    // For how long a node has run is of no interest here.
    let before = release.status.clone().unwrap_or_default();
    let pictures = Picture::all(sightings, &observed.key.name, &before, Timestamp::MAX);
    let shut = |sighting: &&Sighting| {
        let pod = observed.pods.iter().find(|pod| *pod.uid == *sighting.node.uid);
        *sighting.release == *observed.key.name && pod.is_some_and(|pod| !pod.has_met)
    };
    let nodes = pictures.iter().flat_map(met).map(|member| member.sighting).filter(shut);
    nodes.map(|sighting| (sighting.node.pod.clone(), sighting.node.uid.clone())).collect()
}

/// The nodes that have met their cluster: that are linked to every ready node of its largest group with such. Where no node
/// is ready, nobody is there to be met, and the first to have been started has.
fn met<'a, 'b>(picture: &'b Picture<'a>) -> Vec<&'b Member<'a>> {
    let running = || picture.members.iter().filter(|member| member.sighting.view().is_some());
    let is_ready = |member: &&Member| member.sighting.node.is_ready;
    let members =
        |group: &Vec<usize>| group.iter().map(|at| &picture.members[*at]).filter(is_ready).collect::<Vec<_>>();
    let ready = picture.groups.iter().map(members).find(|ready| !ready.is_empty()).unwrap_or_default();
    if ready.is_empty() && picture.members.iter().any(|member| is_ready(&member)) {
        // They cannot be asked, and nobody who can sees them.
        return Vec::new();
    }
    if ready.is_empty() {
        let age = |member: &&Member| {
            let started = member.sighting.view().map(|view: &View| view.started_at);
            (started, member.name().to_owned())
        };
        return running().min_by_key(age).into_iter().collect();
    }
    let is_linked = |one: &Member, other: &Member| {
        let sees = |one: &Member, other: &Member| {
            one.sighting.view().zip(other.sighting.name()).is_some_and(|(view, name)| view.sees(name))
        };
        one.sighting.node.uid == other.sighting.node.uid || sees(one, other) || sees(other, one)
    };
    running().filter(|member| ready.iter().all(|other| is_linked(member, other))).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixture::{apart, failed, seen, starting, viewed};
    use super::*;
    use crate::controller::fixture::{complete, pod, running};
    use crate::controller::pod::PodView;
    use crate::observer::FailureKind;

    const GATED: &str = "cluster: {readinessGate: Enabled}";

    #[test]
    fn the_first_of_a_revision_that_is_apart_waits_for_no_other() {
        let mesh = vec![apart("shop-1", seen("a", &[])), apart("shop-2", starting(seen("b", &[])))];
        assert_eq!(opened(GATED, mesh), ["b"]);
        let mesh = vec![apart("shop-2", seen("a", &[])), apart("shop-2", starting(seen("b", &[])))];
        assert_eq!(opened(GATED, mesh), Vec::<String>::new());
    }

    fn opened(spec: &str, mesh: Vec<Sighting>) -> Vec<String> {
        let pods = mesh.iter().map(|sighting| PodView { has_met: sighting.node.is_ready, ..pod(&sighting.node.pod) });
        let shop = Observed { pods: pods.collect(), mesh: Some(mesh), ..running(spec, complete(3, "shop-1")) };
        to_open(&shop).into_iter().map(|(pod, _)| pod.to_string()).collect()
    }

    fn started(sighting: Sighting, second: i64) -> Sighting {
        viewed(sighting, |view| view.started_at = Timestamp::from_second(second).unwrap())
    }

    #[rstest]
    #[case::the_first_of_all(vec![started(starting(seen("a", &[])), 9), started(starting(seen("b", &[])), 5)], &["b"])]
    #[case::met(vec![seen("a", &["b"]), starting(seen("b", &["a"]))], &["b"])]
    #[case::not_yet(vec![seen("a", &[]), starting(seen("b", &[]))], &[])]
    #[case::met_only_some(vec![seen("a", &["b"]), seen("b", &["a"]), starting(seen("c", &["a"]))], &[])]
    #[case::met_the_smaller_side(
        vec![seen("a", &["b"]), seen("b", &["a"]), seen("c", &["d"]), starting(seen("d", &["c"]))], &[])]
    #[case::met_another_newcomer(vec![seen("a", &[]), starting(seen("b", &["c"])), starting(seen("c", &["b"]))], &[])]
    #[case::met_more_newcomers(
        vec![seen("a", &[]), starting(seen("b", &["c", "d"])), starting(seen("c", &["b", "d"])), starting(seen("d", &["b", "c"]))], &[])]
    #[case::nobody_knows_the_ready_node(vec![failed("a", FailureKind::Unreachable), starting(seen("b", &[]))], &[])]
    #[case::cannot_be_asked(vec![seen("a", &[]), starting(failed("b", FailureKind::Unreachable))], &[])]
    #[case::ready_nodes_cannot_be_asked(vec![failed("a", FailureKind::Unreachable), starting(seen("b", &["a"]))], &["b"])]
    fn gates(#[case] mesh: Vec<Sighting>, #[case] expected: &[&str]) {
        assert_eq!(opened(GATED, mesh), expected);
    }

    #[rstest]
    #[case::by_default("")]
    #[case::lone_nodes("cluster: {readinessGate: Enabled, distribution: Disabled}")]
    fn without_a_gate_none_is_opened(#[case] spec: &str) {
        assert_eq!(opened(spec, vec![starting(seen("a", &[]))]), Vec::<String>::new());
    }

    #[test]
    fn a_gate_is_opened_once() {
        let mesh = vec![starting(seen("a", &[]))];
        let open = PodView { has_met: true, ..pod("a") };
        let shop = Observed { pods: vec![open], mesh: Some(mesh), ..running(GATED, complete(1, "shop-1")) };
        assert_eq!(to_open(&shop), []);
    }
}
