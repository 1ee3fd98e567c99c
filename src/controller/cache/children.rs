//! Children, grouped by whom they belong to.

use std::collections::{BTreeMap, HashMap, VecDeque};

use kube::Resource;
use kube::api::ObjectMeta;

use super::Key;
use super::listing::{Change, Listing};
use crate::api::ElixirRelease;
use crate::controller::kind::ChildKind;
use crate::controller::live::LiveChild;
use crate::controller::view::Child;
use crate::resources::labels;

/// Whose children a group holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Those of one release.
    Release(Key),
    /// Those that the releases of a cluster share.
    Cluster(Key),
}

/// The children in the scope.
#[derive(Default)]
pub struct ChildIndex {
    groups: BTreeMap<Group, Vec<Child>>,
    /// The group that holds the child of a uid. Labels tell it, and somebody may change those.
    homes: HashMap<Box<str>, Group>,
    /// Uids of what was deleted last. The answer to a write may come after the news that its object is gone again.
    gone: VecDeque<Box<str>>,
    listings: HashMap<ChildKind, Listing>,
}

/// How many deleted objects are remembered: far more than are deleted while an answer is on its way.
const REMEMBERED: usize = 256;

impl ChildIndex {
    /// The children of a group.
    #[must_use]
    pub fn of(&self, group: &Group) -> &[Child] {
        self.groups.get(group).map_or(&[], Vec::as_slice)
    }

    /// What other clusters of the namespace share and the release of this uid still owns.
    pub fn shared_elsewhere<'a>(&'a self, home: &'a Key, uid: &'a str) -> impl Iterator<Item = (&'a Key, &'a Child)> {
        let first = Group::Cluster(home.sibling(""));
        let clusters = self.groups.range(first..).map_while(|(group, children)| match group {
            Group::Cluster(cluster) if cluster.namespace == home.namespace => Some((cluster, children)),
            _ => None,
        });
        clusters
            .filter(move |(cluster, _)| *cluster != home)
            .flat_map(|(cluster, children)| children.iter().map(move |child| (cluster, child)))
            .filter(move |(_, child)| child.is_owned_by(uid))
    }

    /// Takes in what the API server returned from a write, so that the next look is not older than it: from applying the
    /// desired object of this digest, if the write was that.
    pub fn put_written(&mut self, kind: ChildKind, object: LiveChild, desired: Option<u64>) {
        let group = Group::of(&object.metadata);
        let child = Child::of(kind, object).filter(|child| !self.gone.contains(&child.uid));
        if let Some(child) = child {
            self.seen(group, Child { applied: desired, ..child });
        }
    }

    /// Forgets the child of this uid, of which the API server says that it is there no longer.
    pub fn forget(&mut self, uid: &str) {
        if let Some(group) = self.homes.get(uid).cloned() {
            self.remove(&group, |child| *child.uid == *uid);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Takes a change and names the groups in which something changed.
    pub(super) fn on_change(&mut self, kind: ChildKind, change: Change<LiveChild>) -> Vec<Group> {
        let listing = self.listings.entry(kind).or_default();
        match change {
            Change::Begin => {
                listing.begin();
                Vec::new()
            }
            Change::Seen(object) => {
                let group = Group::of(&object.metadata);
                let Some(child) = Child::of(kind, object) else { return Vec::new() };
                listing.note(&child.uid);
                self.seen(group, child)
            }
            Change::Gone(object) => {
                let uid = object.metadata.uid.unwrap_or_default();
                self.gone.push_back(uid.as_str().into());
                if self.gone.len() > REMEMBERED {
                    self.gone.pop_front();
                }
                let Some(group) = self.homes.get(&*uid).cloned() else { return Vec::new() };
                if self.remove(&group, |child| *child.uid == *uid) { vec![group] } else { Vec::new() }
            }
            Change::End => {
                let listed = listing.end();
                let groups: Vec<_> = self.groups.keys().cloned().collect();
                let gone = |child: &Child| child.kind == kind && !listed.contains(&child.uid);
                groups.into_iter().filter(|group| self.remove(group, gone)).collect()
            }
        }
    }

    /// Puts a child where its labels say, and names that group and the one that it was in before.
    fn seen(&mut self, group: Option<Group>, child: Child) -> Vec<Group> {
        let before = self.homes.get(&child.uid).filter(|before| Some(*before) != group.as_ref()).cloned();
        if let Some(before) = &before
            && !self.remove(before, |known| known.uid == child.uid && known.version < child.version)
        {
            return Vec::new();
        }
        before.into_iter().chain(group.filter(|group| self.put(group, child))).collect()
    }

    /// Whether the child is new or differs from the view that was held, as far as that can be seen.
    fn put(&mut self, group: &Group, mut child: Child) -> bool {
        let children = self.groups.entry(group.clone()).or_default();
        let Some(known) = children.iter_mut().find(|known| known.kind == child.kind && known.name == child.name) else {
            self.homes.insert(child.uid.clone(), group.clone());
            children.push(child);
            return true;
        };
        if known.version > child.version || (known.version == child.version && child.applied.is_none()) {
            return false;
        }
        if known.uid == child.uid && known.digest == child.digest && child.applied.is_none() {
            child.applied = known.applied;
        }
        if known.uid != child.uid {
            self.homes.remove(&known.uid);
            self.homes.insert(child.uid.clone(), group.clone());
        }
        // Nothing is known of what a Secret holds, and each version of it may hold something else.
        if child.kind != ChildKind::Secret {
            known.version = child.version;
        }
        let changed = *known != child;
        *known = child;
        changed
    }

    fn remove(&mut self, group: &Group, gone: impl Fn(&Child) -> bool) -> bool {
        let Some(children) = self.groups.get_mut(group) else { return false };
        let before = children.len();
        for child in children.extract_if(.., |child| gone(child)) {
            self.homes.remove(&child.uid);
        }
        let changed = children.len() != before;
        if children.is_empty() {
            self.groups.remove(group);
        }
        changed
    }
}

impl Group {
    /// The group that an object's labels put it into; its controller, where somebody removed the label of the release.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Option<Self> {
        let namespace = meta.namespace.as_deref()?;
        let label = |name: &str| meta.labels.as_ref()?.get(name).map(String::as_str);
        if let Some(release) = label(labels::RELEASE).or_else(|| controller(meta)) {
            return Some(Self::Release(Key::new(namespace, release)));
        }
        label(labels::CLUSTER).map(|cluster| Self::Cluster(Key::new(namespace, cluster)))
    }
}

/// The release that controls an object. What the members of a cluster share has owners and no controller.
fn controller(meta: &ObjectMeta) -> Option<&str> {
    let controller = meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
    (controller.kind == ElixirRelease::kind(&())).then_some(&controller.name)
}
