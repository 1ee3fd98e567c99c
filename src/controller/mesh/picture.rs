//! Who is linked to whom, into which groups the nodes fall, and the state of each.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::api::{ElixirReleaseStatus, NodeState};
use crate::beam::NodeName;
use crate::observer::{FailureKind, Seen, Sighting};

/// All nodes that are to meet: those of a cluster or, where revisions are apart, those of one revision.
#[derive(Debug)]
pub struct Picture<'a> {
    /// The nodes, by release and pod.
    pub members: Vec<Member<'a>>,
    /// The settled nodes that were seen, as positions among the members: the largest group first, then by name.
    pub groups: Vec<Vec<usize>>,
}

/// A node among the others.
#[derive(Debug)]
pub struct Member<'a> {
    /// What was seen of it.
    pub sighting: &'a Sighting,
    /// What it is up to.
    pub state: NodeState,
    /// How many settled nodes there are beside it.
    pub expected: usize,
    /// To how many of them it is linked.
    pub connected: usize,
    /// Whether it has ever met another.
    pub has_met: bool,
    /// Whether it was started only now, so that it may still be on its way.
    pub is_young: bool,
}

/// How long after its start a node may be on its way.
const YOUTH: SignedDuration = SignedDuration::from_secs(30);

/// When a node is on its way no longer.
#[must_use]
pub fn grown_up_at(sighting: &Sighting) -> Option<Timestamp> {
    sighting.node.started?.checked_add(YOUTH).ok()
}

impl<'a> Picture<'a> {
    /// A picture for each mesh that these nodes are to form. What was told before of the nodes of `release` is where it is
    /// remembered that they have met, should this process be new.
    #[must_use]
    pub fn all(
        sightings: &'a [Sighting],
        release: &str,
        before: &ElixirReleaseStatus,
        now: Timestamp,
    ) -> Vec<Picture<'a>> {
        let mut meshes: BTreeMap<_, Vec<&Sighting>> = BTreeMap::new();
        for sighting in sightings {
            meshes.entry(sighting.node.apart.as_ref()).or_default().push(sighting);
        }
        meshes.into_values().map(|mesh| Self::of(&mesh, release, before, now)).collect()
    }

    fn of(sightings: &[&'a Sighting], release: &str, before: &ElixirReleaseStatus, now: Timestamp) -> Self {
        let links = Links::of(sightings);
        let told = |sighting: &Sighting| {
            let own = before.nodes.iter().find(|node| *node.pod == *sighting.node.pod);
            own.filter(|_| &*sighting.release == release).map(|node| (node.state, node.expected))
        };
        let has_met = |sighting: &Sighting| {
            let was_in = matches!(told(sighting), Some((NodeState::Partitioned, _) | (NodeState::Clustered, 1..)));
            sighting.has_met || was_in
        };
        let met: Vec<_> = sightings.iter().map(|sighting| has_met(sighting)).collect();
        let settled: Vec<_> =
            (0..sightings.len()).map(|at| sightings[at].node.is_ready || met[at] || links.any(at)).collect();
        let present = |at: usize| settled[at] && (sightings[at].view().is_some() || links.any(at));
        let groups = groups(sightings, &links, present);
        let members = (0..sightings.len()).map(|at| {
            let others = (0..sightings.len()).filter(|other| *other != at && settled[*other]);
            let (mut expected, mut connected) = (0, 0);
            for other in others {
                expected += 1;
                connected += usize::from(links.between(at, other));
            }
            let sighting = sightings[at];
            let is_young = grown_up_at(sighting).is_some_and(|at| now < at);
            let is_whole = connected == expected || is_in_main_group(&groups, at, connected);
            let state = match &sighting.seen {
                Seen::Failed(failure) => failed(failure.kind, sighting, is_young),
                Seen::View(view) if is_misnamed(sighting, &view.name) => NodeState::NameMismatch,
                Seen::View(_) if is_whole => NodeState::Clustered,
                Seen::View(_) if met[at] => NodeState::Partitioned,
                Seen::NotYet | Seen::View(_) => NodeState::Joining,
            };
            Member { sighting, state, expected, connected, has_met: met[at], is_young }
        });
        Self { members: members.collect(), groups }
    }

    /// The revision whose nodes they are, if they are to meet no others.
    #[must_use]
    pub fn revision(&self) -> Option<&'a str> {
        self.members.first()?.sighting.node.apart.as_deref()
    }

    /// The node at a position.
    #[must_use]
    pub fn name(&self, at: usize) -> &str {
        self.members[at].name()
    }
}

