//! Pods, by the release whose label they carry: their owner is a ReplicaSet, which nobody needs to watch.

use std::collections::HashMap;

use kube::ResourceExt;

use super::Key;
use super::listing::{Change, Listing};
use crate::controller::pod::{LivePod, PodView};
use crate::resources::labels;

/// The pods in the scope.
#[derive(Default)]
pub struct PodIndex {
    pods: HashMap<Key, Vec<PodView>>,
    /// The release that a pod is held under. Its label tells it, and somebody may change that to take the pod aside.
    homes: HashMap<Box<str>, Key>,
    listing: Listing,
}

impl PodIndex {
    /// The pods of a release.
    #[must_use]
    pub fn of(&self, release: &Key) -> &[PodView] {
        self.pods.get(release).map_or(&[], Vec::as_slice)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pods.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// Takes a change and names the releases that it concerns.
    pub(super) fn on_change(&mut self, change: Change<LivePod>) -> Vec<Key> {
        match change {
            Change::Begin => {
                self.listing.begin();
                Vec::new()
            }
            Change::Seen(pod) => self.seen(&pod),
            Change::Gone(pod) => self.gone(&pod),
            Change::End => self.sweep(),
        }
    }

    fn seen(&mut self, pod: &LivePod) -> Vec<Key> {
        let Some((release, view)) = release_of(pod).zip(PodView::of(pod)) else { return Vec::new() };
        let id = id(&release.namespace, &view.name);
        self.listing.note(&id);
        let before = self.homes.insert(id, release.clone()).filter(|before| *before != release);
        let left = before.filter(|before| self.remove(before, |pod| pod.name == view.name));
        let joined = Some(release).filter(|release| self.put(release, view));
        left.into_iter().chain(joined).collect()
    }

    fn gone(&mut self, pod: &LivePod) -> Vec<Key> {
        let name = pod.name_any();
        let id = id(pod.metadata.namespace.as_deref().unwrap_or_default(), &name);
        let release = self.homes.remove(&id).filter(|release| self.remove(release, |pod| *pod.name == *name));
        release.into_iter().collect()
    }

    /// Forgets what a complete list did not name.
    fn sweep(&mut self) -> Vec<Key> {
        let listed = self.listing.end();
        self.homes.retain(|id, _| listed.contains(id));
        let releases: Vec<_> = self.pods.keys().cloned().collect();
        let is_gone = |release: &Key, pod: &PodView| !listed.contains(&id(&release.namespace, &pod.name));
        releases.into_iter().filter(|release| self.remove(release, |pod| is_gone(release, pod))).collect()
    }

    fn put(&mut self, release: &Key, view: PodView) -> bool {
        let pods = self.pods.entry(release.clone()).or_default();
        match pods.iter_mut().find(|known| known.name == view.name) {
            Some(known) if *known == view => return false,
            Some(known) => *known = view,
            None => pods.push(view),
        }
        true
    }

    fn remove(&mut self, release: &Key, gone: impl Fn(&PodView) -> bool) -> bool {
        let Some(pods) = self.pods.get_mut(release) else { return false };
        let before = pods.len();
        pods.retain(|pod| !gone(pod));
        let changed = pods.len() != before;
        if pods.is_empty() {
            self.pods.remove(release);
        }
        changed
    }
}

fn release_of(pod: &LivePod) -> Option<Key> {
    let release = pod.metadata.labels.as_ref()?.get(labels::RELEASE)?;
    Some(Key::new(pod.metadata.namespace.as_deref()?, release))
}

fn id(namespace: &str, pod: &str) -> Box<str> {
    format!("{namespace}/{pod}").into()
}
