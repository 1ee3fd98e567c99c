//! Whether the nodes of a revision have met their cluster, as part of what makes a revision good. What else does, while all of
//! them are available, is asked here as well: whether they hold what they run (`strain`).
//!
//! A version that starts and answers its probes but is in no cluster is no good where the one before was in one. That the
//! nodes of a revision were all seen in their cluster is noted on its record, once. A later one is measured by that: it is
//! complete when each of its nodes has met the others, and has failed when they have not for as long as a rollout may take.
//!
//! What is not known counts against nobody: only the first look at a node is waited for, and one that cannot be asked is
//! taken for one that has met the others.

use jiff::{SignedDuration, Timestamp};

use super::Cause;
use super::strain::{self, Strain};
use crate::api::{Discovery, NodeState};
use crate::controller::conditions::Told;
use crate::controller::mesh::{self, Member, Picture};
use crate::controller::observe::Observed;
use crate::controller::pod::PodView;
use crate::controller::status::{runs_completely, runs_everywhere};
use crate::controller::view::{Child, WorkloadView};
use crate::observer::Seen;
use crate::resources::labels;

/// How long until a node that bears too much is judged anew.
const NEXT_LOOK: SignedDuration = SignedDuration::from_secs(15);

/// What keeps a revision from being complete all of whose nodes are available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unmet {
    /// What it lacks: NotClustered or Strained.
    pub cause: Cause,
    /// Which node shows it, and how; `None` as long as nobody knows whether one does.
    pub evidence: Option<String>,
    /// When it counts as failed unless that ends before; `None` as long as nobody knows, or somebody holds the rollout.
    deadline: Option<Timestamp>,
}

impl Unmet {
    /// Whether it counts as failed.
    pub(crate) fn is_late(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// What a revision lacks that runs everywhere, or beside others that are to go once it is good; `None` if its nodes have met,
/// or need not, and hold what they run.
pub(crate) fn unmet(observed: &Observed, revision: &str, now: Timestamp) -> Option<Unmet> {
    let good = observed.release.status.as_ref().and_then(|status| status.current_revision.as_deref());
    let is_up = || runs_everywhere(observed, revision) || runs_beside(observed, revision);
    if good.is_none_or(|good| good == revision) || !is_up() {
        return None;
    }
    apart(observed, revision, now).or_else(|| strained(observed, revision))
}

/// That nodes bear too much.
fn strained(observed: &Observed, revision: &str) -> Option<Unmet> {
    let evidence = match strain::of(observed, revision)? {
        Strain::Known(evidence) => Some(evidence),
        Strain::Awaited => None,
    };
    let deadline = evidence.as_ref().and_then(|_| deadline(observed, revision));
    Some(Unmet { cause: Cause::Strained, evidence, deadline })
}

/// That nodes have not met.
fn apart(observed: &Observed, revision: &str, now: Timestamp) -> Option<Unmet> {
    if !is_measured(observed, revision) {
        return None;
    }
    let pictures = pictures(observed, now)?;
    let nodes = nodes(observed, &pictures, revision);
    // The worst state comes first.
    let apart = nodes.iter().flatten().filter(|node| is_apart(node)).min_by_key(|node| node.state);
    let is_awaited = !are_all(observed, revision, &nodes) || nodes.iter().flatten().any(|node| is_awaited(node));
    let evidence = apart.map(|node| evidence(node, &pictures));
    let deadline = evidence.as_ref().and_then(|_| deadline(observed, revision));
    (apart.is_some() || is_awaited).then_some(Unmet { cause: Cause::NotClustered, evidence, deadline })
}

/// When the revision that runs everywhere is to be judged anew: when it counts as failed for what it lacks, and before that
/// where no other news would tell that it has it.
pub(crate) fn turn(observed: &Observed, now: Timestamp) -> Option<Timestamp> {
    let unmet = unmet(observed, observed.running_revision()?, now)?;
    let next = (unmet.cause == Cause::Strained).then(|| now.checked_add(NEXT_LOOK).unwrap_or(Timestamp::MAX));
    [unmet.deadline, next].into_iter().flatten().min()
}

/// The revision that is to be noted as one whose nodes have met their cluster.
pub(crate) fn to_note(observed: &Observed, now: Timestamp) -> Option<&str> {
    let revision = observed.running_revision()?;
    let is_open = observed.history().iter().any(|(name, view)| *name == revision && !view.has_clustered);
    if !is_open || !has_others(observed) || !runs_completely(observed, revision, now) {
        return None;
    }
    let pictures = pictures(observed, now)?;
    let nodes = nodes(observed, &pictures, revision);
    let has_met =
        |node: Option<&Member>| node.is_some_and(|node| node.state == NodeState::Clustered && node.connected > 0);
    (are_all(observed, revision, &nodes) && nodes.iter().copied().all(has_met)).then_some(revision)
}

/// Whether the nodes of a revision have to meet: those of the last good one did, and they can, and it can be seen.
fn is_measured(observed: &Observed, revision: &str) -> bool {
    let status = observed.release.status.as_ref();
    let Some(good) = status.and_then(|status| status.current_revision.as_deref()) else { return false };
    let has_clustered = || observed.history().iter().any(|(name, view)| *name == good && view.has_clustered);
    let has_discovery = observed.release.spec.cluster.discovery != Discovery::None;
    good != revision && has_discovery && has_others(observed) && has_clustered()
}

/// Whether there is anybody to be met, for those who are looked at. Lone nodes are members of nothing.
fn has_others(observed: &Observed) -> bool {
    let is_one_of_many = observed.release.spec.replicas > 1 || observed.members.len() > 1;
    observed.mesh.is_some() && !observed.members.is_empty() && is_one_of_many
}

fn pictures(observed: &Observed, now: Timestamp) -> Option<Vec<Picture<'_>>> {
    let before = observed.release.status.clone().unwrap_or_default();
    Some(Picture::all(observed.mesh.as_ref()?, &observed.key.name, &before, now))
}

/// The ready pods of a revision.
fn pods<'a>(observed: &'a Observed, revision: &'a str) -> impl Iterator<Item = &'a PodView> {
    let up = observed.pods.iter().filter(|pod| pod.is_ready && pod.is_to_stay());
    up.filter(move |pod| pod.revision.as_deref() == Some(revision))
}

/// What is known of the ready nodes of a revision.
fn nodes<'a, 'b>(observed: &Observed, pictures: &'b [Picture<'a>], revision: &str) -> Vec<Option<&'b Member<'a>>> {
    let members = || pictures.iter().flat_map(|picture| &picture.members);
    let node = |pod: &PodView| members().find(|member| *member.sighting.node.uid == *pod.uid);
    pods(observed, revision).map(node).collect()
}

