//! Which pods a scale-down takes: of a StatefulSet those of the highest ordinals, and of a Deployment those that can best be
//! spared.

use std::cmp::Reverse;

use super::has_left;
use crate::api::ElixirRelease;
use crate::controller::kind::ChildKind;
use crate::controller::pod::PodView;
use crate::controller::view::WorkloadView;
use crate::resources::names;

/// A place for a pod that a scale-down takes away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// It is taken.
    Pod(&'a PodView),
    /// A pod of this name is not there now.
    Empty(String),
}

/// What a scale-down takes.
pub(super) struct Order<'a> {
    /// The places that are to go, in that order.
    going: Vec<Place<'a>>,
    /// How many of them may go, since their nodes have left.
    gone: usize,
    /// Whether Kubernetes takes those of it by their ordinals.
    is_by_ordinal: bool,
    /// How many places there are.
    places: i32,
}

impl<'a> Order<'a> {
    /// What goes of the pods of a release that is scaled down.
    pub(super) fn of(release: &ElixirRelease, workload: &WorkloadView, pods: &[&'a PodView]) -> Self {
        let wanted = release.spec.replicas;
        let is_by_ordinal = ChildKind::of_workload(release) == ChildKind::StatefulSet;
        let present = i32::try_from(pods.len()).unwrap_or(i32::MAX);
        let places = if is_by_ordinal { workload.wanted } else { workload.wanted.min(present) };
        let going: Vec<_> = if is_by_ordinal {
            (wanted..places).rev().map(|ordinal| by_ordinal(release, pods, ordinal)).collect()
        } else {
            let mut pods = pods.to_vec();
            pods.sort_by_key(|pod| (rank(pod), Reverse(pod.moved), pod.name.clone()));
            let count = usize::try_from(places - wanted).unwrap_or_default();
            pods.into_iter().take(count).map(Place::Pod).collect()
        };
        let may_go = |place: &&Place<'_>| match place {
            Place::Pod(pod) if is_by_ordinal => has_left(pod),
            // Without the mark Kubernetes might take another one.
            Place::Pod(pod) => has_left(pod) && pod.is_leaving || has_nothing_to_leave(pod),
            Place::Empty(_) => false,
        };
        let gone = going.iter().take_while(may_go).count();
        Self { going, gone, is_by_ordinal, places }
    }

    /// Whether this pod goes.
    pub(super) fn takes(&self, pod: &PodView) -> bool {
        self.going.iter().any(|place| matches!(place, Place::Pod(going) if going.uid == pod.uid))
    }

    /// How many pods are left once all have gone that may.
    pub(super) fn rest(&self) -> i32 {
        self.places.saturating_sub(i32::try_from(self.gone).unwrap_or(i32::MAX))
    }

    /// The place that comes next.
    pub(super) fn next(&self) -> Option<&Place<'a>> {
        self.going.get(self.gone)
    }

    /// A pod that Kubernetes might take in place of one whose node has left: one that is not ready goes first, whatever it
    /// costs, and one that is marked as well costs the same.
    ///
    /// Source: <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset>.
    pub(super) fn instead<'b>(&self, pods: &[&'b PodView]) -> Option<&'b PodView> {
        let may_go = |pod: &PodView| {
            self.going[..self.gone].iter().any(|place| matches!(place, Place::Pod(gone) if gone.uid == pod.uid))
        };
        let might_go_before = |other: &PodView, gone: &PodView| {
            !other.is_ready && gone.is_ready || other.is_ready == gone.is_ready && other.is_leaving
        };
        let (gone, others): (Vec<_>, Vec<_>) = pods.iter().copied().partition(|pod| may_go(pod));
        let others = others.into_iter().filter(|other| !has_left(other));
        let mut others = others.filter(|other| gone.iter().any(|gone| might_go_before(other, gone)));
        others.next().filter(|_| !self.is_by_ordinal)
    }
}

fn by_ordinal<'a>(release: &ElixirRelease, pods: &[&'a PodView], ordinal: i32) -> Place<'a> {
    let name = names::pod(release, ordinal.try_into().unwrap_or_default());
    pods.iter().find(|pod| *pod.name == *name).map_or(Place::Empty(name), |pod| Place::Pod(pod))
}

/// Who has left or was asked to stays the one that goes; then come those that Kubernetes itself takes first.
fn rank(pod: &PodView) -> u8 {
    match pod {
        _ if has_left(pod) => 0,
        _ if has_nothing_to_leave(pod) => 1,
        _ if pod.is_leaving => 2,
        _ if !pod.is_ready => 3,
        _ => 4,
    }
}

/// Whether there never was a node in it.
fn has_nothing_to_leave(pod: &PodView) -> bool {
    !pod.has_run && !pod.is_leaving
}
