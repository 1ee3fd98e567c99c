//! What a reconcile has the observer do about the nodes of a release: look at them, and connect them.
//!
//! What to do is decided in [`mesh`](super::mesh); here it is handed on.

use super::cache::Key;
use super::mesh::{watchlists, wishes};
use super::observe::Observed;
use super::reconcile::Context;
use crate::api::ObservationMode;
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

    /// The same with what is known of the nodes of its cluster, if somebody looks at them.
    pub(super) fn with_mesh(&self, known: Observed) -> Observed {
        let release = &known.release;
        let is_wanted = release.spec.cluster.observation.mode == ObservationMode::Enabled;
        let Some(observer) = self.observer.as_ref().filter(|_| is_wanted) else { return known };
        let cluster = known.key.sibling(&names::cluster(release));
        Observed { mesh: Some(observer.sightings(&cluster)), vitals: observer.vitals(&cluster), ..known }
    }
}
