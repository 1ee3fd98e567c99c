//! The observer: what the nodes of each cluster know of each other, kept up to date beside the controller.
//!
//! The controller says which nodes there are ([`Observer::follow`]), and hears on a channel of which cluster something new
//! is known. The observer decides nothing and writes nothing: it holds one connection and one task for each node and asks.
//! It has nodes connect to others where the controller wishes that ([`Observer::connect`]).
//! Nothing of it is in the way of a reconcile, and a node that is slow or silent costs the others nothing: each has limits
//! of its own, and only so many are asked at the same time.
//!
//! ```text
//! controller ── follow(release, nodes) ──►  watcher, a task a node  ── beam ──►  node
//!            ◄── "something new in …" ────  cluster, what is known
//! ```
//!
//! At rest a node is asked one short question in an interval. When anything changes, the nodes of that cluster are asked
//! every other second for a minute ([`pace`]): the first node that notices a loss tells it for all.

mod access;
mod cluster;
mod mender;
mod pace;
mod sighting;
mod vitals;
mod watcher;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::Client;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::AbortOnDropHandle;

pub use access::Access;
pub use sighting::{Failure, FailureKind, Node, Seen, Sighting, View};
pub use vitals::Vitals;

use self::cluster::Cluster;
use self::mender::Mender;
use self::watcher::Watcher;
use crate::beam::NodeName;
use crate::controller::cache::Key;
use crate::operator::metrics::{Metrics, NodeSample, ObserverMetrics};

/// How many nodes are asked at the same time.
const CONCURRENCY: usize = 64;
/// How long a node may take to change its cookie.
const SET_COOKIE: Duration = Duration::from_secs(5);

/// Nodes that are to meet: those of a cluster or, where revisions are apart, those of one revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mesh {
    /// The cluster.
    pub cluster: Key,
    /// The revision whose nodes meet no others.
    pub revision: Option<Arc<str>>,
}

/// Which nodes of a release to look at, and how: those of one mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct Watchlist {
    /// The mesh that they are to form.
    pub mesh: Mesh,
    /// What lets us in.
    pub access: Access,
    /// Which state of it that is, as far as it is known: in another, it may be something else.
    pub access_state: Option<u64>,
    /// How often to look at rest.
    pub interval: Duration,
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// Looks at the nodes of the releases in one scope. Cheap to clone.
#[derive(Clone)]
pub struct Observer {
    shared: Arc<Shared>,
    state: Arc<Mutex<State>>,
}

/// What the tasks share.
struct Shared {
    client: Client,
    permits: Semaphore,
    news: UnboundedSender<Key>,
    metrics: ObserverMetrics,
}

#[derive(Default)]
struct State {
    releases: HashMap<Key, HashMap<Mesh, Followed>>,
    /// Of each mesh, those of one cluster in a row.
    clusters: BTreeMap<Mesh, Arc<Cluster>>,
}

/// A release whose nodes are looked at, as far as they are to form one mesh.
struct Followed {
    list: Watchlist,
    cluster: Arc<Cluster>,
    tasks: HashMap<Arc<str>, AbortOnDropHandle<()>>,
    /// Nodes that are to connect to others.
    menders: HashMap<Arc<str>, Mending>,
}

/// Whom a node is to connect to, and the task that sees to it.
type Mending = (watch::Sender<Vec<NodeName>>, AbortOnDropHandle<()>);

impl Observer {
    /// An observer that looks at nothing yet, and the channel on which it names the clusters of which something is new.
    #[must_use]
    pub fn new(client: Client, metrics: &Metrics) -> (Self, UnboundedReceiver<Key>) {
        let (news, told) = unbounded();
        let metrics = metrics.observer.clone();
        let shared = Shared { client, permits: Semaphore::new(CONCURRENCY), news, metrics };
        (Self { shared: Arc::new(shared), state: Arc::default() }, told)
    }

    /// Looks at these nodes of a release from now on, a list for each mesh, and at no others of it.
    pub fn follow(&self, release: &Key, lists: Vec<Watchlist>) {
        let mut state = self.lock();
        let wanted: HashSet<_> = lists.iter().map(|list| list.mesh.clone()).collect();
        let mut before = state.releases.remove(release).unwrap_or_default();
        for (_, left) in before.extract_if(|mesh, _| !wanted.contains(mesh)) {
            self.drop_all(&mut state, &left);
        }
        let followed: HashMap<_, _> = lists
            .into_iter()
            .map(|list| {
                let before = before.remove(&list.mesh);
                (list.mesh.clone(), self.follow_mesh(&mut state, release, before, list))
            })
            .collect();
        if !followed.is_empty() {
            state.releases.insert(release.clone(), followed);
        }
    }

