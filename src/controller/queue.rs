//! The releases that are worth another look.
//!
//! kube's scheduler already drops a release that is queued twice; the queue counts what waits, for the metrics, and keeps a
//! burst of changes of one release from growing the channel between the watches and the scheduler.

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

    /// Puts in releases, unless they wait already.
    pub fn push(&self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            if self.backlog.change(|waiting| waiting.insert(key.clone())) {
                // The channel closes when the controller stops, and then nobody needs to look again.
                let _ = self.sender.unbounded_send(key);
            }
        }
    }

    /// Takes a release out at the start of its reconcile: what changes from now on needs another.
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
    fn a_release_waits_once_until_it_is_taken() {
        let metrics = Arc::new(Metrics::default());
        let (queue, mut taken) = Queue::new(Backlog::new(metrics.clone()));
        let shop = Key::new("store", "shop");
        queue.push([shop.clone(), shop.clone(), Key::new("store", "blog")]);
        assert_eq!(depth(&metrics), "beam_operator_queue_depth 2");
        assert_eq!(taken.try_recv().unwrap(), shop);
        queue.take(&shop);
        assert_eq!(depth(&metrics), "beam_operator_queue_depth 1");
        queue.push([shop.clone()]);
        assert_eq!(taken.try_recv().unwrap(), Key::new("store", "blog"));
        assert_eq!(taken.try_recv().unwrap(), shop);
    }
}
