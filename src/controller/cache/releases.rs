//! Releases, and the clusters that they form by naming them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::ResourceExt;

use super::listing::{Change, Listing};
use super::{Key, Unreadable};
use crate::api::ElixirRelease;
use crate::controller::view::version;
use crate::resources::names;
use crate::rollout::after::State;

/// The releases of the scope.
#[derive(Default)]
pub struct ReleaseIndex {
    releases: BTreeMap<Key, Arc<ElixirRelease>>,
    /// Those of which the present version cannot be read. An earlier one that could be may be among the releases.
    unreadable: BTreeMap<Key, Arc<Unreadable>>,
    clusters: BTreeMap<Key, BTreeSet<Arc<str>>>,
    listing: Listing,
}

impl ReleaseIndex {
    /// The release of this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Arc<ElixirRelease>> {
        self.releases.get(key).cloned()
    }

    /// All of them, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &ElixirRelease)> {
        self.releases.iter().map(|(key, release)| (key, &**release))
    }

    /// What is known of the release of this key, if it cannot be read.
    #[must_use]
    pub fn unreadable(&self, key: &Key) -> Option<Arc<Unreadable>> {
        self.unreadable.get(key).cloned()
    }

    /// The releases of a namespace that cannot be read.
    pub fn unreadable_in<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Unreadable> {
        let from = self.unreadable.range(Key::new(namespace, "")..);
        from.take_while(move |(key, _)| *key.namespace == *namespace).map(|(_, unreadable)| &**unreadable)
    }

    /// The distributed releases of a cluster, oldest first.
    #[must_use]
    pub fn members(&self, cluster: &Key) -> Vec<Arc<ElixirRelease>> {
        let mut members: Vec<_> = self.member_keys(cluster).iter().filter_map(|key| self.get(key)).collect();
        members.sort_by_cached_key(|member| (member.metadata.creation_timestamp.clone(), member.name_any()));
        members
    }

    /// The keys of the distributed releases of a cluster.
    #[must_use]
    pub fn member_keys(&self, cluster: &Key) -> Vec<Key> {
        let names = self.clusters.get(cluster).into_iter().flatten();
        names.map(|name| Key { namespace: cluster.namespace.clone(), name: name.clone() }).collect()
    }

    /// The releases by which one waits for itself, in their order and itself the last; `None` if it does not.
    #[must_use]
    pub fn cycle(&self, key: &Key) -> Option<Vec<Arc<str>>> {
        let mut seen = BTreeSet::new();
        let mut paths = vec![vec![key.name.clone()]];
        while let Some(path) = paths.pop() {
            let Some(release) = path.last().and_then(|name| self.releases.get(&key.sibling(name))) else { continue };
            for next in &release.spec.rollout.after {
                let longer: Vec<_> = path.iter().cloned().chain([next.as_str().into()]).collect();
                if **next == *key.name {
                    return longer.get(1..).map(<[_]>::to_vec);
                }
                if seen.insert(next.clone()) {
                    paths.push(longer);
                }
            }
        }
        None
    }

    /// The releases of the namespace whose rollouts wait for one.
    fn followers<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = Key> {
        let neighbours = self.releases.range(key.sibling("")..);
        let neighbours = neighbours.take_while(|(neighbour, _)| neighbour.namespace == key.namespace);
        neighbours
            .filter(|(_, release)| release.spec.rollout.after.iter().any(|name| **name == *key.name))
            .map(|(neighbour, _)| neighbour.clone())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.releases.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.releases.is_empty()
    }

    /// Takes a change and names the releases that it concerns, one that is gone included.
    pub(super) fn on_change(&mut self, change: Change<ElixirRelease>) -> Vec<Key> {
        match change {
            Change::Begin => {
                self.listing.begin();
                Vec::new()
            }
            Change::Seen(release) => {
                let key = Key::of(&release);
                self.listing.note(&id(&key));
                self.put(key, release)
            }
            Change::Gone(release) => self.remove(&Key::of(&release)),
            Change::End => {
                let listed = self.listing.end();
                let known = self.releases.keys().chain(self.unreadable.keys());
                let gone: BTreeSet<_> = known.filter(|key| !listed.contains(&*id(key))).cloned().collect();
                gone.iter().flat_map(|key| self.remove(key)).collect()
            }
        }
    }

    /// Takes in what the API server returned from writing a status and names the releases that a change of another kind,
    /// seen with it, concerns.
    pub fn put_written(&mut self, release: ElixirRelease) -> Vec<Key> {
        let key = Key::of(&release);
        // The watch may have told of its deletion while the answer was on its way.
        if self.releases.contains_key(&key) { self.put(key, release) } else { Vec::new() }
    }

    /// Takes in a release whose stored object cannot be read and names it, if that is news. What was known of it stays: it
    /// exists, and it is a member of its cluster.
    pub fn put_unreadable(&mut self, unreadable: Unreadable) -> Vec<Key> {
        let key = unreadable.key();
        self.listing.note(&id(&key));
        let is_known = self.unreadable.get(&key).is_some_and(|known| **known == unreadable);
        self.unreadable.insert(key.clone(), Arc::new(unreadable));
        if is_known { Vec::new() } else { vec![key] }
    }

    fn put(&mut self, key: Key, release: ElixirRelease) -> Vec<Key> {
        let known = self.releases.get(&key).and_then(|known| version(&known.metadata));
        let unreadable = self.unreadable.get(&key).and_then(|known| version(&known.metadata));
        if known.max(unreadable) > version(&release.metadata) {
            return Vec::new();
        }
        let kept_by = self.no_longer_unreadable(&key);
        let after = Arc::new(release);
        let before = self.releases.insert(key.clone(), after.clone());
        let is_as_far = before.as_ref().is_some_and(|before| State::of(before) == State::of(&after));
        let followers: Vec<_> = if is_as_far { Vec::new() } else { self.followers(&key).collect() };
        if kept_by.is_empty() && before.as_ref().is_some_and(|before| asks_the_same(before, &after)) {
            return followers;
        }
        let joined = cluster_key(&after);
        let left = before.as_deref().and_then(cluster_key).filter(|left| Some(left) != joined.as_ref());
        let mut concerned = left.map(|cluster| self.leave(&cluster, &key)).unwrap_or_default();
        concerned.extend(kept_by.into_iter().chain(followers));
        if let Some(cluster) = joined {
            self.clusters.entry(cluster.clone()).or_default().insert(key.name.clone());
            concerned.extend(self.member_keys(&cluster).into_iter().filter(|member| *member != key));
        }
        concerned.push(key);
        concerned
    }

    fn remove(&mut self, key: &Key) -> Vec<Key> {
        let mut concerned = self.no_longer_unreadable(key);
        if let Some(release) = self.releases.remove(key) {
            concerned.extend(cluster_key(&release).map(|cluster| self.leave(&cluster, key)).unwrap_or_default());
            concerned.extend(self.followers(key));
            concerned.push(key.clone());
        }
        concerned
    }

    /// Forgets that a release cannot be read, and names all of its namespace if so: whatever its cluster is, those in it
    /// have kept what they share for it.
    fn no_longer_unreadable(&mut self, key: &Key) -> Vec<Key> {
        if self.unreadable.remove(key).is_none() {
            return Vec::new();
        }
        let neighbours = self.releases.range(key.sibling("")..).map(|(neighbour, _)| neighbour);
        neighbours.take_while(|neighbour| neighbour.namespace == key.namespace).cloned().chain([key.clone()]).collect()
    }

    /// Takes a release out of a cluster and names those that stay.
    fn leave(&mut self, cluster: &Key, key: &Key) -> Vec<Key> {
        if let Some(members) = self.clusters.get_mut(cluster) {
            members.remove(&key.name);
            if members.is_empty() {
                self.clusters.remove(cluster);
            }
        }
        self.member_keys(cluster)
    }
}

/// The cluster that a release belongs to; `None` for lone nodes.
#[must_use]
pub fn cluster_key(release: &ElixirRelease) -> Option<Key> {
    let namespace = release.metadata.namespace.as_deref()?;
    names::is_distributed(release).then(|| Key::new(namespace, &names::cluster(release)))
}

/// Whether two versions of a release ask for the same: status and bookkeeping apart, they are equal.
fn asks_the_same(a: &ElixirRelease, b: &ElixirRelease) -> bool {
    a.metadata.uid == b.metadata.uid
        && a.metadata.generation == b.metadata.generation
        && a.metadata.deletion_timestamp == b.metadata.deletion_timestamp
        && a.metadata.labels == b.metadata.labels
        && a.metadata.annotations == b.metadata.annotations
        && a.spec == b.spec
}

fn id(key: &Key) -> Box<str> {
    format!("{}/{}", key.namespace, key.name).into()
}
