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
    /// What is missing of what was there at the start.
    lacking: Option<String>,
}

impl Default for Readiness {
    fn default() -> Self {
        let state = State { ready: false, reason: "starting".to_owned(), lacking: None };
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

    /// Not ready, whatever stage it has come to, because this was taken away; with `None`, it is there again.
    pub fn lacking(&self, what: Option<String>) {
        self.change(|state| state.lacking = what);
    }

    /// Whether the process is ready, and the words for `/readyz`.
    #[must_use]
    pub fn check(&self) -> (bool, String) {
        let state = self.state.borrow();
        match &state.lacking {
            Some(lacking) => (false, lacking.clone()),
            None => (state.ready, state.reason.clone()),
        }
    }

    fn set(&self, ready: bool, reason: String) {
        self.change(|state| (state.ready, state.reason) = (ready, reason));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        self.state.send_if_modified(|state| {
            let mut next = state.clone();
            change(&mut next);
            let changed = *state != next;
            if changed {
                tracing::debug!(ready = next.ready, reason = next.reason, lacking = next.lacking, "readiness");
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

    #[test]
    fn what_was_taken_away_counts_at_any_stage() {
        let readiness = Readiness::default();
        readiness.ready();
        readiness.lacking(Some("the CRD".to_owned()));
        assert_eq!(readiness.check(), (false, "the CRD".to_owned()));
        readiness.standby();
        assert_eq!(readiness.check(), (false, "the CRD".to_owned()));
        readiness.lacking(None);
        assert!(readiness.check().0);
    }
}
