//! What a cluster that was taken down has left behind on the machine: nothing, or it is a bug.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::cgroup;
use super::record::{Cluster, Extent};

/// Everything on the machine that belongs to this cluster, by its directory, its devices and its cgroups.
pub(crate) fn of(cluster: &Cluster) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let directory = &cluster.directory;
    if directory.exists() {
        found.push(format!("directory {}", directory.display()));
    }
    let names = names(cluster.record.extent);
    for name in &names {
        if Path::new("/sys/class/net").join(name).exists() {
            found.push(format!("network device {name}"));
        }
        for hierarchy in cgroup::hierarchies()? {
            if hierarchy.join(name).exists() {
                found.push(format!("cgroup {}", hierarchy.join(name).display()));
            }
        }
    }
    for process in processes()? {
        if belongs(&process, directory, &names) {
            found.push(format!("process {}: {}", process.display(), read(&process, "cmdline").replace('\0', " ")));
        }
    }
    Ok(found)
}

/// The names of the cluster's devices and cgroups.
fn names(extent: Extent) -> Vec<String> {
    let bridge = match extent {
        Extent::ControlPlane { .. } => None,
        Extent::Nodes { slot, .. } => Some(slot.bridge()),
    };
    bridge.into_iter().chain(extent.nodes().into_iter().map(super::addresses::Node::id)).collect()
}

/// A process belongs to a cluster if it was started with a path of it, sees a mount of it, or is in one of its cgroups.
fn belongs(process: &Path, directory: &Path, names: &[String]) -> bool {
    let directory = format!("{}/", directory.display());
    let (words, mounts, cgroups) = (read(process, "cmdline"), read(process, "mountinfo"), read(process, "cgroup"));
    words.contains(&directory)
        || mounts.contains(&directory)
        || cgroups.split(['/', '\n']).any(|part| names.iter().any(|name| name == part))
}

fn processes() -> Result<Vec<PathBuf>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_number) {
            processes.push(path);
        }
    }
    Ok(processes)
}

/// A file about a process, empty once it has ended.
fn read(process: &Path, file: &str) -> String {
    fs::read(process.join(file)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
