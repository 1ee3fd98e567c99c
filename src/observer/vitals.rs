//! What a node measures of itself: it moves all the time, so it goes to the metrics and never into a status.

use std::time::Duration;

use crate::beam::{Connection, Result};

/// A node's own measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Bytes that the virtual machine uses, `erlang:memory(total)`.
    pub memory: u64,
    /// Processes and ports that wait for a scheduler, `erlang:statistics(total_run_queue_lengths)`.
    pub run_queue: u64,
    /// Processes, `erlang:system_info(process_count)`.
    pub processes: u64,
}

/// How many questions that takes.
pub(super) const QUESTIONS: u64 = 3;

/// Asks a node.
pub(super) async fn ask(connection: &Connection, limit: Duration) -> Result<Vitals> {
    let (memory, run_queue, processes) =
        tokio::try_join!(connection.memory(limit), connection.run_queue(limit), connection.process_count(limit))?;
    Ok(Vitals { memory: memory.total, run_queue, processes })
}
