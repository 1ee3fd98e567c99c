//! What a reconcile does about the nodes of a release beside its children: has them looked at, connected, and restarted.
//!
//! What to do is decided in [`mesh`](super::mesh); here it is handed on.

use kube::Resource;
use tracing::info;

use super::apply::evict;
use super::cache::Key;
use super::mesh::{rotation_waits, to_restart, watchlist, wishes};
use super::observe::Observed;
use super::reconcile::Context;
use crate::api::{ElixirRelease, ObservationMode};
use crate::observer::Sighting;
use crate::operator::events::EventType;
use crate::resources::names;

impl Context {
    /// Looks at the nodes of a release from now on, as it asks for.
    pub(super) fn follow(&self, observed: &Observed) {
        if let Some(observer) = &self.observer {
            observer.follow(&observed.key, watchlist(observed, &self.facts));
        }
    }

    /// Restarts a node of the smaller side of a partition, where that is wanted and due, and tells so.
    pub(super) async fn restart(&self, observed: &Observed) {
        let now = jiff::Timestamp::now();
        let Some((pod, uid)) = to_restart(observed, now) else { return };
        if !self.restarts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take(&observed.key, now) {
            return;
        }
        let evicted = evict(&self.client, &observed.key.namespace, &pod, &uid).await;
        let (kind, note) = match evicted {
            Ok(()) => (
                EventType::Normal,
                format!("evicted pod {pod}: its node is cut off from the larger side of the cluster"),
            ),
            Err(error) => {
                (EventType::Warning, format!("pod {pod}, cut off from the cluster, is not restarted: {error}"))
            }
        };
        info!(%pod, "{note}");
        let regarding = observed.release.object_ref(&());
        self.events.publish(&regarding, kind, "NodeRestart", "Heal", note).await;
    }

    /// Tells what became of a rotation of the cookie, or what it waits for.
    pub(super) async fn tell_of_rotation(&self, observed: &Observed, rotated: bool) {
        let (kind, reason, note) = match rotation_waits(observed) {
            _ if rotated => (EventType::Normal, "CookieRotated", "every node has the new cookie".to_owned()),
            Some(why) => (EventType::Warning, "CookieRotationWaits", why),
            None => return,
        };
        let regarding = observed.release.object_ref(&());
        self.events.publish(&regarding, kind, reason, "Rotate", note).await;
    }

    /// Has nodes that should be connected connect.
    pub(super) fn mend(&self, observed: &Observed) {
        if let Some(observer) = &self.observer {
            let (wishes, _) = wishes(observed, jiff::Timestamp::now());
            observer.connect(&observed.key, wishes);
        }
    }

    pub(super) fn unfollow(&self, key: &Key) {
        if let Some(observer) = &self.observer {
            observer.follow(key, None);
        }
    }

    /// What was seen of the nodes of a release's cluster; `None` if nobody looks.
    pub(super) fn mesh(&self, release: &ElixirRelease, key: &Key) -> Option<Vec<Sighting>> {
        let is_wanted = release.spec.cluster.observation.mode == ObservationMode::Enabled;
        let observer = self.observer.as_ref().filter(|_| is_wanted)?;
        Some(observer.sightings(&key.sibling(&names::cluster(release))))
    }
}
