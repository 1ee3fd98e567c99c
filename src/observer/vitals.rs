//! What a node measures of itself: it moves all the time, so it goes to the metrics and never into a status.

use std::time::Duration;

use crate::beam::{Connection, Result};

/// With more processes than this, a node is not asked for its longest message queue: to look at each takes it a while.
const MANY: u64 = 20_000;

/// A node's own measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Bytes that the virtual machine uses, `erlang:memory(total)`.
    pub memory: u64,
    /// Processes and ports that wait for a scheduler, `erlang:statistics(total_run_queue_lengths)`.
    pub run_queue: u64,
    /// Schedulers that it uses, `erlang:system_info(schedulers_online)`.
    pub schedulers: u64,
    /// Processes, `erlang:system_info(process_count)`.
    pub processes: u64,
    /// Messages that wait for the process for which most do; `None` where there are too many processes to look at each.
    pub longest_queue: Option<u64>,
}

/// How many questions it took to get these, or to get none.
pub(super) fn questions(answered: Option<&Vitals>) -> u64 {
    4 + u64::from(answered.is_some_and(|vitals| vitals.longest_queue.is_some()))
}

/// Asks a node.
pub(super) async fn ask(connection: &Connection, limit: Duration) -> Result<Vitals> {
    let (memory, run_queue, schedulers, processes) = tokio::try_join!(
        connection.memory(limit),
        connection.run_queue(limit),
        connection.schedulers_online(limit),
        connection.process_count(limit)
    )?;
    let longest_queue = if processes > MANY { None } else { Some(connection.longest_queue(limit).await?) };
    Ok(Vitals { memory: memory.total, run_queue, schedulers, processes, longest_queue })
}
