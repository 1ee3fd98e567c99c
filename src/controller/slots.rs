//! How many releases are reconciled at the same time.
//!
//! A write that gets no answer, behind an admission webhook that hangs say, holds its slot until the request has timed
//! out. So the releases whose last reconcile failed share half of the slots, and come back a little later when these are
//! taken: however many hang again and again, the others find the other half. Only the first time that many hang at once
//! are all slots taken, for one time-out each.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// The slots, of all scopes.
pub struct Slots {
    all: Semaphore,
    retries: Semaphore,
}

/// A slot, until it is dropped.
#[derive(Debug)]
pub struct Slot<'a> {
    _one: Option<SemaphorePermit<'a>>,
    _retry: Option<SemaphorePermit<'a>>,
}

impl Slots {
    /// As many slots.
    #[must_use]
    pub fn new(count: u16) -> Arc<Self> {
        let count = usize::from(count);
        Arc::new(Self { all: Semaphore::new(count), retries: Semaphore::new((count / 2).max(1)) })
    }

    /// A slot, once there is one; `None` for one that has failed and has to come back later.
    pub async fn take(&self, has_failed: bool) -> Option<Slot<'_>> {
        let retry = if has_failed { Some(self.retries.try_acquire().ok()?) } else { None };
        // The semaphore is never closed, and an error would only mean no limit.
        Some(Slot { _one: self.all.acquire().await.ok(), _retry: retry })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn those_that_failed_leave_half_of_the_slots_to_the_others() {
        let slots = Slots::new(4);
        let retries = [slots.take(true).await.unwrap(), slots.take(true).await.unwrap()];
        assert!(slots.take(true).await.is_none());
        let others = [slots.take(false).await, slots.take(false).await];
        assert!(slots.take(false).now_or_never().is_none(), "all are taken");
        drop(retries);
        assert!(slots.take(true).now_or_never().is_some_and(|slot| slot.is_some()));
        drop(others);
    }

    #[tokio::test]
    async fn a_single_slot_is_for_all() {
        let slots = Slots::new(1);
        assert!(slots.take(true).await.is_some());
        assert!(slots.take(false).await.is_some());
    }
}
