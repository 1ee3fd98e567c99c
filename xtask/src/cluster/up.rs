//! Makes a cluster, or repairs one: what runs already is left alone, what has died is started again.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::addresses::Node;
use super::pause;
use super::process::Processes;
use super::record::{self, Cluster, Extent, Record};
use super::{control_plane, inotify, network, node, requirements};
use crate::{progress, tools};

const DEFAULT_NODES: u8 = 3;
const API_SERVER_PORT: u16 = 6443;
const PORTS: Range<u16> = 20_000..30_000;
const READY: Duration = Duration::from_mins(3);

/// What is asked of a cluster. What is left open stays as it is, or gets its default.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) nodes: Option<u8>,
    pub(crate) control_plane_only: bool,
    pub(crate) controller_manager: bool,
    pub(crate) api_server_arguments: Vec<String>,
}

/// Brings the cluster up and waits until it can be used.
pub(crate) fn up(name: &str, wanted: &Wanted) -> Result<Cluster> {
    if !wanted.control_plane_only {
        requirements::for_nodes()?;
    }
    let _lock = record::lock(name)?;
    let cluster = record(name, wanted)?;
    let extent = cluster.record.extent;
    control_plane::ensure_tools(extent)?;
    progress::step(&format!("starting the control plane of cluster {name}"), "", || {
        if let Extent::Nodes { slot, .. } = extent {
            inotify::raise_for(|| network::ensure_bridge(slot))?;
        }
        control_plane::ensure(&cluster)
    })?;
    if let Extent::Nodes { .. } = extent {
        start_nodes(&cluster, &extent.nodes())?;
    }
    wait_until_usable(&cluster)?;
    Ok(cluster)
}

/// Starts what does not run of these nodes, side by side, and waits until Kubernetes says that they are ready.
pub(crate) fn start_nodes(cluster: &Cluster, nodes: &[Node]) -> Result<()> {
    tools::KUBELET.path()?;
    let pause = pause::ensure()?;
    let names: Vec<_> = nodes.iter().map(|node| node.name()).collect();
    progress::step(&format!("starting nodes {}", names.join(", ")), "", || {
        nodes.iter().try_for_each(|node| node::write_configuration(cluster, *node))?;
        on_each(nodes, |node| node::ensure(cluster, node, &pause))?;
        wait(cluster, "nodes are not ready", || {
            nodes.iter().try_for_each(|node| node::check(cluster, *node))?;
            Ok(nodes.iter().all(|node| is_ready(cluster, *node)))
        })
    })
}

/// Does the same on several nodes at once; of several errors the first is told.
pub(crate) fn on_each(nodes: &[Node], work: impl Fn(Node) -> Result<()> + Sync) -> Result<()> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = nodes.iter().map(|node| (node, scope.spawn(move || work(*node)))).collect();
        let results: Vec<_> = threads.into_iter().map(|(node, thread)| (node, thread.join())).collect();
        for (node, result) in results {
            let Ok(result) = result else { bail!("the work on node {} panicked", node.name()) };
            result.with_context(|| format!("on node {}", node.name()))?;
        }
        Ok(())
    })
}

/// The record of the cluster that is asked for: written before anything of the cluster is made.
fn record(name: &str, wanted: &Wanted) -> Result<Cluster> {
    let directory = record::directory(name)?;
    let mut record = match record::read(&directory)? {
        Some(record) => Record { extent: changed_extent(name, record.extent, wanted)?, ..record },
        None => return new_record(name, wanted),
    };
    if !wanted.api_server_arguments.is_empty() {
        record.api_server_arguments.clone_from(&wanted.api_server_arguments);
    }
    let cluster = Cluster { directory, record };
    cluster.save()?;
    Ok(cluster)
}

fn new_record(name: &str, wanted: &Wanted) -> Result<Cluster> {
    // Until the record is written, nobody else may choose the same addresses.
    let _all = record::lock_all()?;
    let [api_server_port, etcd_ports @ ..] = free_ports::<3>()?;
    let (extent, endpoint) = if wanted.control_plane_only {
        let extent = Extent::ControlPlane { controller_manager: wanted.controller_manager };
        (extent, SocketAddrV4::new(Ipv4Addr::LOCALHOST, api_server_port))
    } else {
        let slot = record::free_slot()?;
        let extent = Extent::Nodes { slot, count: wanted.nodes.unwrap_or(DEFAULT_NODES) };
        (extent, SocketAddrV4::new(slot.host().address, API_SERVER_PORT))
    };
    let api_server_arguments = wanted.api_server_arguments.clone();
    let record = Record { extent, endpoint, etcd_ports, api_server_arguments };
    let cluster = Cluster { directory: record::directory(name)?, record };
    cluster.save()?;
    Ok(cluster)
}