/// Whether these are all that are wanted: pods are seen by another watch than what runs them, which may be behind.
fn are_all(observed: &Observed, revision: &str, nodes: &[Option<&Member>]) -> bool {
    let wanted = own(observed, revision).map_or(observed.release.spec.replicas, |view| view.wanted);
    i32::try_from(nodes.len()).is_ok_and(|count| count >= wanted)
}

/// Whether a revision with a Deployment of its own has all pods that that is to have, and they are available.
fn runs_beside(observed: &Observed, revision: &str) -> bool {
    own(observed, revision).is_some_and(|view| {
        view.observed && view.wanted > 0 && [view.replicas, view.updated, view.available] == [view.wanted; 3]
    })
}

/// The Deployment of a revision, where each has one of its own.
fn own<'a>(observed: &'a Observed, revision: &str) -> Option<&'a WorkloadView> {
    let is_split = observed.release.spec.rollout.strategy.is_split();
    observed.carrier(Some(revision)).filter(|_| is_split).and_then(Child::workload)
}

/// Whether a node is known not to have met the others. One that cannot be asked yet may be on its way.
fn is_apart(node: &Member) -> bool {
    match node.state {
        NodeState::Partitioned | NodeState::CookieMismatch | NodeState::NameMismatch | NodeState::NotDistributed => {
            true
        }
        NodeState::Joining => matches!(node.sighting.seen, Seen::View(_)),
        NodeState::Unreachable | NodeState::Clustered => false,
    }
}

/// Whether the first look at a node is still to come, or may be another once its virtual machine has started.
fn is_awaited(node: &Member) -> bool {
    node.state == NodeState::Joining && !is_apart(node)
}

/// What is told of the mesh that the node is to be in.
fn evidence(node: &Member, pictures: &[Picture]) -> String {
    let is_its = |picture: &&Picture| picture.revision() == node.sighting.node.apart.as_deref();
    let Told { message, .. } = mesh::clustered(pictures.iter().find(is_its).map_or(&[], std::slice::from_ref));
    format!("{} in pod {} is {:?}; {message}", node.name(), node.sighting.node.pod, node.state)
}

fn deadline(observed: &Observed, revision: &str) -> Option<Timestamp> {
    if labels::is_rollout_paused(&observed.release) {
        return None;
    }
    let youngest = pods(observed, revision).filter_map(|pod| pod.moved).max()?;
    let patience = SignedDuration::from_secs(observed.release.spec.rollout.progress_deadline_seconds.into());
    Some(youngest.saturating_add(patience).unwrap_or(Timestamp::MAX))
}