    fn follow_mesh(&self, state: &mut State, release: &Key, before: Option<Followed>, list: Watchlist) -> Followed {
        let before = match before {
            Some(before) if before.list == list => return before,
            before => before,
        };
        let cluster = state.clusters.entry(list.mesh.clone()).or_default().clone();
        let (known, mut tasks, menders) = match before {
            Some(before) if before.list.is_looked_at_like(&list) => (before.list.nodes, before.tasks, before.menders),
            Some(before) => {
                self.drop_all(state, &before);
                // It may have been the last of this very mesh.
                state.clusters.entry(list.mesh.clone()).or_insert(cluster.clone());
                <_>::default()
            }
            None => <_>::default(),
        };
        let mut is_news = false;
        tasks.retain(|uid, _| {
            let stays = list.nodes.iter().any(|node| node.uid == *uid);
            if !stays {
                cluster.remove(uid);
                is_news = true;
            }
            stays
        });
        for node in &list.nodes {
            let is_same = known.iter().any(|known| known.is_looked_at_like(node));
            is_news |= cluster.put(&release.name, node.clone(), is_same);
            if !is_same {
                tasks.insert(node.uid.clone(), self.watch(&list, &cluster, node));
            }
        }
        if is_news {
            cluster.alarm();
            self.shared.tell(&list.mesh);
        }
        if list.access_state.is_some_and(|state| cluster.is_another_access(state)) {
            let cluster = cluster.clone();
            tokio::spawn(async move { cluster.renew().await });
        }
        Followed { list, cluster, tasks, menders }
    }

    /// Tells each node of a cluster whose revisions are not apart to use the next cookie from now on. Which of them do so is
    /// seen when they are connected to anew.
    pub async fn swap_cookies(&self, key: &Key) {
        let Some((cluster, access)) = self.cluster(key) else { return };
        cluster.keyring.forget(true).await;
        let credentials = cluster.keyring.get(&self.shared.client, &key.namespace, &access).await;
        let Ok(Some(next)) = credentials.map(|credentials| credentials.next.clone()) else { return };
        let told = cluster.connections().into_iter().map(|connection| {
            let (node, next) = (connection.peer().name.clone(), next.clone());
            async move { connection.set_cookie(node, next, SET_COOKIE).await }
        });
        self.shared.metrics.asked(told.len().try_into().unwrap_or(u64::MAX));
        // What one does not answer is asked again with the next look.
        futures::future::join_all(told).await;
        cluster.renew().await;
    }

    /// Connects to the nodes of a cluster anew, with what lets us in read anew.
    pub async fn forget_access(&self, key: &Key) {
        if let Some((cluster, _)) = self.cluster(key) {
            cluster.renew().await;
        }
    }

    fn cluster(&self, key: &Key) -> Option<(Arc<Cluster>, Access)> {
        let state = self.lock();
        let mesh = Mesh { cluster: key.clone(), revision: None };
        let followed = state.releases.values().find_map(|meshes| meshes.get(&mesh))?;
        Some((followed.cluster.clone(), followed.list.access.clone()))
    }

    /// What is known of the nodes of a cluster, by release and pod. Empty if nobody looks at it.
    #[must_use]
    pub fn sightings(&self, cluster: &Key) -> Vec<Sighting> {
        let mut sightings: Vec<_> = self.lock().meshes(cluster).flat_map(Cluster::sightings).collect();
        sightings.sort_by(|a, b| (&a.release, &a.node.pod).cmp(&(&b.release, &b.node.pod)));
        sightings
    }

