//! When to look at a node again.
//!
//! At rest each node is looked at once in an interval, not all at the same time. When anything changes in a cluster, all of
//! its nodes are looked at in quick succession for a while: the others are about to notice as well. A node that cannot be
//! asked is tried less and less often.

use std::time::Duration;

/// How long a cluster is watched closely after a change.
pub const ALERT: Duration = Duration::from_mins(1);

/// Pause between two looks at a node of a cluster that is watched closely; a large cluster gets more for each of its nodes.
const CLOSE: Duration = Duration::from_secs(2);
const CLOSE_FOR_EACH: Duration = Duration::from_millis(50);

/// Pauses between tries of a node that cannot be asked: doubled from the first up to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_mins(1);

/// The pause before the next look at a node of a cluster of `size`, after `failures` in a row. `chance` is between 0 and 1
/// and spreads the looks: up to a tenth earlier.
#[must_use]
pub fn pause(interval: Duration, size: usize, is_alert: bool, failures: u32, chance: f64) -> Duration {
    let close = CLOSE + CLOSE_FOR_EACH * u32::try_from(size).unwrap_or(u32::MAX);
    let retry = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(LAST_RETRY);
    let pause = match (failures, is_alert) {
        (0, true) => close.min(interval),
        (0, false) => interval,
        // What is new in its cluster may be that it can be asked again.
        (_, true) => retry.min(interval).max(FIRST_RETRY),
        (_, false) => retry,
    };
    pause.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 10.0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::at_rest(3, false, 0, 15_000)]
    #[case::close(3, true, 0, 2_150)]
    #[case::close_is_never_slower_than_rest(1000, true, 0, 15_000)]
    #[case::first_failure(3, false, 1, 1_000)]
    #[case::second_failure(3, false, 2, 2_000)]
    #[case::for_long(3, false, 99, 60_000)]
    #[case::for_long_in_a_cluster_that_changes(3, true, 99, 15_000)]
    fn a_pause(#[case] size: usize, #[case] is_alert: bool, #[case] failures: u32, #[case] millis: u64) {
        let interval = Duration::from_secs(15);
        assert_eq!(pause(interval, size, is_alert, failures, 0.0), Duration::from_millis(millis));
        assert_eq!(pause(interval, size, is_alert, failures, 1.0), Duration::from_millis(millis * 9 / 10));
    }
}
