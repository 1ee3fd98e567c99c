//! What is known of the nodes of one cluster, shared by the tasks that look at them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::access::Keyring;
use super::pace::ALERT;
use super::sighting::{Failure, Node, Seen, Sighting, View};
use super::vitals::Vitals;
use crate::beam::{Connection, NodeName};

/// A cluster that is watched.
pub(super) struct Cluster {
    state: Mutex<State>,
    /// Until when it is watched closely.
    alert: watch::Sender<Instant>,
    pub(super) keyring: Keyring,
    /// Sent when connections are to be opened anew.
    renewal: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// By the uid of the pod.
    nodes: BTreeMap<Arc<str>, Entry>,
    /// The state of what lets us in that is known last.
    access: Option<u64>,
    /// Each name of a peer is kept once: in a mesh of many nodes each node has all of them.
    names: BTreeSet<NodeName>,
}

struct Entry {
    sighting: Sighting,
    connection: Option<Arc<Connection>>,
    vitals: Option<Vitals>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            alert: watch::Sender::new(Instant::now()),
            keyring: Keyring::default(),
            renewal: watch::Sender::new(()),
        }
    }
}

impl Cluster {
    /// Takes up a node, or what has changed about its pod. Whether that is news.
    pub(super) fn put(&self, release: &Arc<str>, node: Node, is_same: bool) -> bool {
        let mut state = self.lock();
        match state.nodes.get_mut(&node.uid) {
            Some(entry) if is_same => {
                let is_news = entry.sighting.node != node;
                entry.sighting.node = node;
                is_news
            }
            _ => {
                let uid = node.uid.clone();
                let sighting = Sighting {
                    release: release.clone(),
                    node,
                    seen: Seen::NotYet,
                    has_answered: false,
                    has_met: false,
                };
                state.nodes.insert(uid, Entry { sighting, connection: None, vitals: None });
                true
            }
        }
    }

    /// Forgets a node.
    pub(super) fn remove(&self, uid: &str) {
        let mut state = self.lock();
        state.nodes.remove(uid);
        let State { nodes, names, .. } = &mut *state;
        let views = nodes.values().filter_map(|entry| entry.sighting.view());
        let used: BTreeSet<_> = views.flat_map(|view| view.peers.iter()).cloned().collect();
        *names = used;
    }

    /// Takes in what a look came to. Whether it is news.
    pub(super) fn saw(&self, uid: &str, view: View, vitals: Option<Vitals>) -> bool {
        let mut state = self.lock();
        let peers = view.peers.into_iter().map(|name| state.intern(name)).collect();
        let view = View { peers, ..view };
        let met = {
            let others = state.nodes.values().filter(|entry| &*entry.sighting.node.uid != uid);
            others.filter_map(|entry| entry.sighting.name()).any(|name| view.sees(name))
        };
        let Some(entry) = state.nodes.get_mut(uid) else { return false };
        entry.vitals = vitals.or(entry.vitals);
        let before = entry.sighting.clone();
        entry.sighting.has_answered = true;
        entry.sighting.has_met |= met;
        if entry.sighting.view() != Some(&view) {
            entry.sighting.seen = Seen::View(Arc::new(view));
        }
        entry.sighting != before
    }

    /// Takes in why a node could not be asked. Whether it is news.
    pub(super) fn failed(&self, uid: &str, failure: Failure) -> bool {
        let mut state = self.lock();
        let Some(entry) = state.nodes.get_mut(uid) else { return false };
        entry.vitals = None;
        let seen = Seen::Failed(failure);
        let is_news = entry.sighting.seen != seen;
        entry.sighting.seen = seen;
        is_news
    }

    /// Keeps the connection to a node for others to use.
    pub(super) fn connected(&self, uid: &str, connection: Option<Arc<Connection>>) {
        if let Some(entry) = self.lock().nodes.get_mut(uid) {
            entry.connection = connection;
        }
    }

    /// The connection to a node, if there is one.
    pub(super) fn connection(&self, uid: &str) -> Option<Arc<Connection>> {
        self.lock().nodes.get(uid)?.connection.clone()
    }

    /// All connections.
    pub(super) fn connections(&self) -> Vec<Arc<Connection>> {
        self.lock().nodes.values().filter_map(|entry| entry.connection.clone()).collect()
    }

    /// Takes in the state of what lets us in. Whether there was another before.
    pub(super) fn is_another_access(&self, state: u64) -> bool {
        self.lock().access.replace(state).is_some_and(|before| before != state)
    }

    /// Has all connections be opened anew, with credentials that are read anew.
    pub(super) async fn renew(&self) {
        self.keyring.forget(true).await;
        self.renewal.send_replace(());
    }

    /// When connections are to be opened anew.
    pub(super) fn renewals(&self) -> watch::Receiver<()> {
        self.renewal.subscribe()
    }

    /// Whether a node's `global` disconnects nodes that not all others see.
    pub(super) fn prevents_overlapping_partitions(&self, uid: &str) -> bool {
        let state = self.lock();
        let view = state.nodes.get(uid).and_then(|entry| entry.sighting.view());
        view.is_some_and(|view| view.prevents_overlapping_partitions)
    }

    /// What is known of each node, by release and pod.
    pub(super) fn sightings(&self) -> Vec<Sighting> {
        let mut sightings: Vec<_> = self.lock().nodes.values().map(|entry| entry.sighting.clone()).collect();
        sightings.sort_by(|a, b| (&a.release, &a.node.pod).cmp(&(&b.release, &b.node.pod)));
        sightings
    }

    /// What the nodes that answer measure of themselves, by release and pod.
    pub(super) fn vitals(&self) -> Vec<(Arc<str>, Arc<str>, Option<Vitals>)> {
        let state = self.lock();
        let of = |entry: &Entry| (entry.sighting.release.clone(), entry.sighting.node.pod.clone(), entry.vitals);
        state.nodes.values().map(of).collect()
    }

    /// The same of those that were asked, by the uid of their pods.
    pub(super) fn vitals_by_uid(&self) -> Vec<(Arc<str>, Vitals)> {
        self.lock().nodes.iter().filter_map(|(uid, entry)| Some((uid.clone(), entry.vitals?))).collect()
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.lock().nodes.len()
    }

    /// From now on all its nodes are watched closely for a while.
    pub(super) fn alarm(&self) {
        self.alert.send_replace(Instant::now() + ALERT);
    }

    /// Until when it is watched closely, now and whenever that changes.
    pub(super) fn alert(&self) -> watch::Receiver<Instant> {
        self.alert.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn intern(&mut self, name: NodeName) -> NodeName {
        if let Some(known) = self.names.get(&name) {
            return known.clone();
        }
        self.names.insert(name.clone());
        name
    }
}
