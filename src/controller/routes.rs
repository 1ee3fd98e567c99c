//! What a reconcile has the watch of HTTPRoutes do: begin, once a release asks for one.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::lock;
use super::observe::Observed;
use super::reconcile::Context;
use super::watches::Demand;

/// How long a release that asks for routes is not looked at before they have been listed once: so long the last thing that
/// was told of it holds, after a restart of the operator for instance. Then it is told that they are not known.
const PATIENCE: Duration = Duration::from_secs(10);

/// The demand for routes in a scope, and since when there is one.
#[derive(Default)]
pub struct Routes {
    demand: Demand,
    since: OnceLock<Instant>,
}

impl Routes {
    /// Routes that are watched on this demand.
    #[must_use]
    pub fn on(demand: Demand) -> Self {
        Self { demand, since: OnceLock::new() }
    }
}

impl Context {
    /// Has routes watched from now on if a release asks for that; whether it is to wait until they are listed.
    pub(super) fn waits_for_routes(&self, observed: &Observed) -> bool {
        let cache = lock(&self.cache);
        if !cache.asks_for_routes(&observed.key, &observed.release) {
            return false;
        }
        self.routes.demand.notify_one();
        !cache.routes.is_settled() && self.routes.since.get_or_init(Instant::now).elapsed() < PATIENCE
    }
}
