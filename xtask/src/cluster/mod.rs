//! A real Kubernetes cluster on this machine, for development and for tests.
//!
//! The control plane runs on the machine itself ([`control_plane`]), each node in namespaces of its own ([`node`]),
//! joined by a bridge ([`network`]). What a cluster is made of is recorded before it is made ([`record`],
//! [`process`]), so that [`up`] can repair it and [`down`] can remove all of it whatever happened in between. Clusters
//! with different names share nothing but the machine ([`addresses`]).

use std::path::Path;

use anyhow::Result;

mod addresses;
mod archive;
mod assets;
mod cgroup;
mod check;
pub(crate) mod cli;
mod control_plane;
mod down;
mod file;
mod inotify;
mod leftovers;
mod network;
mod node;
mod node_config;
mod pause;
mod pki;
mod process;
mod record;
mod requirements;
mod status;
mod up;

pub(crate) use archive::Manifest;
pub(crate) use down::down;
pub(crate) use file::write_private;
pub(crate) use process::Processes;
pub(crate) use record::{Cluster, directory};
pub(crate) use up::{Wanted, free_ports, up};

/// Whether a cluster of this name has been made.
pub(crate) fn exists(name: &str) -> Result<bool> {
    Ok(record::read(&record::directory(name)?)?.is_some())
}

/// Imports an OCI archive into the containerd of every node of the cluster, and returns what is in it.
pub(crate) fn load_image(name: &str, archive: &Path) -> Result<Manifest> {
    let cluster = record::Cluster::open(name)?;
    let processes = process::Processes::of(&cluster.directory);
    up::on_each(&cluster.record.extent.nodes(), |node| node::import(&processes, node, archive))?;
    Manifest::of(archive)
}

/// How many nodes the cluster of this name has; none if there is no such cluster.
pub(crate) fn size(name: &str) -> Result<u8> {
    let record = record::read(&record::directory(name)?)?;
    Ok(record.map_or(0, |record| match record.extent {
        record::Extent::ControlPlane { .. } => 0,
        record::Extent::Nodes { count, .. } => count,
    }))
}
