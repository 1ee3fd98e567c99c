//! Kubernetes events about releases: what `kubectl describe` shows under `Events`.
//!
//! They are written as [events.k8s.io/v1] directly. kube's recorder counts a second note under the same reason as a repeat
//! of the first and shows the first one's text; here a changed note is a new event. What only repeats is not sent at all:
//! [`memory`] decides. So the operator needs no permission to patch events, and a release that fails a hundred times an
//! hour costs a handful of requests.
//!
//! An event is best effort. It never fails a reconcile and holds it up for two seconds at most.
//!
//! [events.k8s.io/v1]: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/

mod memory;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::time::{Instant, timeout};

use super::metrics::Metrics;
use memory::{Memory, Verdict};

/// The name of the operator in events.
const CONTROLLER: &str = "beam-operator.io/beam-operator";

/// Longest time that a reconcile waits for an event to be written.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest note that the API server accepts, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Longest name that the API server accepts, in bytes.
const LONGEST_NAME: usize = 253;

/// Whether somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// All is well.
    Normal,
    /// Something is wrong.
    Warning,
}

/// Writes events. Clones share their memory of what was written.
#[derive(Clone)]
pub struct Events {
    client: Client,
    instance: Arc<str>,
    metrics: Arc<Metrics>,
    memory: Arc<Mutex<Memory>>,
}

impl Events {
    /// Writes events in the name of the operator process `instance`.
    #[must_use]
    pub fn new(client: Client, instance: &str, metrics: Arc<Metrics>) -> Self {
        let instance = truncated(instance, 128).into();
        Self { client, instance, metrics, memory: Arc::default() }
    }

    /// Tells that `action` happened, or failed to happen, to the object `regarding`.
    ///
    /// `reason` and `action` are CamelCase words, `note` a sentence for a person, cut to 1024 bytes. An event with the same
    /// object, reason and note as one of the last ten minutes is not written again.
    pub async fn publish(
        &self,
        regarding: &ObjectReference,
        event_type: EventType,
        reason: &str,
        action: &'static str,
        note: String,
    ) {
        let uid = regarding.uid.as_deref().unwrap_or_default();
        let verdict = self.memory().judge(uid, reason, &note, Instant::now());
        let outcome = match verdict {
            Verdict::Repeated => "repeated",
            Verdict::TooMany => "suppressed",
            Verdict::Write => match self.write(regarding, event_type, reason, action, &note).await {
                Ok(()) => "written",
                Err(error) => {
                    self.memory().retract(uid, reason, &note);
                    tracing::warn!(reason, note, error, "could not write an event");
                    "failed"
                }
            },
        };
        self.metrics.event(outcome);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(
        &self,
        regarding: &ObjectReference,
        event_type: EventType,
        reason: &str,
        action: &'static str,
        note: &str,
    ) -> Result<(), String> {
        let namespace = regarding.namespace.as_deref().unwrap_or("default");
        let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let event = self.event(regarding, event_type, reason, action, note);
        match timeout(PATIENCE, events.create(&PostParams::default(), &event)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    fn event(
        &self,
        regarding: &ObjectReference,
        event_type: EventType,
        reason: &str,
        action: &'static str,
        note: &str,
    ) -> Event {
        let now = Timestamp::now();
        let unique = format!(".{:x}", now.as_nanosecond());
        let object = regarding.name.as_deref().unwrap_or("beam-operator");
        let object = truncated(object, LONGEST_NAME - unique.len()).trim_end_matches(['.', '-']);
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{object}{unique}")),
                namespace: Some(regarding.namespace.clone().unwrap_or_else(|| "default".to_owned())),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            regarding: Some(regarding.clone()),
            type_: Some(if event_type == EventType::Normal { "Normal" } else { "Warning" }.to_owned()),
            reason: Some(reason.to_owned()),
            action: Some(action.to_owned()),
            note: Some(truncated(note, LONGEST_NOTE).to_owned()),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.to_string()),
            ..Event::default()
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// The longest beginning of `text` that has at most `limit` bytes.
fn truncated(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests;
