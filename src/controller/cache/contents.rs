//! What is known of the ConfigMaps and Secrets that pods read.
//!
//! The watches of foreign objects bring metadata only and keep nothing but the versions of those that some release refers
//! to. When such a version moves, the object counts as unread, and the next reconcile of its users reads it, takes its
//! digest and forgets its content.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Key;
use super::listing::{Change, Listing};
use crate::controller::view::version;
use crate::resources::reference::{Content, Reference, ReferenceKind};

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// It exists, with this content.
    Known(Content),
    /// It does not exist.
    Missing,
    /// It was read with this content and has changed since.
    Changed(Content),
    /// It was not read yet.
    Unknown,
}

/// An object to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The object.
    pub reference: Reference,
    /// The newest version of it that was known when it was asked for. That it was not found says nothing of later ones.
    pub newest: u64,
}

/// The objects in the scope that some release refers to.
#[derive(Default)]
pub struct ContentIndex {
    tracked: BTreeMap<(Arc<str>, Reference), Tracked>,
    by_release: HashMap<Key, BTreeSet<Reference>>,
    listings: HashMap<ReferenceKind, Listing>,
}

#[derive(Default)]
struct Tracked {
    users: BTreeSet<Arc<str>>,
    /// The newest version that a watch or a read has told of.
    newest: u64,
    /// What was read, and at which version.
    read: Option<(u64, Lookup)>,
}

impl Tracked {
    fn lookup(&self) -> Lookup {
        match &self.read {
            Some((version, known)) if *version >= self.newest => known.clone(),
            Some((_, Lookup::Known(content))) => Lookup::Changed(content.clone()),
            _ => Lookup::Unknown,
        }
    }
}

impl ContentIndex {
    /// Replaces the objects that a release refers to and returns those of which nothing current is known.
    pub fn track(&mut self, release: &Key, references: BTreeSet<Reference>) -> Vec<Unread> {
        let before = self.by_release.remove(release).unwrap_or_default();
        for dropped in before.difference(&references) {
            self.untrack(release, dropped);
        }
        let mut unread = Vec::new();
        for reference in &references {
            let tracked = self.tracked.entry((release.namespace.clone(), reference.clone())).or_default();
            tracked.users.insert(release.name.clone());
            if matches!(tracked.lookup(), Lookup::Unknown | Lookup::Changed(_)) {
                unread.push(Unread { reference: reference.clone(), newest: tracked.newest });
            }
        }
        if !references.is_empty() {
            self.by_release.insert(release.clone(), references);
        }
        unread
    }

    /// Forgets a release and what only it refers to.
    pub fn forget(&mut self, release: &Key) {
        for reference in self.by_release.remove(release).unwrap_or_default() {
            self.untrack(release, &reference);
        }
    }

    /// Takes in what a read found: the version and content, or that there is no such object.
    pub fn put(&mut self, namespace: &str, unread: &Unread, found: Option<(u64, Content)>) {
        let id = (Arc::from(namespace), unread.reference.clone());
        let Some(tracked) = self.tracked.get_mut(&id) else { return };
        // A list in progress may have passed the object before anybody referred to it.
        self.listings.entry(unread.reference.kind).or_default().note(&listed_as(&id));
        let (version, known) = match found {
            Some((version, content)) => (version, Lookup::Known(content)),
            None => (unread.newest, Lookup::Missing),
        };
        // Two releases may read the same object, and the older answer may come last.
        if tracked.read.as_ref().is_none_or(|(read, _)| *read <= version) {
            tracked.read = Some((version, known));
        }
        tracked.newest = tracked.newest.max(version);
    }

    /// Whether something current is known of each of these objects: of one that has changed since it was read, it is not
    /// even known whether it exists.
    pub fn are_read<'a>(&self, namespace: &str, references: impl IntoIterator<Item = &'a Reference>) -> bool {
        references
            .into_iter()
            .all(|reference| !matches!(self.lookup(namespace, reference), Lookup::Unknown | Lookup::Changed(_)))
    }

    /// What is known of an object.
    #[must_use]
    pub fn lookup(&self, namespace: &str, reference: &Reference) -> Lookup {
        let tracked = self.tracked.get(&(Arc::from(namespace), reference.clone()));
        tracked.map_or(Lookup::Unknown, Tracked::lookup)
    }

    /// How many objects are tracked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tracked.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracked.is_empty()
    }

    /// Takes a change of an object's metadata and names the releases whose pods read it.
    pub fn on_change(&mut self, kind: ReferenceKind, change: Change<ObjectMeta>) -> Vec<Key> {
        match change {
            Change::Begin => self.listings.entry(kind).or_default().begin(),
            Change::Seen(meta) => {
                let Some((id, version)) = id_of(kind, &meta).zip(version(&meta)) else { return Vec::new() };
                return self.seen(&id, version);
            }
            Change::Gone(meta) => {
                let Some(id) = id_of(kind, &meta) else { return Vec::new() };
                return self.gone(&id, version(&meta).unwrap_or_default());
            }
            Change::End => {
                let listed = self.listings.entry(kind).or_default().end();
                return self.sweep(kind, &listed);
            }
        }
        Vec::new()
    }

    fn seen(&mut self, id: &(Arc<str>, Reference), version: u64) -> Vec<Key> {
        let Some(tracked) = self.tracked.get_mut(id) else { return Vec::new() };
        self.listings.entry(id.1.kind).or_default().note(&listed_as(id));
        let was_missing = matches!(tracked.read, Some((_, Lookup::Missing)));
        if version <= tracked.newest && !was_missing {
            return Vec::new();
        }
        tracked.newest = tracked.newest.max(version);
        if was_missing {
            tracked.read = None;
        }
        users(&id.0, tracked)
    }

    fn gone(&mut self, id: &(Arc<str>, Reference), version: u64) -> Vec<Key> {
        let Some(tracked) = self.tracked.get_mut(id) else { return Vec::new() };
        if version < tracked.newest {
            return Vec::new();
        }
        tracked.newest = version;
        tracked.read = Some((version, Lookup::Missing));
        users(&id.0, tracked)
    }

    /// Marks as missing what a complete list did not name.
    fn sweep(&mut self, kind: ReferenceKind, listed: &HashSet<Box<str>>) -> Vec<Key> {
        let known = |tracked: &Tracked| matches!(tracked.read, Some((_, Lookup::Known(_))));
        let gone: Vec<_> = self
            .tracked
            .iter()
            .filter(|(id, tracked)| id.1.kind == kind && known(tracked) && !listed.contains(&*listed_as(id)))
            .map(|(id, tracked)| (id.clone(), tracked.newest))
            .collect();
        gone.iter().flat_map(|(id, newest)| self.gone(id, *newest)).collect()
    }

    fn untrack(&mut self, release: &Key, reference: &Reference) {
        let id = (release.namespace.clone(), reference.clone());
        let Some(tracked) = self.tracked.get_mut(&id) else { return };
        tracked.users.remove(&release.name);
        if tracked.users.is_empty() {
            self.tracked.remove(&id);
        }
    }
}

fn users(namespace: &Arc<str>, tracked: &Tracked) -> Vec<Key> {
    tracked.users.iter().map(|name| Key { namespace: namespace.clone(), name: name.clone() }).collect()
}

fn id_of(kind: ReferenceKind, meta: &ObjectMeta) -> Option<(Arc<str>, Reference)> {
    Some((meta.namespace.as_deref()?.into(), Reference { kind, name: meta.name.clone()? }))
}

fn listed_as((namespace, reference): &(Arc<str>, Reference)) -> Box<str> {
    format!("{namespace}/{}", reference.name).into()
}
