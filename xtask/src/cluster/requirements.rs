//! What a cluster needs of the machine, and what to do on a machine that does not have it.

use std::env::consts::OS;
use std::path::Path;

use anyhow::{Result, bail};

use super::record::Extent;
use crate::debian;

/// The Debian packages of what runs on a node or makes one.
const PACKAGES: &[&str] = &[
    "buildah",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "gcc",
    "iproute2",
    "iptables",
    "libc6-dev",
    "nftables",
    "runc",
    "util-linux",
];

/// Ensures that this machine can have nodes.
///
/// # Errors
/// The error names everything that is missing, and what works without it.
pub(crate) fn for_nodes() -> Result<()> {
    let problems = problems(OS, rustix::process::geteuid().is_root(), Path::new("/sys/fs/cgroup").exists());
    if !problems.is_empty() {
        bail!("{}", explain(&problems));
    }
    debian::ensure(PACKAGES)
}

/// Ensures that this machine can have a cluster of this extent.
pub(crate) fn for_extent(extent: Extent) -> Result<()> {
    match extent {
        Extent::ControlPlane { .. } => Ok(()),
        Extent::Nodes { .. } => for_nodes(),
    }
}

fn problems(system: &str, root: bool, cgroups: bool) -> Vec<String> {
    if system != "linux" {
        return vec![format!("Linux, while this is {system}: a node is made of Linux namespaces and cgroups")];
    }
    let mut problems = Vec::new();
    if !root {
        problems.push("root, to make network namespaces, mounts and cgroups: run it with sudo".to_owned());
    }
    if !cgroups {
        problems.push("cgroups at /sys/fs/cgroup, where kubelet puts its pods".to_owned());
    }
    problems
}

fn explain(problems: &[String]) -> String {
    format!(
        "a cluster with nodes needs\n  - {}\nwithout that\n  \
         - use a cluster that exists: tasks that deploy to one take --kubeconfig FILE\n  \
         - or, for what needs no pods, have just an API server: cargo xtask cluster up --control-plane-only",
        problems.join("\n  - ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linux_machine_with_root_and_cgroups_has_all() {
        assert_eq!(problems("linux", true, true), Vec::<String>::new());
    }

    #[test]
    fn everything_missing_is_told_at_once_with_the_ways_around_it() {
        let text = explain(&problems("linux", false, false));
        for word in ["root", "cgroups", "--kubeconfig FILE", "--control-plane-only"] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
    }

    #[test]
    fn on_another_system_nothing_but_the_system_matters() {
        let problems = problems("macos", false, false);
        assert!(problems.len() == 1 && problems[0].contains("macos"), "{problems:?}");
    }
}
