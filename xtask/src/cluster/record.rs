//! What is known of a cluster between two commands: its directory, and in it the record of what it is made of.
//!
//! The record is written before anything else is made, and everything else has a name that follows from it, so `down`
//! finds all of it wherever `up` was interrupted. A lock on the directory itself keeps two commands apart.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::addresses::{Node, SLOTS, Slot, Subnet};
use super::file::write;
use super::{cgroup, network};

/// The Services of a cluster without nodes: nothing ever routes to them, so every such cluster has the same.
const UNROUTED_SERVICES: Subnet = Subnet::new(Ipv4Addr::new(10, 96, 0, 0), 16);

/// A cluster that `up` has made or is making.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) extent: Extent,
    /// Where the API server listens.
    pub(crate) endpoint: SocketAddrV4,
    /// Where etcd listens on loopback: for clients, and for peers that it never has.
    pub(crate) etcd_ports: [u16; 2],
    /// Added to the API server's command line.
    pub(crate) api_server_arguments: Vec<String>,
}

/// How much of a cluster there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Extent {
    /// etcd and the API server, and the controller manager on request.
    ControlPlane { controller_manager: bool },
    /// A whole cluster with this many nodes.
    Nodes { slot: Slot, count: u8 },
}

impl Extent {
    pub(crate) fn services(self) -> Subnet {
        match self {
            Self::ControlPlane { .. } => UNROUTED_SERVICES,
            Self::Nodes { slot, .. } => slot.services(),
        }
    }

    pub(crate) fn nodes(self) -> Vec<Node> {
        match self {
            Self::ControlPlane { .. } => Vec::new(),
            Self::Nodes { slot, count } => slot.nodes(count).collect(),
        }
    }
}

/// A cluster and the directory that holds its state.
pub(crate) struct Cluster {
    pub(crate) directory: PathBuf,
    pub(crate) record: Record,
}

impl Cluster {
    /// The cluster of this name.
    pub(crate) fn open(name: &str) -> Result<Self> {
        let directory = directory(name)?;
        match read(&directory)? {
            Some(record) => Ok(Self { directory, record }),
            None => bail!("there is no cluster {name}: `cargo xtask cluster up --name {name}` makes it"),
        }
    }

    /// Writes the record so that a reader finds the old one or the new one, never half of it.
    pub(crate) fn save(&self) -> Result<()> {
        write(&self.directory.join(FILE), &serde_json::to_string_pretty(&self.record)?)
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }

    pub(crate) fn node(&self, name: &str) -> Result<Node> {
        let nodes = self.record.extent.nodes();
        let found = nodes.iter().copied().find(|node| node.name() == name);
        found.with_context(|| format!("there is no node {name} among the cluster's {}", nodes.len()))
    }

    pub(crate) fn node_directory(&self, node: Node) -> PathBuf {
        self.directory.join(node.name())
    }
}

const FILE: &str = "cluster.json";

/// Where all clusters of this user are: `BEAM_OPERATOR_STATE`, or the user's directory for state.
fn root() -> Result<PathBuf> {
    if let Some(root) = std::env::var_os("BEAM_OPERATOR_STATE") {
        return Ok(root.into());
    }
    if let Some(state) = std::env::var_os("XDG_STATE_HOME") {
        return Ok(Path::new(&state).join("beam-operator/clusters"));
    }
    let home = std::env::home_dir().context("there is no home directory: set BEAM_OPERATOR_STATE")?;
    Ok(home.join(".local/state/beam-operator/clusters"))
}

/// The directory of a cluster, whether it exists or not.
pub(crate) fn directory(name: &str) -> Result<PathBuf> {
    let valid = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    ensure!(valid && !name.is_empty(), "a cluster's name is made of a to z, 0 to 9 and `-`, unlike {name:?}");
    Ok(root()?.join(name))
}

/// The record in a cluster's directory; none if there is no directory, or `up` was interrupted before it.
pub(crate) fn read(directory: &Path) -> Result<Option<Record>> {
    let path = directory.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let record = serde_json::from_str(&text).with_context(|| format!("failed to read {}", path.display()))?;
            Ok(Some(record))
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}

