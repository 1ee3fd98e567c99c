//! The mesh in the status.
//!
//! What moves by itself is not in it. Apart from that, a picture that changed only now is left for a moment before the next
//! change is told: a mesh that flaps is written a few times a minute and not at each look.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::picture::{Member, Picture};
use super::verdict::clustered;
use crate::api::{ClusterStatus, ElixirReleaseStatus, NodeState, NodeStatus, ObservationMode};
use crate::controller::conditions::{CLUSTERED, Reason, Told, told};
use crate::controller::observe::Observed;
use crate::observer::{self, Sighting};
use crate::resources::names;
use crate::time::whole_seconds;

/// How long a picture stays before the next one takes its place.
const HOLD: SignedDuration = SignedDuration::from_secs(10);

/// How many nodes a status tells of.
const NODES: usize = 64;

/// A start time that moved by less is the same: it is worked out anew with each connection.
const SAME_START: i64 = 5;

/// What a status tells of the mesh.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeshStatus {
    /// `status.cluster`.
    pub cluster: Option<ClusterStatus>,
    /// `status.clusteredReplicas`.
    pub clustered_replicas: Option<i32>,
    /// `status.nodes`.
    pub nodes: Vec<NodeStatus>,
    /// `status.nodesOmitted`.
    pub nodes_omitted: Option<i32>,
    /// The condition; `None` for lone nodes.
    pub clustered: Option<Told>,
}

/// What to tell of the mesh.
#[must_use]
pub fn report(observed: &Observed, before: &ElixirReleaseStatus, now: Timestamp) -> MeshStatus {
    let release = &*observed.release;
    if !names::is_distributed(release) {
        return MeshStatus::default();
    }
    let name = names::cluster(release);
    let Some(sightings) = &observed.mesh else {
        let whose = match release.spec.cluster.observation.mode {
            ObservationMode::Disabled => "spec.cluster.observation.mode is Disabled",
            ObservationMode::Enabled => "the operator was started with --observation=false",
        };
        let message = format!("{whose}: nobody looks at the nodes");
        return unseen(name, told("Unknown", Reason::ObservationDisabled, message));
    };
    let told_before = before_as_seen(before, &name);
    let is_new_to_us = |sighting: &Sighting| sighting.node.is_ready && sighting.seen == observer::Seen::NotYet;
    let is_definite = told_before.clustered.as_ref().is_some_and(|told| told.status != "Unknown");
    if is_definite && is_held(before, &name, now) || told_before.is_about_a_mesh() && sightings.iter().any(is_new_to_us)
    {
        return told_before;
    }
    if sightings.iter().any(is_new_to_us) {
        let clustered = told("Unknown", Reason::NotObserved, "the nodes were not looked at yet".to_owned());
        return unseen(name, clustered);
    }
    let pictures = Picture::all(sightings, &observed.key.name, before, now);
    let members = || pictures.iter().flat_map(|picture| &picture.members);
    let own = || members().filter(|member| *member.sighting.release == *observed.key.name);
    let mut nodes: Vec<_> = own().map(|member| node(member, observed, before)).collect();
    nodes.sort_by(|a, b| (a.state, &a.pod).cmp(&(b.state, &b.pod)));
    let omitted = nodes.len().saturating_sub(NODES);
    nodes.truncate(NODES);
    let size = pictures.iter().flat_map(|picture| &picture.groups).map(Vec::len).sum();
    // Revisions that are apart are no parts: the one that fell into most says how many there are.
    let partitions = pictures.iter().map(|picture| picture.groups.len()).max().unwrap_or_default();
    let is_known = size > 0;
    let seen = MeshStatus {
        cluster: Some(ClusterStatus {
            name,
            size: is_known.then(|| number(size)),
            partitions: is_known.then(|| number(partitions)),
            changed_at: before.cluster.as_ref().and_then(|cluster| cluster.changed_at.clone()),
        }),
        clustered_replicas: Some(number(own().filter(|member| member.state == NodeState::Clustered).count())),
        nodes,
        nodes_omitted: (omitted > 0).then(|| number(omitted)),
        clustered: Some(clustered(&pictures)),
    };
    if seen == told_before { seen } else { changed(seen, now) }
}

/// When a picture may change that is held now.
#[must_use]
pub fn settles_at(status: &ElixirReleaseStatus) -> Option<Timestamp> {
    let Time(changed) = status.cluster.as_ref()?.changed_at.clone()?;
    changed.checked_add(HOLD).ok()
}

fn is_held(before: &ElixirReleaseStatus, name: &str, now: Timestamp) -> bool {
    let is_same_cluster = before.cluster.as_ref().is_some_and(|cluster| cluster.name == name);
    is_same_cluster && settles_at(before).is_some_and(|at| now < at && at.duration_since(now) <= HOLD)
}

fn changed(mut seen: MeshStatus, now: Timestamp) -> MeshStatus {
    if let Some(cluster) = &mut seen.cluster {
        cluster.changed_at = Some(Time(whole_seconds(now)));
    }
    seen
}

impl MeshStatus {
    fn is_about_a_mesh(&self) -> bool {
        let nobody_looked = [Reason::ObservationDisabled, Reason::NotObserved];
        self.clustered.as_ref().is_some_and(|told| !nobody_looked.contains(&told.reason))
    }
}

fn unseen(name: String, clustered: Told) -> MeshStatus {
    let cluster = ClusterStatus { name, size: None, partitions: None, changed_at: None };
    MeshStatus { cluster: Some(cluster), clustered: Some(clustered), ..MeshStatus::default() }
}

fn before_as_seen(before: &ElixirReleaseStatus, name: &str) -> MeshStatus {
    let condition = before.condition(CLUSTERED);
    MeshStatus {
        cluster: before.cluster.clone().filter(|cluster| cluster.name == name),
        clustered_replicas: before.clustered_replicas,
        nodes: before.nodes.clone(),
        nodes_omitted: before.nodes_omitted,
        clustered: condition.and_then(as_told),
    }
}

fn as_told(condition: &Condition) -> Option<Told> {
    let status = ["True", "False", "Unknown"].into_iter().find(|status| *status == condition.status)?;
    let reason = Reason::OF_CLUSTERED.into_iter().find(|reason| reason.to_string() == condition.reason)?;
    Some(told(status, reason, condition.message.clone()))
}

fn node(member: &Member, observed: &Observed, before: &ElixirReleaseStatus) -> NodeStatus {
    let sighting = member.sighting;
    let pod = sighting.node.pod.to_string();
    let told = before.nodes.iter().find(|node| node.pod == pod);
    let view = sighting.view();
    let started = view.map(|view| view.started_at).map(|started| {
        let known = told.and_then(|node| node.started_at.clone());
        known
            .filter(|Time(known)| (known.as_second() - started.as_second()).abs() < SAME_START)
            .unwrap_or(Time(started))
    });
    let revision = observed.pods.iter().find(|view| *view.name == *pod).and_then(|view| view.revision.clone());
    NodeStatus {
        node: view.map(|view| view.name.to_string()),
        expected_node: sighting.node.expected.as_ref().map(ToString::to_string),
        revision: revision.map(Into::into),
        connected: number(member.connected),
        expected: number(member.expected),
        otp_release: view.map(|view| view.otp_release.to_string()),
        started_at: started,
        state: member.state,
        pod,
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
