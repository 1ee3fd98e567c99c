//! Children, grouped by whom they belong to.

use std::collections::{BTreeMap, HashMap};

use kube::api::DynamicObject;

use super::Key;
use super::listing::{Change, Listing};
use crate::controller::kind::ChildKind;
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
    listings: HashMap<ChildKind, Listing>,
}

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
    pub fn put_written(&mut self, kind: ChildKind, object: &DynamicObject, desired: Option<u64>) {
        if let Some((group, child)) = group_of(object).zip(Child::of(kind, object)) {
            self.put(&group, Child { applied: desired, ..child });
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
    pub(super) fn on_change(&mut self, kind: ChildKind, change: Change<DynamicObject>) -> Vec<Group> {
        let listing = self.listings.entry(kind).or_default();
        match change {
            Change::Begin => {
                listing.begin();
                Vec::new()
            }
            Change::Seen(object) => {
                let Some(child) = Child::of(kind, &object) else { return Vec::new() };
                let group = group_of(&object);
                let mut changed = Vec::new();
                match &group {
                    // What the list does not name under its group is taken out of it in the end.
                    Some(group) if listing.is_under_way() => listing.note(&listed_as(group, &child.uid)),
                    group => changed = self.withdraw(kind, &child.uid, group.as_ref()),
                }
                changed.extend(group.filter(|group| self.put(group, child)));
                changed
            }
            Change::Gone(object) => {
                let Some((group, uid)) = group_of(&object).zip(object.metadata.uid) else { return Vec::new() };
                if self.remove(&group, |child| *child.uid == *uid) { vec![group] } else { Vec::new() }
            }
            Change::End => {
                let listed = listing.end();
                let groups: Vec<_> = self.groups.keys().cloned().collect();
                let is_gone = |group: &Group, child: &Child| {
                    child.kind == kind && !listed.contains(&listed_as(group, &child.uid))
                };
                groups.into_iter().filter(|group| self.remove(group, |child| is_gone(group, child))).collect()
            }
        }
    }

    /// Whether the child is new or differs from the view that was held.
    fn put(&mut self, group: &Group, mut child: Child) -> bool {
        let children = self.groups.entry(group.clone()).or_default();
        let Some(known) = children.iter_mut().find(|known| known.kind == child.kind && known.name == child.name) else {
            children.push(child);
            return true;
        };
        if known.version > child.version || (known.version == child.version && child.applied.is_none()) {
            return false;
        }
        if known.uid == child.uid && known.digest == child.digest && child.applied.is_none() {
            child.applied = known.applied;
        }
        known.version = child.version;
        let changed = *known != child;
        *known = child;
        changed
    }

    /// Takes a child out of the groups that it was in until somebody changed its labels, and names them.
    fn withdraw(&mut self, kind: ChildKind, uid: &str, now: Option<&Group>) -> Vec<Group> {
        let is_it = |child: &Child| child.kind == kind && *child.uid == *uid;
        if now.is_some_and(|group| self.of(group).iter().any(is_it)) {
            return Vec::new();
        }
        let former = self.groups.iter().filter(|(_, children)| children.iter().any(is_it));
        let former: Vec<_> = former.map(|(group, _)| group.clone()).collect();
        for group in &former {
            self.remove(group, is_it);
        }
        former
    }

    fn remove(&mut self, group: &Group, gone: impl Fn(&Child) -> bool) -> bool {
        let Some(children) = self.groups.get_mut(group) else { return false };
        let before = children.len();
        children.retain(|child| !gone(child));
        let changed = children.len() != before;
        if children.is_empty() {
            self.groups.remove(group);
        }
        changed
    }
}

/// The group that an object's labels put it into.
fn group_of(object: &DynamicObject) -> Option<Group> {
    let namespace = object.metadata.namespace.as_deref()?;
    let labels = object.metadata.labels.as_ref()?;
    if let Some(release) = labels.get(labels::RELEASE) {
        return Some(Group::Release(Key::new(namespace, release)));
    }
    labels.get(labels::CLUSTER).map(|cluster| Group::Cluster(Key::new(namespace, cluster)))
}

fn listed_as(group: &Group, uid: &str) -> Box<str> {
    match group {
        Group::Release(Key { namespace, name }) => format!("release {namespace}/{name} {uid}").into(),
        Group::Cluster(Key { namespace, name }) => format!("cluster {namespace}/{name} {uid}").into(),
    }
}
