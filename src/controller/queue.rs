//! The releases that are worth another look.
//!
//! kube's scheduler drops a release that is queued twice, so each change is passed on; the queue counts what waits, for
//! the metrics. It must not hold anything back itself: a release that is deleted while it waits is never reconciled, and
//! one that is made anew under its name would wait for ever.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};

use super::cache::Key;
use crate::operator::metrics::Metrics;

/// The releases that wait, of all scopes.
pub struct Backlog {
    waiting: Mutex<HashSet<Key>>,
    metrics: Arc<Metrics>,
}

impl Backlog {
    /// An empty backlog that reports its size.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), metrics })
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashSet<Key>) -> T) -> T {
        let mut waiting: MutexGuard<'_, _> = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut waiting);
        self.metrics.reconciles.set_queue_depth(waiting.len());
        result
    }
}

/// The way from the watches of one scope to its reconciles.
#[derive(Clone)]
pub struct Queue {
    sender: UnboundedSender<Key>,
    backlog: Arc<Backlog>,
}

impl Queue {
    /// A queue and the end from which the controller takes.
    #[must_use]
    pub fn new(backlog: Arc<Backlog>) -> (Self, UnboundedReceiver<Key>) {
        let (sender, receiver) = unbounded();
        (Self { sender, backlog }, receiver)
    }

    /// Puts in releases.
    pub fn push(&self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            self.backlog.change(|waiting| waiting.insert(key.clone()));
            // The channel closes when the controller stops, and then nobody needs to look again.
            let _ = self.sender.unbounded_send(key);
        }
    }

    /// Counts a release no more: its reconcile starts, or it is gone.
    pub fn take(&self, key: &Key) {
        self.backlog.change(|waiting| waiting.remove(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(metrics: &Metrics) -> String {
        let text = metrics.encode().unwrap();
        text.lines().find(|line| line.starts_with("beam_operator_queue_depth")).unwrap().to_owned()
    }

    #[test]
    fn a_release_that_waits_is_counted_once_and_passed_on_each_time() {
        let metrics = Arc::new(Metrics::default());
        let (queue, mut passed_on) = Queue::new(Backlog::new(metrics.clone()));
        let (shop, blog) = (Key::new("store", "shop"), Key::new("store", "blog"));
        queue.push([shop.clone(), shop.clone(), blog.clone()]);
        assert_eq!(depth(&metrics), "beam_operator_queue_depth 2");
        queue.take(&shop);
        assert_eq!(depth(&metrics), "beam_operator_queue_depth 1");
        for expected in [&shop, &shop, &blog] {
            assert_eq!(passed_on.try_recv().unwrap(), *expected);
        }
    }
}
