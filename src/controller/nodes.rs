//! What a reconcile has the observer do about the nodes of a release: look at them, and connect them.
//!
//! What to do is decided in [`mesh`](super::mesh); here it is handed on.

use super::cache::Key;
use super::mesh::{watchlists, wishes};
use super::observe::Observed;
use super::reconcile::Context;
use crate::api::{ElixirRelease, ObservationMode};
use crate::observer::Sighting;
use crate::resources::names;

impl Context {
    /// Looks at the nodes of a release from now on, as it asks for.
    pub(super) fn follow(&self, observed: &Observed) {
        if let Some(observer) = &self.observer {
            observer.follow(&observed.key, watchlists(observed, &self.facts));
        }
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
            observer.follow(key, Vec::new());
        }
    }

    /// What was seen of the nodes of a release's cluster; `None` if nobody looks.
    pub(super) fn mesh(&self, release: &ElixirRelease, key: &Key) -> Option<Vec<Sighting>> {
        let is_wanted = release.spec.cluster.observation.mode == ObservationMode::Enabled;
        let observer = self.observer.as_ref().filter(|_| is_wanted)?;
        Some(observer.sightings(&key.sibling(&names::cluster(release))))
    }
}
