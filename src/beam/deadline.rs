//! One time by which something of several stages has to be done; what is late is told by its stage.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::error::{Error, Result, Stage};

/// When everything has to be done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// In `limit` from now.
    pub(super) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// Does something that is part of `stage`, unless it is too late.
    pub(super) async fn hold<T>(self, stage: Stage, work: impl Future<Output = Result<T>>) -> Result<T> {
        timeout_at(self.at, work).await.unwrap_or(Err(Error::TimedOut { stage, limit: self.limit }))
    }
}
