//! What happens to nodes, and what `up` and `status` make of it.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use rustix::process::Pid;

use super::pods::{answers, is_reached, pod_address, pod_on, pods_run};
use super::{FIRST, eventually, program, wanted};
use crate::cluster::control_plane::kubectl;
use crate::cluster::process::Processes;
use crate::cluster::record::Cluster;
use crate::cluster::up::{start_nodes, up};
use crate::cluster::{network, node};

/// A second `up` of a cluster that is whole leaves every process as it is.
pub(super) fn up_changes_nothing(cluster: &Cluster) -> Result<()> {
    let before = pids(cluster)?;
    up(FIRST, &wanted(3))?;
    let after = pids(cluster)?;
    ensure!(before == after, "the processes were {before:?} and are {after:?}");
    Ok(())
}

fn pids(cluster: &Cluster) -> Result<BTreeMap<String, Option<Pid>>> {
    let processes = Processes::of(&cluster.directory);
    Ok(processes.names()?.into_iter().map(|name| (name.clone(), processes.pid(&name))).collect())
}

/// Leaves the cluster without its DNS.
pub(super) fn status_tells(cluster: &Cluster) -> Result<()> {
    let status = || super::Outcome::of(program().args(["cluster", "status", "--name", FIRST]));
    let whole = status()?;
    ensure!(whole.success && whole.output.contains("coredns"), "of a whole cluster: {whole:?}");
    ensure!(!whole.output.contains("cut") && !whole.output.contains("ended"), "of a whole cluster: {whole:?}");

    let node = cluster.node("n2")?;
    network::set_link(node, false)?;
    let with_cut_link = status()?;
    network::set_link(node, true)?;
    let is_cut = |line: &str| line.contains("n2-link") && line.ends_with("cut");
    ensure!(with_cut_link.output.lines().any(is_cut), "of a cut link: {with_cut_link:?}");

    Processes::of(&cluster.directory).kill("coredns")?;
    let without_dns = status()?;
    ensure!(!without_dns.success && without_dns.error.contains("to start coredns:"), "of a dead DNS: {without_dns:?}");
    Ok(())
}

pub(super) fn link_is_cut(cluster: &Cluster) -> Result<()> {
    let node = cluster.node("n2")?;
    let pod = pod_on(cluster, node)?;
    let address = pod_address(cluster, &pod)?;
    network::set_link(node, false)?;
    ensure!(!answers(address)?, "the pod answers although its node's link is cut");
    network::set_link(node, true)?;
    is_reached(cluster, node, &pod)
}

pub(super) fn node_is_stopped(cluster: &Cluster) -> Result<()> {
    let node = cluster.node("n3")?;
    let address = pod_address(cluster, &pod_on(cluster, node)?)?;
    node::stop(cluster, node)?;
    ensure!(!answers(address)?, "a pod answers although its node is stopped");
    eventually("the stopped node is still ready", || {
        let condition = "--for=condition=Ready=Unknown";
        kubectl(cluster, &["wait", condition, "--timeout=2s", "node", &node.name()]).map(drop)
    })?;
    start_nodes(cluster, &[node])?;
    is_reached(cluster, node, &pod_on(cluster, node)?)
}

pub(super) fn up_repairs(cluster: &Cluster) -> Result<()> {
    let processes = Processes::of(&cluster.directory);
    let names = processes.names()?;
    for name in ["etcd", "coredns", "n1-kubelet", "n2-containerd", "n3-init"] {
        processes.kill(name)?;
    }
    up(FIRST, &wanted(3))?;
    ensure!(processes.names()? == names, "other processes run than before");
    names.iter().try_for_each(|name| processes.check(name))?;
    pods_run(cluster)
}
