//! What it costs to watch nodes: one operator, and simulated nodes in releases of twenty, each a whole mesh.
//!
//! A thousand virtual machines do not fit on the machine that is measured on, and would be measured as well. So the nodes
//! are simulated: they speak EPMD's protocol and the distribution protocol as a node of OTP 27 does towards a hidden node
//! that asks it about itself, with answers of the length that real ones have, and count what arrives and leaves.

mod bodies;
mod epmd;
mod figures;
mod server;
mod session;
mod term;
mod world;

use std::cell::Cell;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::bodies::{NAMESPACE, Told};
use self::server::{Ports, Server};
use self::session::Traffic;
use self::world::{MESH, NodeId, World, mesh_name};
use super::api_server::ApiServer;
use super::bed::{Bed, Phase};
use crate::{cluster, progress};

pub(super) use self::figures::report;

/// How long a cluster is watched closely after anything has changed in it, and some.
const CALM: Duration = Duration::from_secs(75);
/// Files that a container may have open unless its program raises the limit, where its runtime leaves what systemd sets.
const SOFT_LIMIT: u64 = 1024;
/// How often the statuses are read while they are waited for.
const PERIOD: Duration = Duration::from_secs(1);

/// Everything that was measured.
pub(super) struct Watched {
    pub(super) nodes: u32,
    pub(super) meshes: u32,
    pub(super) start: Phase,
    /// The releases are made, and none has a pod.
    pub(super) creation: Phase,
    /// Their pods become ready.
    pub(super) watching: Phase,
    pub(super) rest: Phase,
    /// Messages at rest, of all nodes.
    pub(super) traffic: Traffic,
    /// Connections that the nodes have at its end.
    pub(super) connected: usize,
    /// What the statuses say at its end.
    pub(super) told: Told,
    /// Threads of the operator before and after.
    pub(super) threads: [u64; 2],
    /// Bytes of the metrics page, and how many of its series are of nodes.
    pub(super) metrics: (usize, usize),
    /// One node and the others of its release lose each other.
    pub(super) partition: Phase,
    /// What the statuses say then.
    pub(super) told_apart: Told,
}

/// Measures on an API server of its own.
pub(super) fn measure(cluster: &str, binary: &Path, nodes: u32) -> Result<Watched> {
    let meshes = nodes.div_ceil(MESH);
    let mut bed = Bed::make(cluster, binary, &[NAMESPACE.to_owned()])?;
    bed.batch("service-account", &[bodies::service_account()])?.send()?;
    let start = with_the_limit_of_a_container(|| bed.start())?;
    let [epmd, distribution] = cluster::free_ports()?;
    let ports = Ports { epmd, distribution };
    let creation = create(&mut bed, meshes, ports)?;
    let threads_before = bed.operator.threads()?;

    let secrets = bed.api_server.get(&bodies::path("/api/v1", "secrets"))?;
    let server = Server::start(World::new(nodes, bodies::cookies(&secrets, meshes)?), ports)?;
    let watching = watch(&mut bed, &server, nodes)?;
    progress::step("waiting until no cluster is watched closely any more", "75 s", || {
        thread::sleep(CALM);
        Ok(())
    })?;

    bed.log.read()?;
    let before = server.traffic()?;
    let rest = bed.rest()?;
    let traffic = server.traffic()?.since(before);
    let told = told(&bed.api_server)?;
    let metrics = bed.operator.metrics()?;
    let node_series = metrics.lines().filter(|line| line.starts_with("beam_node_")).count();
    let (connected, threads_after) = (server.connected(), bed.operator.threads()?);

    let partition = part(&mut bed, &server)?;
    let told_apart = self::told(&bed.api_server)?;
    server.traffic()?;
    Ok(Watched {
        nodes,
        meshes,
        start,
        creation,
        watching,
        rest,
        traffic,
        connected,
        told,
        threads: [threads_before, threads_after],
        metrics: (metrics.len(), node_series),
        partition,
        told_apart,
    })
}

/// Starts processes that may open as many files as in a container; this one may open as many as it can afterwards.
fn with_the_limit_of_a_container<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let set = |current| setrlimit(Resource::Nofile, Rlimit { current, maximum }).context("the limit of open files");
    set(Some(SOFT_LIMIT))?;
    let result = work();
    set(maximum)?;
    result
}

fn create(bed: &mut Bed, meshes: u32, ports: Ports) -> Result<Phase> {
    let releases: Vec<_> = (0..meshes).map(|mesh| bodies::new_release(mesh, ports)).collect();
    let batch = bed.batch("meshes", &releases)?;
    bed.follow_batches(&format!("making {meshes} releases of {MESH} nodes"), &[batch], |_, requests| {
        Ok(requests.reported_releases() == meshes as usize)
    })
}

/// The pods are made and become ready, until the statuses tell that every node is connected to every other.
fn watch(bed: &mut Bed, server: &Server, nodes: u32) -> Result<Phase> {
    let templates = bodies::templates(bed.api_server.get(&bodies::path("/apis/apps/v1", "deployments"))?)?;
    let all = || (0..nodes).map(NodeId);
    for mesh in 0..nodes.div_ceil(MESH) {
        ensure!(templates.contains_key(&mesh_name(mesh)), "there is no Deployment of {}", mesh_name(mesh));
    }
    let pods: Vec<_> = all().map(|node| bodies::new_pod(node, &templates[&mesh_name(node.mesh())])).collect();
    let ready: Vec<_> = all().map(bodies::ready_pod).collect();
    let batches = [bed.batch("pods", &pods)?, bed.batch("ready-pods", &ready)?];
    let at_times = AtTimes::default();
    bed.follow_batches(&format!("having {nodes} nodes watched"), &batches, |api_server, _| {
        server.traffic()?;
        if server.connected() < nodes as usize || !at_times.is_due() {
            return Ok(false);
        }
        let told = told(api_server)?;
        Ok(told.clustered == nodes as usize && told.whole == nodes.div_ceil(MESH) as usize)
    })
}

/// One node loses the others of its release, until the status tells it.
fn part(bed: &mut Bed, server: &Server) -> Result<Phase> {
    bed.log.read()?;
    server.isolate(NodeId(0));
    let at_times = AtTimes::default();
    bed.follow("parting one node from its release", |bed, _| {
        if !at_times.is_due() {
            return Ok(false);
        }
        let told = told(&bed.api_server)?;
        Ok(told.apart == 1 && told.partitioned == 1)
    })
}

fn told(api_server: &ApiServer) -> Result<Told> {
    Ok(Told::of(&api_server.get(&bodies::releases_path())?))
}

/// For what is not to be done each time.
#[derive(Default)]
struct AtTimes(Cell<Option<Instant>>);

impl AtTimes {
    fn is_due(&self) -> bool {
        let is_due = self.0.get().is_none_or(|last| last.elapsed() >= PERIOD);
        if is_due {
            self.0.set(Some(Instant::now()));
        }
        is_due
    }
}
