//! What is known of the runs of `spec.shutdown.leave`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::controller::pod::PodView;

/// Pauses between runs that fail: doubled from the first up to the last.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
const LAST_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// What came of having a node leave, as far as this process knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The command runs.
    Running,
    /// It ended well, at that time.
    Left(Timestamp),
    /// It did not.
    Failed {
        /// Why, in words.
        why: String,
        /// How often in a row.
        failures: u32,
        /// When it is to be run again.
        again: Timestamp,
    },
}

impl Attempt {
    /// A run that failed after this many others had.
    #[must_use]
    pub fn failed(why: String, before: u32, now: Timestamp) -> Self {
        let pause = FIRST_PAUSE.saturating_mul(1 << before.min(8)).min(LAST_PAUSE);
        let again = now.checked_add(Duration::try_from(pause).unwrap_or_default()).unwrap_or(now);
        Self::Failed { why, failures: before.saturating_add(1), again }
    }

    /// Whether the node was started after it had left.
    pub(super) fn is_outdated(&self, pod: &PodView) -> bool {
        matches!(self, Self::Left(at) if pod.started.is_some_and(|started| started > *at))
    }
}