/// The extent of a cluster that exists, as it is to be now.
fn changed_extent(name: &str, now: Extent, wanted: &Wanted) -> Result<Extent> {
    let down = format!("take it down first: cargo xtask cluster down --name {name}");
    match now {
        Extent::ControlPlane { controller_manager } => {
            ensure!(wanted.control_plane_only, "cluster {name} is a control plane only: say so again, or {down}");
            Ok(Extent::ControlPlane { controller_manager: controller_manager || wanted.controller_manager })
        }
        Extent::Nodes { slot, count } => {
            ensure!(!wanted.control_plane_only, "cluster {name} has nodes; {down}");
            let wanted = wanted.nodes.unwrap_or(count);
            ensure!(wanted >= count, "cluster {name} has {count} nodes; to have {wanted}, {down}");
            Ok(Extent::Nodes { slot, count: wanted })
        }
    }
}

/// Ports on loopback that nobody listens on and no other cluster of this user was given.
///
/// They lie below those that the system gives to outgoing connections and those of Services of type NodePort, for it may
/// be minutes until they are used: programs may have to be compiled first. The search starts anywhere, so that another
/// user's cluster, whose record is not seen, hardly ever chooses the same.
pub(crate) fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let taken = record::taken_ports()?;
    let start = RandomState::new().hash_one(()) % u64::from(PORTS.end - PORTS.start);
    let is_free = |port: &u16| !taken.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let ports: Vec<_> =
        PORTS.cycle().skip(usize::try_from(start)?).take(PORTS.len()).filter(is_free).take(COUNT).collect();
    ports.try_into().ok().with_context(|| format!("no {COUNT} ports from {} to {} are free", PORTS.start, PORTS.end))
}

/// Waits for what a first `kubectl apply` needs, and checks that all that was started still runs.
fn wait_until_usable(cluster: &Cluster) -> Result<()> {
    if cluster.record.extent != (Extent::ControlPlane { controller_manager: false }) {
        wait(cluster, "there is no default service account", || {
            Ok(control_plane::kubectl(cluster, &["get", "serviceaccount", "default"]).is_ok())
        })?;
    }
    let processes = Processes::of(&cluster.directory);
    processes.names()?.iter().try_for_each(|name| processes.check(name))
}

/// Whether the node's kubelet answers and has said that it is ready; what it said may be from before it last started.
fn is_ready(cluster: &Cluster, node: Node) -> bool {
    let condition = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
    let status = control_plane::kubectl(cluster, &["get", "node", &node.name(), "--output", condition]);
    let kubelet = format!("/api/v1/nodes/{}/proxy/healthz", node.name());
    status.is_ok_and(|status| status == "True") && control_plane::kubectl(cluster, &["get", "--raw", &kubelet]).is_ok()
}

fn wait(cluster: &Cluster, otherwise: &str, done: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + READY;
    while !done()? {
        let logs = cluster.directory.join("log");
        ensure!(Instant::now() < deadline, "{otherwise} after {} s; logs are in {}", READY.as_secs(), logs.display());
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::addresses::Slot;
    use super::*;

    const NODES: Extent = Extent::Nodes { slot: Slot(4), count: 3 };
    const API_SERVER: Extent = Extent::ControlPlane { controller_manager: false };

    fn wanted(nodes: Option<u8>, control_plane_only: bool, controller_manager: bool) -> Wanted {
        Wanted { nodes, control_plane_only, controller_manager, api_server_arguments: Vec::new() }
    }

    #[test]
    fn a_cluster_stays_as_large_as_it_is_unless_asked() {
        assert_eq!(changed_extent("c", NODES, &wanted(None, false, false)).unwrap(), NODES);
        let more = Extent::Nodes { slot: Slot(4), count: 5 };
        assert_eq!(changed_extent("c", NODES, &wanted(Some(5), false, false)).unwrap(), more);
    }

    #[test]
    fn a_cluster_neither_shrinks_nor_changes_its_kind() {
        for (now, wanted) in [
            (NODES, wanted(Some(2), false, false)),
            (NODES, wanted(None, true, false)),
            (API_SERVER, wanted(None, false, false)),
        ] {
            assert!(changed_extent("c", now, &wanted).is_err(), "{now:?}");
        }
    }

    #[test]
    fn a_controller_manager_is_added_and_stays() {
        let with = Extent::ControlPlane { controller_manager: true };
        assert_eq!(changed_extent("c", API_SERVER, &wanted(None, true, true)).unwrap(), with);
        assert_eq!(changed_extent("c", with, &wanted(None, true, false)).unwrap(), with);
    }

    #[test]
    fn free_ports_differ() {
        let [one, two, three] = free_ports().unwrap();
        assert!(one != two && two != three && one != three);
    }
}
