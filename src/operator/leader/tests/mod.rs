//! Leader election: the decisions as tables, and whole elections against an API server that the tests play, in paused time.

mod decisions;
mod elections;
mod lease_server;

use std::time::Duration;

use super::Timing;

const TIMING: Timing = Timing {
    lease_duration: Duration::from_secs(30),
    renew_deadline: Duration::from_secs(20),
    retry_period: Duration::from_secs(5),
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
