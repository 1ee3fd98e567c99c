//! The watches that fill a cache, and the queue of releases that they find worth another look.
//!
//! Each watch is a task of its own, comes back by itself after an API server went away, and pages its lists, so that what
//! is in memory at any moment is one page of reduced objects ([`live`](super::live)) besides the slim views. Children and
//! pods are selected by label on the server. Of Secrets and ConfigMaps only metadata ever arrives.

mod routes;

use std::fmt::Debug;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ApiResource, ObjectMeta};
use kube::core::{PartialObjectMeta, PartialObjectMetaExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tracing::warn;

pub use self::routes::Demand;
use super::cache::{Cache, Change, Key, Unreadable};
use super::kind::ChildKind;
use super::live::{Lean, LiveChild};
use super::lock;
use super::queue::Queue;
use crate::api::ElixirRelease;
use crate::operator::metrics::Metrics;
use crate::resources::labels;
use crate::resources::reference::ReferenceKind;

/// A release in the controller's own store, which needs to know no more than that it exists.
pub type Stub = PartialObjectMeta<ElixirRelease>;

/// A release as it is stored. Whether its spec has the shape that we know is seen release by release: one that cannot be
/// read must not end the list of all.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = "ElixirRelease")]
pub struct Stored {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Value,
}

impl Stored {
    /// The release, or what is known of one that cannot be read.
    ///
    /// # Errors
    /// The spec has another shape. A status of another shape is one that we did not write, and is written anew.
    pub fn read(self) -> Result<ElixirRelease, Box<Unreadable>> {
        let (metadata, status) = (self.metadata, serde_json::from_value(self.status).ok());
        match serde_path_to_error::deserialize(self.spec) {
            Ok(spec) => Ok(ElixirRelease { metadata, spec, status }),
            Err(error) => {
                let problem = match error.path().to_string().as_str() {
                    "." => format!("spec: {}", error.inner()),
                    path => format!("spec.{path}: {}", error.inner()),
                };
                Err(Box::new(Unreadable { metadata, status, problem }))
            }
        }
    }
}

/// Objects on a page of a list.
const PAGE: u32 = 100;

/// The watches of one scope: all namespaces, or one.
#[derive(Clone)]
pub struct Watches {
    /// The client.
    pub client: Client,
    /// The namespace; `None` for all.
    pub namespace: Option<Arc<str>>,
    /// Where they put what they see.
    pub cache: Arc<Mutex<Cache>>,
    /// Where they put the releases to look at again.
    pub queue: Queue,
    /// What they count.
    pub metrics: Arc<Metrics>,
}

impl Watches {
    /// Starts every watch, each when the one before has listed once, so that a start takes no more memory than a page.
    pub async fn start(&self, tasks: &mut JoinSet<()>, store: Writer<Stub>) {
        let made_by_us = format!("{}={}", labels::MANAGED_BY, labels::MANAGER);
        let children = || config().labels(&made_by_us);
        for kind in ChildKind::ALL.into_iter().filter(|kind| *kind != ChildKind::Secret) {
            let put = move |cache: &mut Cache, change| cache.on_child(kind, change);
            self.follow(tasks, kind.as_str(), self.dynamic_api(&kind.api_resource()), children(), put).await;
        }
        // The cookie must not come near us: metadata says all that is needed.
        let put = |cache: &mut Cache, change: Change<PartialObjectMeta<Secret>>| {
            cache.on_child(ChildKind::Secret, change.map(|secret| LiveChild::without_content(secret.metadata)))
        };
        self.follow(tasks, ChildKind::Secret.as_str(), self.api(), children(), put).await;
        self.follow(tasks, "Pod", self.api(), config().labels(labels::RELEASE), Cache::on_pod).await;
        let put = |cache: &mut Cache, change: Change<PartialObjectMeta<Secret>>| {
            cache.contents.on_change(ReferenceKind::Secret, change.map(|secret| secret.metadata))
        };
        self.follow(tasks, "Secret metadata", self.api(), config(), put).await;
        let put = |cache: &mut Cache, change: Change<PartialObjectMeta<ConfigMap>>| {
            cache.contents.on_change(ReferenceKind::ConfigMap, change.map(|map| map.metadata))
        };
        self.follow(tasks, "ConfigMap metadata", self.api(), config(), put).await;
        // Releases come last: each is looked at as soon as it is seen, with everything about it in place.
        let mut releases = Releases { store, listing: false };
        let put = move |cache: &mut Cache, change| releases.on(cache, change);
        self.follow(tasks, "ElixirRelease", self.api(), config(), put).await;
    }

    /// Follows one kind in a task of its own, and waits until it has listed once.
    async fn follow<K, F>(
        &self,
        tasks: &mut JoinSet<()>,
        kind: &'static str,
        api: Api<Lean<K>>,
        config: watcher::Config,
        mut put: F,
    ) where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        F: FnMut(&mut Cache, Change<K>) -> Vec<Key> + Send + 'static,
    {
        let (listed, synced) = oneshot::channel();
        let (cache, queue, metrics) = (self.cache.clone(), self.queue.clone(), self.metrics.clone());
        tasks.spawn(async move {
            let mut listed = Some(listed);
            let mut events = pin!(watcher(api, config).default_backoff());
            while let Some(event) = events.next().await {
                let change = match event {
                    Ok(event) => Change::from(event).map(|Lean(object)| object),
                    Err(error) => {
                        metrics.watch_failed(kind);
                        warn!(kind, %error, "a watch failed and is started again");
                        continue;
                    }
                };
                let (begins, ends) = (matches!(change, Change::Begin), matches!(change, Change::End));
                let concerned = put(&mut lock(&cache), change);
                queue.push(concerned);
                if begins {
                    metrics.watch_restarted(kind);
                }
                if let Some(listed) = listed.take_if(|_| ends) {
                    let _ = listed.send(());
                }
            }
        });
        // A sender that is dropped belongs to a task that ended: the process is stopping.
        let _ = synced.await;
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    fn dynamic_api(&self, resource: &ApiResource) -> Api<Lean<LiveChild>> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        }
    }
}

