//! The last thing that is done about a partition: a node of the smaller side is restarted, by evicting its pod.
//!
//! One at a time: the next only when all pods of the cluster are ready again. Never one of the larger side, and none where
//! the sides are equal or the operator does not see a node itself: it could be the cut-off one. The API server refuses what
//! a PodDisruptionBudget does not allow.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::mend::partitioned_since;
use super::picture::Picture;
use crate::api::{ElixirRelease, ElixirReleaseStatus, Healing};
use crate::controller::cache::Key;
use crate::controller::observe::Observed;
use crate::observer::Sighting;
use crate::resources::names;

/// How long nodes are asked to connect before one is restarted.
const IN_VAIN: SignedDuration = SignedDuration::from_mins(2);

/// How many nodes of a release are restarted within [`WINDOW`].
const LIMIT: usize = 3;
const WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// Pause between two tries, also where a PodDisruptionBudget is in the way.
const BETWEEN: SignedDuration = SignedDuration::from_secs(60);

/// When a node may be restarted, if the partition lasts; `None` if none is or the release does not want it.
pub(super) fn due(release: &ElixirRelease, before: &ElixirReleaseStatus) -> Option<Timestamp> {
    let is_wanted = release.spec.cluster.healing == Healing::Restart;
    partitioned_since(before).filter(|_| is_wanted)?.checked_add(IN_VAIN).ok()
}

/// The pod to evict now, by name and uid.
#[must_use]
pub fn to_restart(observed: &Observed, now: Timestamp) -> Option<(Arc<str>, Arc<str>)> {
    let release = &*observed.release;
    let sightings = observed.mesh.as_ref().filter(|_| names::is_distributed(release) && !release.spec.paused)?;
    let before = release.status.clone().unwrap_or_default();
    if due(release, &before).is_none_or(|due| now < due) {
        return None;
    }
    let is_settled = |pod: &Sighting| pod.node.is_ready && pod.view().is_some();
    if !sightings.iter().all(is_settled) {
        return None;
    }
    // All members of the cluster agree on which is the next, and the release that it belongs to acts.
    let next = Picture::all(sightings, &observed.key.name, &before, now).iter().find_map(cut_off)?;
    (*next.release == *observed.key.name).then(|| (next.node.pod.clone(), next.node.uid.clone()))
}

/// A node that is not among the larger side.
fn cut_off<'a>(picture: &Picture<'a>) -> Option<&'a Sighting> {
    let [main, others @ ..] = picture.groups.as_slice() else { return None };
    if others.first().is_none_or(|second| second.len() == main.len()) {
        return None;
    }
    let next = others.iter().flatten().min_by_key(|at| &picture.members[**at].sighting.node.pod)?;
    Some(picture.members[*next].sighting)
}

/// The restarts that this process has made or tried, for their limit.
#[derive(Debug, Default)]
pub struct Restarts(HashMap<Key, Vec<Timestamp>>);

impl Restarts {
    /// Whether there may be one more now, which then counts.
    pub fn take(&mut self, release: &Key, now: Timestamp) -> bool {
        self.0.retain(|_, times| {
            times.retain(|time| now.duration_since(*time) < WINDOW);
            !times.is_empty()
        });
        let is_allowed = self.next(release).is_none_or(|next| next <= now);
        if is_allowed {
            self.0.entry(release.clone()).or_default().push(now);
        }
        is_allowed
    }

