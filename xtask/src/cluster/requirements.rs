//! What a cluster needs of the machine, and what to do on a machine that does not have it.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use super::record::Extent;
use crate::refusal::{self, API_SERVER, EXISTING_CLUSTER};
use crate::{command, debian};

/// The programs that run on a node or make one, and the Debian packages they are in. They may come from elsewhere.
const PROGRAMS: &[(&str, &str)] = &[
    ("buildah", "buildah"),
    ("conntrack", "conntrack"),
    ("containerd", "containerd"),
    ("gcc", "gcc"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("nft", "nftables"),
    ("runc", "runc"),
    ("unshare", "util-linux"),
];
/// Packages that hold other things than programs: the pods' network, and what gcc needs.
const PACKAGES: &[&str] = &["containernetworking-plugins", "libc6-dev"];

const LINUX_FOR: &str = "a node is made of Linux namespaces and cgroups";
const ROOT_FOR: &str = "make network namespaces, mounts and cgroups";

/// Ensures that this machine can have nodes.
///
/// # Errors
/// The error names everything that is missing, and what works without it.
pub(crate) fn for_nodes() -> Result<()> {
    let problems = problems(refusal::without_linux_or_root(LINUX_FOR, ROOT_FOR), Path::new("/sys/fs/cgroup").exists());
    if !problems.is_empty() {
        bail!("{}", explain(&problems));
    }
    let missing = PROGRAMS.iter().filter(|(program, _)| !command::is_installed(program)).map(|(_, package)| *package);
    debian::ensure(&missing.chain(PACKAGES.iter().copied()).collect::<Vec<_>>())?;
    warn_of_packet_filter();
    Ok(())
}

/// Tells of a packet filter that would keep the nodes from each other; Docker makes the machine have one.
fn warn_of_packet_filter() {
    let bridges = fs::read_to_string("/proc/sys/net/bridge/bridge-nf-call-iptables").unwrap_or_default();
    let rules = command::quiet("iptables --list-rules FORWARD").unwrap_or_default();
    if drops_bridged_packets(&bridges, &rules) {
        eprintln!(
            "warning: this machine filters what crosses a bridge, and drops it; if nodes do not reach each other,"
        );
        eprintln!("warning: run: iptables --insert FORWARD --in-interface beam+ --jump ACCEPT");
    }
}

/// From the machine's setting for bridges and the rules for what it forwards.
fn drops_bridged_packets(bridges: &str, rules: &str) -> bool {
    bridges.trim() == "1" && rules.contains("-P FORWARD DROP") && !rules.contains("-i beam+ -j ACCEPT")
}

/// Ensures that this machine can have a cluster of this extent.
pub(crate) fn for_extent(extent: Extent) -> Result<()> {
    match extent {
        Extent::ControlPlane { .. } => Ok(()),
        Extent::Nodes { .. } => for_nodes(),
    }
}

/// Cgroups are asked for where there is Linux.
fn problems(mut problems: Vec<String>, cgroups: bool) -> Vec<String> {
    if !cgroups && cfg!(target_os = "linux") {
        problems.push("cgroups at /sys/fs/cgroup, where kubelet puts its pods".to_owned());
    }
    problems
}

fn explain(problems: &[String]) -> String {
    refusal::explain("a cluster with nodes needs", problems, &[EXISTING_CLUSTER, API_SERVER])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_missing_is_told_at_once_with_the_ways_around_it() {
        let text = explain(&problems(refusal::missing("linux", false, LINUX_FOR, ROOT_FOR), false));
        for word in ["root", "cgroups at", "--kubeconfig FILE", "--control-plane-only"] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
        refusal::assert_commands_are_accepted(&text);
    }

    #[test]
    fn a_filter_for_bridges_matters_unless_it_lets_the_nodes_through() {
        let docker = "-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n";
        assert!(drops_bridged_packets("1\n", docker));
        assert!(!drops_bridged_packets("", docker));
        assert!(!drops_bridged_packets("1\n", "-P FORWARD ACCEPT\n"));
        assert!(!drops_bridged_packets("1\n", "-P FORWARD DROP\n-A FORWARD -i beam+ -j ACCEPT\n"));
    }
}
