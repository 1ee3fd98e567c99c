//! What the operator does about nodes that are not connected: it asks them to connect.
//!
//! With discovery Operator that is how they meet at all. Otherwise discovery is left to the application, and only nodes
//! that had met and lost each other are helped, after a while in which they might have met again by themselves.
//!
//! Both sides are asked. Which connection to ask for first matters where `prevent_overlapping_partitions` is on, the default
//! since OTP 25: a node that meets only some of a cluster is thrown out again by all of it. That is up to who asks (the
//! observer stops at the first that fails); here the order is the same at each look.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::picture::{Member, Picture};
use super::restart;
use crate::api::{Discovery, ElixirReleaseStatus, Healing};
use crate::beam::NodeName;
use crate::controller::conditions::{CLUSTERED, Reason};
use crate::controller::observe::Observed;
use crate::resources::names;

/// How long nodes that lost each other have time to meet again by themselves: discovery by DNS looks every five seconds.
const PATIENCE: SignedDuration = SignedDuration::from_secs(15);

/// Connections to ask for, by the uid of the pod whose node is to be asked.
pub type Wishes = BTreeMap<Arc<str>, Vec<NodeName>>;

/// What to ask the nodes of a release for, and when that will be more.
#[must_use]
pub fn wishes(observed: &Observed, now: Timestamp) -> (Wishes, Option<Timestamp>) {
    let release = &*observed.release;
    let cluster = &release.spec.cluster;
    let Some(sightings) = observed.mesh.as_ref().filter(|_| names::is_distributed(release) && !release.spec.paused)
    else {
        return (Wishes::new(), None);
    };
    let before = release.status.clone().unwrap_or_default();
    let pictures = Picture::all(sightings, &observed.key.name, &before, now);
    let is_own = |member: &&Member| *member.sighting.release == *observed.key.name && member.sighting.view().is_some();
    let lost = |one: &Member, other: &Member| one.has_met && other.has_met;
    let wanted = |is_wanted: &dyn Fn(&Member, &Member) -> bool| -> Wishes {
        let of = |picture: &Picture, one: &Member| -> Vec<_> {
            let others = picture.members.iter().filter(|other| other.sighting.node.uid != one.sighting.node.uid);
            let others = others.filter(|other| other.sighting.view().is_some() && is_wanted(one, other));
            let names = others.filter_map(|other| other.sighting.name());
            names.filter(|name| !one.sighting.view().is_some_and(|view| view.sees(name))).cloned().collect()
        };
        let own = pictures.iter().flat_map(|picture| {
            let own = picture.members.iter().filter(is_own);
            own.map(|one| (one.sighting.node.uid.clone(), of(picture, one)))
        });
        own.filter(|(_, names)| !names.is_empty()).collect()
    };
    if cluster.discovery == Discovery::Operator {
        return (wanted(&|_, _| true), None);
    }
    if cluster.healing == Healing::Disabled {
        return (Wishes::new(), None);
    }
    let wishes = wanted(&lost);
    if wishes.is_empty() {
        return (wishes, None);
    }
    let due = partitioned_since(&before).unwrap_or(now).checked_add(PATIENCE).unwrap_or(now);
    let restart = restart::due(release, &before).filter(|at| *at > now);
    if due <= now { (wishes, restart) } else { (Wishes::new(), Some(due)) }
}

