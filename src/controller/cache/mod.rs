//! What the watches have seen: an index of releases, their children, their pods and the objects their pods read.
//!
//! The index is pure: each change goes in and the releases to look at again come out. A change of nothing that is kept
//! names none, so that the echo of our own writes and most updates of a Deployment's status cost nothing.
//!
//! Invariants: a cache serves one scope (all namespaces, or one), with one watch a kind; it holds children only under
//! the labels that the operator sets; it never holds the content of a ConfigMap or Secret; a view is never replaced by
//! an older one.

mod children;
mod contents;
mod listing;
mod pods;
mod releases;
mod routes;
mod unreadable;

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::ResourceExt;

pub use children::{ChildIndex, Group};
pub use contents::{ContentIndex, Lookup, Unread};
pub use listing::Change;
pub use pods::PodIndex;
pub use releases::{ReleaseIndex, cluster_key};
pub use routes::{Lack, RouteIndex, Sight};
pub use unreadable::Unreadable;

use super::kind::ChildKind;
use super::live::LiveChild;
use super::pod::LivePod;
use super::view::Child;
use crate::api::{ElixirRelease, Strategy};
use crate::resources::names;

/// Namespace and name, of a release or of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl Key {
    /// The key of these two.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The key of a release.
    #[must_use]
    pub fn of(release: &ElixirRelease) -> Self {
        Self::new(release.metadata.namespace.as_deref().unwrap_or_default(), &release.name_any())
    }

    /// The key of another object in the same namespace.
    #[must_use]
    pub fn sibling(&self, name: &str) -> Self {
        Self { namespace: self.namespace.clone(), name: name.into() }
    }
}

/// The index.
#[derive(Default)]
pub struct Cache {
    /// Releases and the clusters they form.
    pub releases: ReleaseIndex,
    /// Their children.
    pub children: ChildIndex,
    /// Their pods.
    pub pods: PodIndex,
    /// What is known of the objects that the pods read.
    pub contents: ContentIndex,
    /// The HTTPRoutes of users, if anybody asks for them.
    pub routes: RouteIndex,
    pinned: HashMap<Key, Pinned>,
}

/// A revision and the pod template that its record holds.
pub type Pinned = (Arc<str>, Arc<PodTemplateSpec>);

impl Cache {
    /// A change of a release.
    pub fn on_release(&mut self, change: Change<ElixirRelease>) -> Vec<Key> {
        let concerned = self.releases.on_change(change);
        for gone in concerned.iter().filter(|key| self.releases.get(key).is_none()) {
            self.contents.forget(gone);
            self.pinned.remove(gone);
        }
        concerned
    }

    /// A change of a child of one kind.
    pub fn on_child(&mut self, kind: ChildKind, change: Change<LiveChild>) -> Vec<Key> {
        let groups = self.children.on_change(kind, change);
        groups.iter().flat_map(|group| self.concerned(group)).collect()
    }

    /// A change of a pod.
    pub fn on_pod(&mut self, change: Change<LivePod>) -> Vec<Key> {
        self.pods.on_change(change)
    }

    /// A change of an HTTPRoute.
    pub fn on_route(&mut self, change: Change<LiveChild>) -> Vec<Key> {
        let Some(changed) = self.routes.on_change(change) else { return self.askers() };
        let concerns = |key: &Key, release: &ElixirRelease| {
            changed.iter().filter(|route| *route.namespace == *key.namespace).any(|route| {
                release.spec.rollout.route() == Some(&*route.name) || route.names(&names::preview_service(release))
            })
        };
        self.releases.iter().filter(|(key, release)| concerns(key, release)).map(|(key, _)| key.clone()).collect()
    }

    /// Nobody can look at HTTPRoutes any more.
    pub fn lose_routes(&mut self, lack: Lack) -> Vec<Key> {
        if self.routes.lose(lack) { self.askers() } else { Vec::new() }
    }

    /// The releases that take a look at HTTPRoutes.
    #[must_use]
    pub fn askers(&self) -> Vec<Key> {
        let asking = self.releases.iter().filter(|(key, release)| self.asks_for_routes(key, release));
        asking.map(|(key, _)| key.clone()).collect()
    }

    /// Whether a release takes a look at HTTPRoutes: it names one, or has a Service for previews that it has no use for but
    /// that a route may send requests to.
    #[must_use]
    pub fn asks_for_routes(&self, key: &Key, release: &ElixirRelease) -> bool {
        let (rollout, preview) = (&release.spec.rollout, names::preview_service(release));
        let mut children = self.children.of(&Group::Release(key.clone())).iter();
        let is_preview = |child: &Child| child.kind == ChildKind::Service && *child.name == *preview;
        rollout.route().is_some() || rollout.strategy != Strategy::BlueGreen && children.any(is_preview)
    }

    /// The revision of a release whose pod template was read last, because it is not what the spec is rendered to.
    #[must_use]
    pub fn pinned(&self, key: &Key) -> Option<Pinned> {
        self.pinned.get(key).cloned()
    }

    /// Keeps the pod template that the record of a revision holds.
    pub fn pin(&mut self, key: Key, revision: &str, template: PodTemplateSpec) {
        self.pinned.insert(key, (revision.into(), Arc::new(template)));
    }

    /// How many objects of each sort are held.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, usize); 5] {
        [
            ("release", self.releases.len()),
            ("child", self.children.len()),
            ("pod", self.pods.len()),
            ("reference", self.contents.len()),
            ("route", self.routes.len()),
        ]
    }

    fn concerned(&self, group: &Group) -> Vec<Key> {
        match group {
            Group::Release(key) => vec![key.clone()],
            Group::Cluster(cluster) => self.releases.member_keys(cluster),
        }
    }
}

#[cfg(test)]
mod tests;
