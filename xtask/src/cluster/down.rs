//! Takes a cluster down: everything that its record says can be there, whether `up` came to make it or not.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::process::Processes;
use super::record::{self, Cluster, Extent};
use super::{inotify, network, node, requirements};
use crate::progress;

/// Ends all processes of the cluster and removes all that was made for it.
pub(crate) fn down(name: &str) -> Result<()> {
    let directory = record::directory(name)?;
    if !directory.exists() {
        eprintln!("there is no cluster {name}");
        // An earlier `down` may have been killed before this.
        return inotify::restore_unless_needed();
    }
    let _lock = record::lock(name)?;
    progress::step(&format!("taking cluster {name} down"), "", || {
        if let Some(record) = record::read(&directory)? {
            let cluster = Cluster { directory: directory.clone(), record };
            requirements::for_extent(cluster.record.extent)?;
            stop_and_remove(&cluster)?;
        }
        remove_directory(&directory)?;
        inotify::restore_unless_needed()
    })
}

fn stop_and_remove(cluster: &Cluster) -> Result<()> {
    for node in cluster.record.extent.nodes() {
        node::stop(cluster, node).with_context(|| format!("failed to remove node {}", node.name()))?;
    }
    let processes = Processes::of(&cluster.directory);
    for name in processes.names()? {
        processes.stop(&name, Duration::ZERO)?;
    }
    if let Extent::Nodes { slot, .. } = cluster.record.extent {
        network::remove_bridge(slot)?;
    }
    Ok(())
}

fn remove_directory(directory: &Path) -> Result<()> {
    // A node's mounts are its own; were one of them here, removing the directory would remove what is mounted.
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let inside = format!(" {}/", directory.display());
    ensure!(!mounts.contains(&inside), "something is mounted below {}", directory.display());
    fs::remove_dir_all(directory).with_context(|| format!("failed to remove {}", directory.display()))
}