/// A slot that no cluster of this user has, and of which nothing is on the machine.
///
/// The caller holds [`lock_all`] until its own record is written.
pub(crate) fn free_slot() -> Result<Slot> {
    let (taken, used) = (taken_slots()?, used_slots()?);
    let slot = (0..SLOTS).map(Slot).find(|slot| !taken.contains(slot) && !used.contains(slot));
    slot.with_context(|| format!("all {SLOTS} address ranges for clusters are taken: take one down"))
}

/// The slots of which something is on the machine, whoever made it: a bridge, or the first node's cgroup, for
/// containers with networks of their own may share the cgroups.
pub(crate) fn used_slots() -> Result<Vec<Slot>> {
    let hierarchies = cgroup::hierarchies()?;
    let has_cgroup = |slot: Slot| hierarchies.iter().any(|hierarchy| hierarchy.join(slot.node(1).id()).exists());
    Ok((0..SLOTS).map(Slot).filter(|slot| network::is_bridge(*slot) || has_cgroup(*slot)).collect())
}

/// The slots of all clusters of this user that have nodes.
fn taken_slots() -> Result<Vec<Slot>> {
    let slot = |record: Record| match record.extent {
        Extent::Nodes { slot, .. } => Some(slot),
        Extent::ControlPlane { .. } => None,
    };
    Ok(all()?.into_iter().filter_map(slot).collect())
}

/// The ports of all clusters of this user, whether they run or not.
pub(crate) fn taken_ports() -> Result<Vec<u16>> {
    let ports = |record: Record| [record.endpoint.port()].into_iter().chain(record.etcd_ports);
    Ok(all()?.into_iter().flat_map(ports).collect())
}

fn all() -> Result<Vec<Record>> {
    let root = root()?;
    fs::create_dir_all(&root).with_context(|| format!("failed to create {}", root.display()))?;
    let mut records = Vec::new();
    for entry in fs::read_dir(root)? {
        records.extend(read(&entry?.path())?);
    }
    Ok(records)
}

/// Keeps other commands away from the cluster as long as the result lives.
pub(crate) fn lock(name: &str) -> Result<File> {
    lock_directory(&directory(name)?)
}

/// As [`lock`], for a cluster that has to exist.
pub(crate) fn lock_existing(name: &str) -> Result<File> {
    Cluster::open(name)?;
    lock(name)
}

/// Keeps other commands from choosing addresses as long as the result lives.
pub(crate) fn lock_all() -> Result<File> {
    lock_directory(&root()?)
}

/// Keeps other commands away from a directory, made first, as long as the result lives.
pub(crate) fn lock_directory(directory: &Path) -> Result<File> {
    loop {
        fs::create_dir_all(directory).with_context(|| format!("failed to create {}", directory.display()))?;
        let lock = File::open(directory)?;
        if lock.try_lock().is_err() {
            eprintln!("==> waiting for another command on {}", directory.display());
            lock.lock()?;
        }
        // Whoever held the lock may have removed the directory: then the lock is on nothing, and has to be taken anew.
        if fs::metadata(directory).is_ok_and(|now| lock.metadata().is_ok_and(|then| then.ino() == now.ino())) {
            return Ok(lock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_directory_and_nothing_else() {
        for name in ["", "..", "a/b", "A", "a b"] {
            assert!(directory(name).is_err(), "{name:?}");
        }
        assert!(directory("e2e-1").unwrap().ends_with("e2e-1"));
    }

    #[test]
    fn only_a_cluster_with_nodes_has_routed_services() {
        let without = Extent::ControlPlane { controller_manager: true };
        assert_eq!((without.services().to_string(), without.nodes()), ("10.96.0.0/16".to_owned(), Vec::new()));
        let with = Extent::Nodes { slot: Slot(1), count: 3 };
        assert_eq!(with.services().to_string(), "198.18.48.0/20");
        assert_eq!(with.nodes().len(), 3);
    }
}
