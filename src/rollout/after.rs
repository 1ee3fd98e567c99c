//! Releases that have to be complete before a rollout of another one starts.
//!
//! A rollout that has started goes on, whatever becomes of them.

use kube::ResourceExt;

use super::Hold;
use crate::api::{ElixirRelease, RolloutPhase};
use crate::controller::conditions::Reason;
use crate::controller::observe::Observed;

/// How far a release is that another one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// What its spec asks for runs completely.
    Complete,
    /// It is on the way.
    UnderWay,
    /// Its spec cannot be applied.
    Invalid,
    /// Its rollout has failed.
    Failed,
    /// An earlier revision runs than its spec asks for.
    RolledBack,
    /// It waits for others.
    Waiting,
    /// It is held.
    Paused,
}

impl State {
    /// How far a release is by its own account.
    #[must_use]
    pub fn of(release: &ElixirRelease) -> Self {
        let Some(status) = &release.status else { return Self::UnderWay };
        if status.observed_generation != release.metadata.generation {
            return Self::UnderWay;
        }
        if status.condition("ConfigurationValid").is_some_and(|condition| condition.status == "False") {
            return Self::Invalid;
        }
        match status.rollout.as_ref().map(|rollout| rollout.phase) {
            Some(RolloutPhase::Complete) => Self::Complete,
            Some(RolloutPhase::Failed) => Self::Failed,
            Some(RolloutPhase::RolledBack) => Self::RolledBack,
            Some(RolloutPhase::Waiting) => Self::Waiting,
            Some(RolloutPhase::Paused) => Self::Paused,
            Some(RolloutPhase::Progressing) | None => Self::UnderWay,
        }
    }

    /// What is told of one that is not complete.
    fn words(self) -> &'static str {
        match self {
            Self::Complete => "is complete",
            Self::UnderWay => "is on the way",
            Self::Invalid => "is not valid: correct it",
            Self::Failed => "has failed: look at it, or remove it from spec.rollout.after",
            Self::RolledBack => {
                "runs an earlier revision than its spec asks for: look at it, or remove it from spec.rollout.after"
            }
            Self::Waiting => "waits for others itself",
            Self::Paused => "is paused",
        }
    }
}

/// What a rollout waits for, if it may not start yet.
pub(super) fn hold(observed: &Observed) -> Option<Hold> {
    let waits: Vec<_> =
        observed.predecessors.iter().filter_map(|(name, release)| waits(name, release.as_deref())).collect();
    (!waits.is_empty()).then(|| {
        let message = format!("waits for other releases (spec.rollout.after): {}", waits.join("; "));
        Hold { reason: Reason::WaitingForRelease, message }
    })
}

fn waits(name: &str, release: Option<&ElixirRelease>) -> Option<String> {
    let Some(release) = release else {
        return Some(format!("{name} does not exist: create it, or remove it from spec.rollout.after"));
    };
    if release.metadata.deletion_timestamp.is_some() {
        return Some(format!(
            "{} is being deleted: create it anew, or remove it from spec.rollout.after",
            release.name_any()
        ));
    }
    let state = State::of(release);
    (state != State::Complete).then(|| format!("{name} {}", state.words()))
}