impl Member<'_> {
    /// What it calls itself or should call itself; else the name of its pod.
    #[must_use]
    pub fn name(&self) -> &str {
        self.sighting.name().map_or(&*self.sighting.node.pod, NodeName::as_str)
    }
}

/// A node of the one largest group that sees all others in it is where it should be; who is missing is elsewhere.
fn is_in_main_group(groups: &[Vec<usize>], at: usize, connected: usize) -> bool {
    match groups {
        [main, others @ ..] => {
            let is_largest = others.first().is_none_or(|second| second.len() < main.len());
            is_largest && main.len() > 1 && main.contains(&at) && connected + 1 >= main.len()
        }
        [] => false,
    }
}

fn failed(kind: FailureKind, sighting: &Sighting, is_young: bool) -> NodeState {
    // Its virtual machine may be starting: a pod without a readiness probe is ready before.
    let is_starting = !sighting.node.is_ready || is_young;
    match kind {
        FailureKind::WrongCookie => NodeState::CookieMismatch,
        FailureKind::NotDistributed | FailureKind::Unreachable if is_starting => NodeState::Joining,
        // One that was distributed has ended, and Kubernetes is about to notice.
        FailureKind::NotDistributed if sighting.has_answered => NodeState::Unreachable,
        FailureKind::NotDistributed => NodeState::NotDistributed,
        FailureKind::NoAccess | FailureKind::Tls | FailureKind::Unreachable => NodeState::Unreachable,
    }
}

fn is_misnamed(sighting: &Sighting, name: &NodeName) -> bool {
    sighting.node.expected.as_ref().is_some_and(|expected| expected != name)
}

/// Which nodes are linked.
struct Links {
    size: usize,
    linked: Vec<bool>,
}

impl Links {
    fn of(sightings: &[&Sighting]) -> Self {
        let size = sightings.len();
        let mut links = Self { size, linked: vec![false; size * size] };
        for (from, sighting) in sightings.iter().enumerate() {
            let Some(view) = sighting.view() else { continue };
            for (to, other) in sightings.iter().enumerate() {
                if from != to && other.name().is_some_and(|name| view.sees(name)) {
                    links.linked[from * size + to] = true;
                    links.linked[to * size + from] = true;
                }
            }
        }
        links
    }

    fn between(&self, one: usize, other: usize) -> bool {
        self.linked[one * self.size + other]
    }

    fn any(&self, at: usize) -> bool {
        self.linked[at * self.size..][..self.size].contains(&true)
    }
}

/// The nodes that hang together.
fn groups(sightings: &[&Sighting], links: &Links, present: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut placed = vec![false; sightings.len()];
    for first in (0..sightings.len()).filter(|at| present(*at)) {
        if placed[first] {
            continue;
        }
        placed[first] = true;
        let mut group = vec![first];
        let mut next = 0;
        while let Some(&at) = group.get(next) {
            next += 1;
            for other in (0..sightings.len()).filter(|other| links.between(at, *other)) {
                if present(other) && !std::mem::replace(&mut placed[other], true) {
                    group.push(other);
                }
            }
        }
        group.sort_unstable();
        groups.push(group);
    }
    let name = |at: &usize| sightings[*at].name().map(NodeName::as_str);
    groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.iter().map(name).min()));
    groups
}
