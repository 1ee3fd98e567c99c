//! Has nodes leave: runs the command of `spec.shutdown.leave` in their pods.
//!
//! A run may take minutes, so each is a task of its own, which has its release looked at again when it ends. What became of it
//! is kept here until the pod is gone; that a node has left is written on the pod by whoever looks then.

mod run;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use self::run::run;
use crate::controller::cache::Key;
use crate::controller::pod::PodView;
use crate::controller::queue::Queue;
use crate::rollout::leave::Attempt;

/// Has the nodes of the releases in one scope leave.
pub struct Leaver {
    client: Client,
    queue: Queue,
    runs: Arc<Mutex<Runs>>,
}

/// By release, and by the uid of the pod.
type Runs = HashMap<Key, BTreeMap<Box<str>, Run>>;

/// The last run in a pod.
struct Run {
    attempt: Attempt,
    /// Runs that failed in a row, this one not counted.
    failures: u32,
    /// It goes on as long as this is kept.
    _task: AbortOnDropHandle<()>,
}

impl Leaver {
    /// One that has asked no node yet, and puts releases of which something is new into `queue`.
    #[must_use]
    pub fn new(client: Client, queue: Queue) -> Self {
        Self { client, queue, runs: Arc::default() }
    }

    /// What came of asking the nodes of a release, by the uid of their pods. What is known of other pods is forgotten: they
    /// are gone.
    #[must_use]
    pub fn attempts(&self, release: &Key, pods: &[PodView]) -> BTreeMap<Box<str>, Attempt> {
        let mut all = lock(&self.runs);
        let Some(runs) = all.get_mut(release) else { return BTreeMap::new() };
        runs.retain(|uid, _| pods.iter().any(|pod| pod.uid == *uid));
        let attempts = runs.iter().map(|(uid, run)| (uid.clone(), run.attempt.clone())).collect();
        if runs.is_empty() {
            all.remove(release);
        }
        attempts
    }

    /// Runs a command in a pod, unless one runs there already.
    pub fn ask(&self, release: &Key, pod: &str, uid: &str, command: Vec<String>, limit: Duration) {
        let mut all = lock(&self.runs);
        let runs = all.entry(release.clone()).or_default();
        let failures = match runs.get(uid).map(|run| &run.attempt) {
            Some(Attempt::Running) => return,
            Some(Attempt::Failed { failures, .. }) => *failures,
            Some(Attempt::Left(_)) | None => 0,
        };
        let task = self.task(release.clone(), pod.to_owned(), uid.into(), command, limit);
        let run = Run { attempt: Attempt::Running, failures, _task: AbortOnDropHandle::new(tokio::spawn(task)) };
        runs.insert(uid.into(), run);
    }

    /// Ends all that runs for a release that is gone.
    pub fn forget(&self, release: &Key) {
        lock(&self.runs).remove(release);
    }

    fn task(
        &self,
        release: Key,
        pod: String,
        uid: Box<str>,
        command: Vec<String>,
        limit: Duration,
    ) -> impl Future<Output = ()> + use<> {
        let (client, queue, runs) = (self.client.clone(), self.queue.clone(), self.runs.clone());
        async move {
            let Key { namespace, name } = &release;
            info!(%namespace, release = %name, pod, "asks a node to leave");
            let ended = run(client, namespace, &pod, command, limit).await;
            let now = Timestamp::now();
            match &ended {
                Ok(()) => info!(%namespace, release = %name, pod, "the node has left"),
                Err(why) => {
                    warn!(%namespace, release = %name, pod, why, "the node has not left and is asked again later");
                }
            }
            if let Some(run) = lock(&runs).get_mut(&release).and_then(|runs| runs.get_mut(&uid)) {
                run.attempt = match ended {
                    Ok(()) => Attempt::Left(now),
                    Err(why) => Attempt::failed(why, run.failures, now),
                };
            }
            queue.push([release]);
        }
    }
}

/// A panic while it was held leaves what was known before.
fn lock<T>(runs: &Mutex<T>) -> MutexGuard<'_, T> {
    runs.lock().unwrap_or_else(PoisonError::into_inner)
}