/// Since when the status says that the cluster has fallen apart.
pub(super) fn partitioned_since(before: &ElixirReleaseStatus) -> Option<Timestamp> {
    let condition = before.condition(CLUSTERED)?;
    let Time(since) = condition.last_transition_time;
    (condition.reason == Reason::Partitioned.to_string()).then_some(since)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixture::{apart, failed, met, name, seen, starting};
    use super::*;
    use crate::controller::apply::Outcome;
    use crate::controller::fixture::{complete, running, valid};
    use crate::controller::status::status;
    use crate::observer::{FailureKind, Sighting};

    const OPERATOR: &str = "cluster: {discovery: Operator}";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn observed(spec: &str, mesh: Vec<Sighting>) -> Observed {
        Observed { mesh: Some(mesh), ..running(spec, complete(3, "shop-1")) }
    }

    fn told(mut observed: Observed, seconds: i64) -> Observed {
        let told = status(&observed, &valid("shop-1", Ok(&Outcome::default())), at(seconds));
        Arc::make_mut(&mut observed.release).status = Some(told);
        observed
    }

    fn split() -> Vec<Sighting> {
        vec![seen("a", &["b"]), seen("b", &["a"]), met(seen("c", &[]))]
    }

    fn links(wishes: &Wishes) -> Vec<(&str, Vec<&str>)> {
        wishes.iter().map(|(uid, names)| (&**uid, names.iter().map(NodeName::as_str).collect())).collect()
    }

    #[test]
    fn a_partition_is_healed_from_both_sides_when_it_has_lasted() {
        let shop = told(observed("", split()), 0);
        assert_eq!(wishes(&shop, at(14)), (Wishes::new(), Some(at(15))));
        let (due, later) = wishes(&shop, at(15));
        let expected =
            [("uid-of-a", vec!["shop@c"]), ("uid-of-b", vec!["shop@c"]), ("uid-of-c", vec!["shop@a", "shop@b"])];
        assert_eq!((links(&due).as_slice(), later), (expected.as_slice(), None));
    }

    #[test]
    fn a_partition_that_was_not_told_yet_begins_now() {
        assert_eq!(wishes(&observed("", split()), at(0)), (Wishes::new(), Some(at(15))));
    }

    #[rstest]
    #[case::not_wanted("cluster: {healing: Disabled}", split())]
    #[case::paused("{paused: true}", split())]
    #[case::lone_nodes("cluster: {distribution: Disabled}", split())]
    #[case::never_met_is_up_to_discovery("", vec![seen("a", &[]), seen("b", &[])])]
    #[case::whole("", vec![seen("a", &["b"]), seen("b", &["a"])])]
    #[case::does_not_answer("", vec![seen("a", &["b"]), seen("b", &["a"]), met(failed("c", FailureKind::Unreachable))])]
    #[case::whole_by_the_operator(OPERATOR, vec![seen("a", &["b"]), seen("b", &["a"])])]
    fn nobody_is_asked(#[case] spec: &str, #[case] mesh: Vec<Sighting>) {
        let shop = told(observed(spec, mesh), 0);
        assert_eq!(wishes(&shop, at(100)), (Wishes::new(), None));
    }

    #[test]
    fn only_nodes_of_one_revision_are_connected_where_revisions_are_apart() {
        let one = ["a", "b"].map(|pod| apart("shop-1", seen(pod, &[])));
        let other = ["c", "d"].map(|pod| apart("shop-2", seen(pod, &[])));
        let (due, _) = wishes(&observed(OPERATOR, [one, other].concat()), at(0));
        let expected = [
            ("uid-of-a", vec!["shop@b"]),
            ("uid-of-b", vec!["shop@a"]),
            ("uid-of-c", vec!["shop@d"]),
            ("uid-of-d", vec!["shop@c"]),
        ];
        assert_eq!(links(&due), expected);
    }

    #[test]
    fn with_discovery_operator_nodes_meet_at_once() {
        let shop = observed(OPERATOR, vec![seen("a", &[]), starting(seen("b", &[]))]);
        let (due, _) = wishes(&shop, at(0));
        assert_eq!(links(&due), [("uid-of-a", vec!["shop@b"]), ("uid-of-b", vec!["shop@a"])]);
    }

    #[test]
    fn a_release_asks_its_own_nodes_only() {
        let other = |sighting: Sighting| Sighting { release: "worker".into(), ..sighting };
        let shop = observed(OPERATOR, vec![seen("a", &[]), other(seen("b", &[]))]);
        assert_eq!(wishes(&shop, at(0)).0.into_iter().collect::<Vec<_>>(), [("uid-of-a".into(), vec![name("b")])]);
    }
}
