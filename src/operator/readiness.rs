//! Whether this process is ready, in words.
//!
//! The words are what `/readyz` answers, so that `kubectl describe pod` of an operator that does not start tells what it
//! is waiting for. A standby is ready: a Deployment of two replicas must become available although one of them only waits.

use std::sync::Arc;

use tokio::sync::watch;

/// A flag that the stages of start-up move forward and that `/readyz` reads. Clones share it.
#[derive(Clone, Debug)]
pub struct Readiness {
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    ready: bool,
    reason: String,
}

impl Default for Readiness {
    fn default() -> Self {
        let state = State { ready: false, reason: "starting".to_owned() };
        Self { state: Arc::new(watch::Sender::new(state)) }
    }
}

impl Readiness {
    /// Not ready, because of `reason`.
    pub fn waiting_for(&self, reason: impl Into<String>) {
        self.set(false, reason.into());
    }

    /// Ready: another process holds the Lease and this one waits for it.
    pub fn standby(&self) {
        self.set(true, "standing by: another process holds the lease".to_owned());
    }

    /// Ready: the caches are filled and releases are being reconciled.
    pub fn ready(&self) {
        self.set(true, "ready".to_owned());
    }

    /// Whether the process is ready, and the words for `/readyz`.
    #[must_use]
    pub fn check(&self) -> (bool, String) {
        let state = self.state.borrow();
        (state.ready, state.reason.clone())
    }

    fn set(&self, ready: bool, reason: String) {
        let next = State { ready, reason };
        self.state.send_if_modified(|state| {
            let changed = *state != next;
            if changed {
                tracing::debug!(ready = next.ready, reason = next.reason, "readiness");
                *state = next;
            }
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standby_is_ready_and_waiting_is_not() {
        let readiness = Readiness::default();
        assert_eq!(readiness.check(), (false, "starting".to_owned()));
        readiness.waiting_for("the CRD");
        assert_eq!(readiness.check(), (false, "the CRD".to_owned()));
        readiness.standby();
        assert!(readiness.check().0);
        readiness.clone().ready();
        assert_eq!(readiness.check(), (true, "ready".to_owned()));
    }
}