    /// From now on has nodes of a release connect to these others, given by the uid of their pods, and no others do so.
    pub fn connect(&self, release: &Key, wishes: BTreeMap<Arc<str>, Vec<NodeName>>) {
        let mut state = self.lock();
        let Some(meshes) = state.releases.get_mut(release) else { return };
        for Followed { menders, .. } in meshes.values_mut() {
            menders.retain(|uid, _| wishes.contains_key(uid));
        }
        for (uid, others) in wishes {
            let mut meshes = meshes.values_mut();
            let Some(followed) = meshes.find(|followed| followed.tasks.contains_key(&uid)) else { continue };
            let Followed { list, cluster, menders, .. } = followed;
            if let Some((wished, _)) = menders.get(&uid) {
                wished.send_if_modified(|before| {
                    let is_new = *before != others;
                    *before = others;
                    is_new
                });
                continue;
            }
            let (wish, receiver) = watch::channel(others);
            let (shared, cluster, key) = (self.shared.clone(), cluster.clone(), list.mesh.cluster.clone());
            let mender = Mender { shared, cluster, key, uid: uid.clone(), wished: receiver };
            menders.insert(uid, (wish, AbortOnDropHandle::new(tokio::spawn(mender.run()))));
        }
    }

    /// What the nodes measure of themselves, for the metrics.
    #[must_use]
    pub fn samples(&self) -> Vec<NodeSample> {
        let clusters: Vec<_> =
            self.lock().clusters.iter().map(|(mesh, cluster)| (mesh.cluster.clone(), cluster.clone())).collect();
        let of = |(key, cluster): (Key, Arc<Cluster>)| {
            cluster.vitals().into_iter().map(move |(release, pod, vitals)| NodeSample {
                namespace: key.namespace.clone(),
                release,
                pod,
                vitals,
            })
        };
        clusters.into_iter().flat_map(of).collect()
    }

    /// What the nodes of a cluster measure of themselves, by the uid of their pods, as far as they could be asked.
    #[must_use]
    pub fn vitals(&self, cluster: &Key) -> BTreeMap<Arc<str>, Vitals> {
        self.lock().meshes(cluster).flat_map(Cluster::vitals_by_uid).collect()
    }

    fn watch(&self, list: &Watchlist, cluster: &Arc<Cluster>, node: &Node) -> AbortOnDropHandle<()> {
        let watcher = Watcher {
            shared: self.shared.clone(),
            cluster: cluster.clone(),
            mesh: list.mesh.clone(),
            access: list.access.clone(),
            node: node.clone(),
            interval: list.interval,
        };
        AbortOnDropHandle::new(tokio::spawn(watcher.run()))
    }

    fn drop_all(&self, state: &mut State, followed: &Followed) {
        for uid in followed.tasks.keys() {
            followed.cluster.remove(uid);
        }
        if followed.cluster.len() == 0 {
            state.clusters.remove(&followed.list.mesh);
        }
        self.shared.tell(&followed.list.mesh);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is known of the meshes of one cluster.
    fn meshes<'a>(&'a self, cluster: &'a Key) -> impl Iterator<Item = &'a Cluster> {
        let first = Mesh { cluster: cluster.clone(), revision: None };
        let meshes = self.clusters.range(first..).take_while(|(mesh, _)| mesh.cluster == *cluster);
        meshes.map(|(_, cluster)| &**cluster)
    }
}

impl Shared {
    /// The receiver goes when the controller stops, and then nobody needs to know.
    fn tell(&self, mesh: &Mesh) {
        let _ = self.news.unbounded_send(mesh.cluster.clone());
    }
}

impl Watchlist {
    /// Whether tasks that work through the one may go on with the other.
    fn is_looked_at_like(&self, other: &Self) -> bool {
        (&self.mesh, &self.access, self.interval) == (&other.mesh, &other.access, other.interval)
    }
}

impl Node {
    /// Whether it is the same node at the same place, whatever became of its pod.
    fn is_looked_at_like(&self, other: &Self) -> bool {
        let key =
            |node: &Self| (node.uid.clone(), node.address.clone(), node.port, node.expected.clone(), node.started);
        key(self) == key(other)
    }
}

impl Sighting {
    /// What the node says about itself, if it answers.
    #[must_use]
    pub fn view(&self) -> Option<&View> {
        match &self.seen {
            Seen::View(view) => Some(view),
            Seen::NotYet | Seen::Failed(_) => None,
        }
    }

    /// What the node calls itself, as far as it is known; else what it should call itself.
    #[must_use]
    pub fn name(&self) -> Option<&NodeName> {
        self.view().map(|view| &view.name).or(self.node.expected.as_ref())
    }
}
