//! The cgroup under which a node's kubelet puts its pods.
//!
//! Kubelet asks for its root to exist, in every hierarchy of version 1 or with its controllers enabled in version 2.
//! The machine's own cgroups stay as they are, but for version 2, where a controller has to be enabled for the
//! children of the root; kubelet and systemd do the same.
//!
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};

const ROOT: &str = "/sys/fs/cgroup";
/// The controllers that kubelet uses.
const CONTROLLERS: &[&str] = &["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];
/// Names the controllers that the children of a cgroup have.
const SUBTREE_CONTROL: &str = "cgroup.subtree_control";
/// How long the kernel may take to forget processes that were killed.
const REMOVAL: Duration = Duration::from_secs(10);

/// Ensures the cgroup `/NAME`.
pub(crate) fn ensure(name: &str) -> Result<()> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() { ensure_version_2(root, name) } else { ensure_version_1(name) }
}

/// `root` is where the one hierarchy of version 2 is mounted.
fn ensure_version_2(root: &Path, name: &str) -> Result<()> {
    let words = |file: &str| -> Result<Vec<String>> {
        let text = fs::read_to_string(root.join(file)).with_context(|| format!("failed to read {file}"))?;
        Ok(text.split_whitespace().map(ToOwned::to_owned).collect())
    };
    let (available, enabled) = (words("cgroup.controllers")?, words(SUBTREE_CONTROL)?);
    let wanted = CONTROLLERS.iter().filter(|name| available.iter().any(|available| available == *name));
    let missing: Vec<_> = wanted.filter(|name| !enabled.iter().any(|enabled| enabled == *name)).copied().collect();
    if !missing.is_empty() {
        let request: Vec<_> = missing.iter().map(|name| format!("+{name}")).collect();
        fs::write(root.join(SUBTREE_CONTROL), request.join(" ")).map_err(|error| refused(error, root, &missing))?;
    }
    fs::create_dir_all(root.join(name)).context("failed to make the node's cgroup")
}

/// The error of a controller that cannot be enabled, with what to do about the usual reason.
fn refused(error: io::Error, root: &Path, controllers: &[&str]) -> Error {
    let what = format!("failed to enable the cgroup controllers {} in {}", controllers.join(", "), root.display());
    // Only the true root may have both processes and children with controllers.
    if error.kind() != ErrorKind::ResourceBusy {
        return Error::new(error).context(what);
    }
    Error::new(error).context(format!(
        "{what}: that is not the root of the machine's cgroups but the cgroup of a container, which has processes\n  \
         - start the container in the machine's cgroup namespace, such as by docker run --cgroupns=host\n  \
         - or move its processes into a cgroup of their own: mkdir {root}/init, then write each line of \
         {root}/cgroup.procs to {root}/init/cgroup.procs",
        root = root.display()
    ))
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

    /// A directory with the files of a root of version 2, gone with the test.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, available: &str, enabled: &str) -> Self {
            let root = std::env::temp_dir().join(format!("beam-operator-cgroup-{name}-{}", std::process::id()));
            fs::create_dir_all(&root).unwrap();
            fs::write(root.join("cgroup.controllers"), available).unwrap();
            fs::write(root.join(SUBTREE_CONTROL), enabled).unwrap();
            Self(root)
        }

        fn enabled(&self) -> String {
            fs::read_to_string(self.0.join(SUBTREE_CONTROL)).unwrap()
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn version_2_gets_the_controllers_it_has_and_kubelet_uses() {
        let root = Root::new("enable", "cpuset cpu io memory rdma misc\n", "cpu rdma\n");
        ensure_version_2(&root.0, "beam0n1").unwrap();
        assert_eq!(root.enabled(), "+cpuset +io +memory");
        assert!(root.0.join("beam0n1").is_dir());
    }

    #[test]
    fn version_2_is_left_alone_where_all_is_enabled() {
        let root = Root::new("enabled", "cpu memory\n", "memory cpu\n");
        ensure_version_2(&root.0, "beam0n1").unwrap();
        ensure_version_2(&root.0, "beam0n1").unwrap();
        assert_eq!(root.enabled(), "memory cpu\n");
        remove_tree(&root.0.join("beam0n1")).unwrap();
        assert!(!root.0.join("beam0n1").exists());
    }

    #[test]
    fn a_root_with_processes_is_explained_with_what_to_do() {
        let busy = rustix::io::Errno::BUSY.raw_os_error();
        let error = refused(io::Error::from_raw_os_error(busy), Path::new("/cgroups"), &["cpu", "memory"]).to_string();
        for words in ["cpu, memory in /cgroups", "--cgroupns=host", "mkdir /cgroups/init"] {
            assert!(error.contains(words), "{words} is not in {error}");
        }
        let denied = refused(ErrorKind::PermissionDenied.into(), Path::new("/cgroups"), &["cpu"]).to_string();
        assert!(!denied.contains("container"), "{denied}");
    }

    #[test]
    fn hierarchies_are_mounts_of_either_version() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
                      cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let expected = ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/unified"].map(PathBuf::from);
        assert_eq!(hierarchies_among(mounts), expected);
    }
}
