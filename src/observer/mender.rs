//! The task that has one node connect to others.
//!
//! It asks for one connection after the other and tries again with growing pauses, as long as they are wished for. Where
//! the node's `global` prevents overlapping partitions it stops at the first that fails: to meet the others without that
//! one would be undone at once, and by all of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info};

use super::Shared;
use super::cluster::Cluster;
use crate::beam::{Connected, NodeName};
use crate::controller::cache::Key;
use crate::time::chance;

/// How long a node may take to connect to another: `net_setuptime`, which is seven seconds unless set otherwise, and some.
const CONNECT_NODE: Duration = Duration::from_secs(10);
/// Pauses between tries: doubled from the first up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LAST_PAUSE: Duration = Duration::from_mins(1);

/// Has one node connect to others.
pub(super) struct Mender {
    pub(super) shared: Arc<Shared>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) key: Key,
    pub(super) uid: Arc<str>,
    pub(super) wished: watch::Receiver<Vec<NodeName>>,
}

impl Mender {
    /// Until the task is aborted.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let others = self.wished.borrow_and_update().clone();
            self.try_all(&others).await;
            let until = Instant::now() + pause.mul_f64(1.0 - chance() / 10.0);
            pause = (pause * 2).min(LAST_PAUSE);
            if self.is_news(&others, until).await {
                pause = FIRST_PAUSE;
            }
        }
    }

    /// Waits until then, or until a connection is wished for that was not tried.
    async fn is_news(&mut self, tried: &[NodeName], until: Instant) -> bool {
        let news = async {
            // Its sender is dropped with this task.
            while self.wished.changed().await.is_ok() {
                if self.wished.borrow().iter().any(|name| !tried.contains(name)) {
                    return;
                }
            }
            std::future::pending::<()>().await;
        };
        timeout_at(until, news).await.is_ok()
    }

    async fn try_all(&self, others: &[NodeName]) {
        for other in others {
            let is_connected = self.try_one(other).await;
            if !is_connected && self.cluster.prevents_overlapping_partitions(&self.uid) {
                break;
            }
        }
        // Whatever came of it, the nodes know it now.
        self.cluster.alarm();
    }

    async fn try_one(&self, other: &NodeName) -> bool {
        let Some(connection) = self.cluster.connection(&self.uid) else { return false };
        let node = connection.peer().name.clone();
        self.shared.metrics.asked(1);
        let answer = connection.connect_node(other.clone(), CONNECT_NODE).await;
        let is_connected = matches!(answer, Ok(Connected::Yes));
        self.shared.metrics.connected(is_connected);
        let Key { namespace, name } = &self.key;
        match answer {
            Ok(Connected::Yes) => info!(%namespace, cluster = %name, %node, %other, "had a node connect to another"),
            Ok(answer) => {
                debug!(%namespace, cluster = %name, %node, %other, ?answer, "a node did not connect to another");
            }
            Err(error) => {
                debug!(%namespace, cluster = %name, %node, %other, %error, "a node did not connect to another");
            }
        }
        is_connected
    }
}
