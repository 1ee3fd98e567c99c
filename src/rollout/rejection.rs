//! What is noted about a revision that was rejected.

use serde::{Deserialize, Serialize};

use super::Note;

/// Why a revision does not run although it is asked for, as it is noted on its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The number that the revision had.
    pub number: i64,
    /// Why, in a word.
    pub cause: Cause,
    /// The evidence, in words.
    pub message: String,
    /// The revision that runs instead.
    pub instead: String,
    /// What was asked for, as an annotation and its value, if it was rejected on request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// Why a revision was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// It made no progress within `rollout.progressDeadlineSeconds`.
    ProgressDeadlineExceeded,
    /// Its nodes end again and again.
    CrashLoop,
    /// Its nodes are killed for using more memory than their limit.
    OutOfMemory,
    /// Its nodes have not met their cluster within `rollout.progressDeadlineSeconds`.
    NotClustered,
    /// Its virtual machines bore too much at the end of `rollout.progressDeadlineSeconds`.
    Strained,
    /// Somebody asked for another revision.
    Undone,
    /// Somebody gave the rollout up.
    Aborted,
}

impl Note for Rejection {}

impl Rejection {
    /// Whether a person wanted it.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        matches!(self.cause, Cause::Undone | Cause::Aborted)
    }
}
