//! Waiting: for something to become true, with a deadline that only a defect or a hopelessly loaded machine exceeds.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// When waiting has no sense any more.
pub const DEADLINE: Duration = Duration::from_secs(90);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Looks until there is something to return; what the last look found instead is told when the deadline has passed.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(instead) if Instant::now() > deadline => {
                panic!("after {} s there is not: {what}. Instead:\n{instead}", DEADLINE.as_secs())
            }
            Err(_) => sleep(BETWEEN_LOOKS).await,
        }
    }
}
