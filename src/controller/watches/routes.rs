//! HTTPRoutes are watched once a release asks for one, where the API server has them and lets the operator look. Whoever has
//! none pays nothing for them.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Error, watcher};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::{Watches, config};
use crate::controller::cache::{Change, Lack};
use crate::controller::live::Lean;
use crate::controller::lock;
use crate::controller::view::route;

/// Says that a release asks for a look at routes.
pub type Demand = Arc<Notify>;

/// Time between two tries to look at what cannot be looked at.
const RETRY: Duration = Duration::from_secs(30);

const KIND: &str = "HTTPRoute";

impl Watches {
    /// Follows HTTPRoutes, in a task of its own, as long as any release asks for them.
    pub fn follow_routes(&self, tasks: &mut JoinSet<()>, demand: Demand) {
        let watches = self.clone();
        tasks.spawn(async move {
            loop {
                demand.notified().await;
                while !lock(&watches.cache).askers().is_empty() {
                    let lack = watches.until_unavailable().await;
                    info!(kind = KIND, ?lack, "cannot be looked at");
                    let concerned = lock(&watches.cache).lose_routes(lack);
                    watches.queue.push(concerned);
                    tokio::time::sleep(RETRY).await;
                }
            }
        });
    }

    /// Follows them until that is of no use any more, and says why.
    async fn until_unavailable(&self) -> Lack {
        let mut events = pin!(watcher(self.dynamic_api(&route::resource()), config()).default_backoff());
        loop {
            let change = match events.next().await {
                Some(Ok(event)) => Change::from(event).map(|Lean(object)| object),
                Some(Err(error)) => {
                    if let Some(lack) = lack(&error) {
                        return lack;
                    }
                    self.metrics.watch_failed(KIND);
                    warn!(kind = KIND, %error, "a watch failed and is started again");
                    continue;
                }
                // A watch has no end of its own.
                None => return Lack::NotInstalled,
            };
            if matches!(change, Change::Begin) {
                self.metrics.watch_restarted(KIND);
            }
            let concerned = lock(&self.cache).on_route(change);
            self.queue.push(concerned);
        }
    }
}

/// What is lacking, if it is no use to try again at once.
fn lack(error: &Error) -> Option<Lack> {
    let status = match error {
        Error::InitialListFailed(kube::Error::Api(status)) | Error::WatchStartFailed(kube::Error::Api(status)) => {
            status
        }
        Error::WatchError(status) => status,
        _ => return None,
    };
    match status.code {
        404 => Some(Lack::NotInstalled),
        403 => Some(Lack::Forbidden),
        _ => None,
    }
}