/// What becomes of a change of a release.
struct Releases {
    store: Writer<Stub>,
    listing: bool,
}

impl Releases {
    fn on(&mut self, cache: &mut Cache, change: Change<Stored>) -> Vec<Key> {
        self.put_into_store(&change);
        match change {
            Change::Begin => cache.on_release(Change::Begin),
            Change::End => cache.on_release(Change::End),
            Change::Gone(Stored { metadata, .. }) => {
                cache.on_release(Change::Gone(ElixirRelease { metadata, ..ElixirRelease::default() }))
            }
            Change::Seen(stored) => match stored.read() {
                Ok(release) => cache.on_release(Change::Seen(release)),
                // It must not stop the others. A look at it tells what is wrong and touches nothing.
                Err(unreadable) => cache.releases.put_unreadable(*unreadable),
            },
        }
    }

    /// The controller looks at a release only if its store has it. While a list is under way the store shows none of it, so
    /// what the list names goes in at once as well: its turn in the queue may come before the list ends.
    fn put_into_store(&mut self, change: &Change<Stored>) {
        match change {
            Change::Begin => {
                self.listing = true;
                self.store.apply_watcher_event(&Event::Init);
            }
            Change::Seen(stored) => {
                if self.listing {
                    self.store.apply_watcher_event(&Event::InitApply(stub(&stored.metadata)));
                }
                self.store.apply_watcher_event(&Event::Apply(stub(&stored.metadata)));
            }
            Change::Gone(stored) => self.store.apply_watcher_event(&Event::Delete(stub(&stored.metadata))),
            Change::End => {
                self.listing = false;
                self.store.apply_watcher_event(&Event::InitDone);
            }
        }
    }
}

/// A reference to a release for the controller's own store.
pub(super) fn stub(metadata: &ObjectMeta) -> Stub {
    let ObjectMeta { name, namespace, uid, .. } = metadata.clone();
    ObjectMeta { name, namespace, uid, ..ObjectMeta::default() }.into_response_partial()
}

fn config() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

impl<K> From<Event<K>> for Change<K> {
    fn from(event: Event<K>) -> Self {
        match event {
            Event::Init => Self::Begin,
            Event::InitApply(object) | Event::Apply(object) => Self::Seen(object),
            Event::Delete(object) => Self::Gone(object),
            Event::InitDone => Self::End,
        }
    }
}

#[cfg(test)]
mod tests;
