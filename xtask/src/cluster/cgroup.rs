//! The cgroup under which a node's kubelet puts its pods.
//!
//! Kubelet asks for its root to exist, in every hierarchy of version 1 or with its controllers enabled in version 2.
//! The machine's own cgroups stay as they are, but for version 2, where a controller has to be enabled for the
//! children of the root; kubelet and systemd do the same. What is here for version 2 follows the kernel's
//! documentation and has not run on such a machine yet.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const VERSION_2: &str = "/sys/fs/cgroup";
/// The controllers that kubelet uses.
const CONTROLLERS: &[&str] = &["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];
/// How long the kernel may take to forget processes that were killed.
const REMOVAL: Duration = Duration::from_secs(10);

/// Ensures the cgroup `/NAME`.
pub(crate) fn ensure(name: &str) -> Result<()> {
    if Path::new(VERSION_2).join("cgroup.controllers").exists() {
        ensure_version_2(name)
    } else {
        ensure_version_1(name)
    }
}

fn ensure_version_2(name: &str) -> Result<()> {
    let root = Path::new(VERSION_2);
    let available = fs::read_to_string(root.join("cgroup.controllers"))?;
    let control = root.join("cgroup.subtree_control");
    for controller in CONTROLLERS.iter().filter(|wanted| available.split_whitespace().any(|word| word == **wanted)) {
        let enabled = fs::write(&control, format!("+{controller}"));
        enabled.with_context(|| format!("failed to enable the cgroup controller {controller} for pods"))?;
    }
    fs::create_dir_all(root.join(name)).context("failed to make the node's cgroup")
}

fn ensure_version_1(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let cgroup = hierarchy.join(name);
        fs::create_dir_all(&cgroup).with_context(|| format!("failed to make the cgroup {}", cgroup.display()))?;
        // A cpuset starts empty, and takes no process until it has processors and memory.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if hierarchy.join(file).exists() {
                fs::write(cgroup.join(file), fs::read(hierarchy.join(file))?)?;
            }
        }
    }
    Ok(())
}

/// Removes the cgroup and all below it, whose processes have been killed already.
pub(crate) fn remove(name: &str) -> Result<()> {
    let deadline = Instant::now() + REMOVAL;
    for hierarchy in hierarchies()? {
        while let Err(error) = remove_tree(&hierarchy.join(name)) {
            if Instant::now() > deadline {
                bail!("failed to remove the cgroup {}: {error}", hierarchy.join(name).display());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// Children first: a cgroup cannot be removed with its contents, and its files cannot be removed at all.
fn remove_tree(cgroup: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(cgroup) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(cgroup)
}

/// Where the machine's cgroup hierarchies are mounted: several for version 1, one for version 2, both on some.
pub(crate) fn hierarchies() -> Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("failed to read the list of mounts")?;
    Ok(hierarchies_among(&mounts))
}

fn hierarchies_among(mounts: &str) -> Vec<PathBuf> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (mount_point, file_system) = (fields.nth(1)?, fields.next()?);
            matches!(file_system, "cgroup" | "cgroup2").then(|| mount_point.into())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_mounts_of_either_version() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
                      cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let expected = ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/unified"].map(PathBuf::from);
        assert_eq!(hierarchies_among(mounts), expected);
    }
}