    /// From when on there may be one more; `None` if none was made lately.
    #[must_use]
    pub fn next(&self, release: &Key) -> Option<Timestamp> {
        let times = self.0.get(release)?;
        let after = |time: &Timestamp, pause| time.checked_add(pause).ok();
        let by_pause = times.last().and_then(|last| after(last, BETWEEN));
        let by_limit = times.len().checked_sub(LIMIT).and_then(|at| after(&times[at], WINDOW));
        by_pause.max(by_limit)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixture::{apart, failed, met, seen, starting};
    use super::*;
    use crate::controller::apply::Outcome;
    use crate::controller::fixture::{complete, running, valid};
    use crate::controller::status::status;
    use crate::observer::FailureKind;

    const RESTART: &str = "cluster: {healing: Restart}";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// A release that was told at the beginning that it has fallen apart, and what is seen of it.
    fn split(spec: &str, mesh: Vec<Sighting>) -> Observed {
        let mut shop = Observed { mesh: Some(split_of_three()), ..running(spec, complete(3, "shop-1")) };
        let told = status(&shop, &valid("shop-1", Ok(&Outcome::default())), at(0));
        Arc::make_mut(&mut shop.release).status = Some(told);
        Observed { mesh: Some(mesh), ..shop }
    }

    fn split_of_three() -> Vec<Sighting> {
        vec![seen("a", &["b"]), seen("b", &["a"]), met(seen("c", &[]))]
    }

    fn restarted(shop: &Observed, seconds: i64) -> Option<String> {
        to_restart(shop, at(seconds)).map(|(pod, _)| pod.to_string())
    }

    #[test]
    fn the_smaller_side_is_restarted_when_asking_was_in_vain() {
        let shop = split(RESTART, split_of_three());
        assert_eq!(restarted(&shop, 119), None);
        assert_eq!(shop.relief(at(60)), Some(at(120)));
        assert_eq!(restarted(&shop, 120).as_deref(), Some("c"));
    }

    #[rstest]
    #[case::not_wanted("cluster: {healing: Reconnect}", split_of_three())]
    #[case::paused("{paused: true, cluster: {healing: Restart}}", split_of_three())]
    #[case::equal_sides(RESTART, vec![seen("a", &["b"]), seen("b", &["a"]), seen("c", &["d"]), seen("d", &["c"])])]
    #[case::all_alone(RESTART, vec![met(seen("a", &[])), met(seen("b", &[]))])]
    #[case::whole_again(RESTART, vec![seen("a", &["b"]), seen("b", &["a"])])]
    #[case::another_is_not_ready(RESTART, [split_of_three(), vec![starting(seen("d", &[]))]].concat())]
    #[case::one_cannot_be_asked(RESTART, [split_of_three(), vec![failed("d", FailureKind::Unreachable)]].concat())]
    fn nobody_is_restarted(#[case] spec: &str, #[case] mesh: Vec<Sighting>) {
        assert_eq!(restarted(&split(spec, mesh), 1000), None);
    }

    #[test]
    fn one_of_several_is_the_next_and_its_own_release_restarts_it() {
        let mesh = |release: &str| {
            let two = ["x", "y"].map(|pod| Sighting { release: release.into(), ..met(seen(pod, &[])) });
            [split_of_three()[..2].to_vec(), two.to_vec()].concat()
        };
        assert_eq!(restarted(&split(RESTART, mesh("shop")), 1000).as_deref(), Some("x"));
        assert_eq!(restarted(&split(RESTART, mesh("worker")), 1000), None);
    }

    #[test]
    fn sides_are_those_of_one_revision_where_revisions_are_apart() {
        let one = split_of_three().into_iter().map(|sighting| apart("shop-1", sighting));
        let other = apart("shop-2", seen("d", &[]));
        assert_eq!(restarted(&split(RESTART, one.chain([other]).collect()), 1000).as_deref(), Some("c"));
        let two =
            [apart("shop-1", seen("a", &["b"])), apart("shop-1", seen("b", &["a"])), apart("shop-2", seen("d", &[]))];
        assert_eq!(restarted(&split(RESTART, two.to_vec()), 1000), None);
    }

    #[test]
    fn restarts_have_a_limit() {
        let (mut restarts, shop) = (Restarts::default(), Key::new("store", "shop"));
        let taken: Vec<_> = (0..100).filter(|minute| restarts.take(&shop, at(minute * 60))).collect();
        assert_eq!(taken, [0, 1, 2, 60, 61, 62]);
        assert!(restarts.take(&Key::new("store", "blog"), at(100)));
        assert!(!restarts.take(&Key::new("store", "blog"), at(130)), "too soon");
    }

    #[test]
    fn when_the_next_may_be_is_known() {
        let (mut restarts, shop) = (Restarts::default(), Key::new("store", "shop"));
        assert_eq!(restarts.next(&shop), None);
        let next = [0, 100, 200].map(|second| {
            assert!(restarts.take(&shop, at(second)));
            restarts.next(&shop)
        });
        assert_eq!(next, [Some(at(60)), Some(at(160)), Some(at(3600))]);
    }
}
