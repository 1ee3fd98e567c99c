//! Pods that run, and are reached.
//!
//! They run the pause image, which listens on no port. That a pod is reached shows in a refused connection: its own
//! kernel refuses, while a lost packet is answered by nobody.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::eventually;
use crate::cluster::addresses::Node;
use crate::cluster::control_plane::kubectl;
use crate::cluster::process::Processes;
use crate::cluster::record::Cluster;
use crate::cluster::{file, node, pause};
use crate::command;

/// A pod on every node, reached from the machine and from another node.
pub(super) fn pods_run(cluster: &Cluster) -> Result<()> {
    for node in cluster.record.extent.nodes() {
        is_reached(cluster, node, &pod_on(cluster, node)?)?;
    }
    Ok(())
}

/// Applies a pod that runs on this node and returns its name.
pub(super) fn pod_on(cluster: &Cluster, node: Node) -> Result<String> {
    let name = format!("check-{}", node.name());
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeName": node.name(),
            "containers": [{"name": "pause", "image": pause::IMAGE}],
            "terminationGracePeriodSeconds": 0,
        },
    });
    let manifest = cluster.directory.join(format!("{name}.json"));
    file::write(&manifest, &pod.to_string())?;
    kubectl(cluster, &["apply", "--filename", &manifest.display().to_string()])?;
    Ok(name)
}

/// Waits until the pod answers the machine, and the next node.
pub(super) fn is_reached(cluster: &Cluster, node: Node, pod: &str) -> Result<()> {
    let nodes = cluster.record.extent.nodes();
    let neighbour = nodes[usize::from(node.number) % nodes.len()];
    eventually(&format!("pod {pod} is not reached"), || {
        let address = pod_address(cluster, pod)?;
        ensure!(answers(address)?, "the machine does not reach {address}");
        ensure!(answers_node(cluster, neighbour, address)?, "{} does not reach {address}", neighbour.name());
        Ok(())
    })
}

pub(super) fn pod_address(cluster: &Cluster, pod: &str) -> Result<IpAddr> {
    let pod: Value = serde_json::from_str(&kubectl(cluster, &["get", "pod", pod, "--output", "json"])?)?;
    let address = pod["status"]["podIP"].as_str().context("the pod has no address")?;
    Ok(address.parse()?)
}

pub(super) fn answers(address: IpAddr) -> Result<bool> {
    match TcpStream::connect_timeout(&SocketAddr::new(address, 1), Duration::from_secs(1)) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(true),
        Err(_) => Ok(false),
        Ok(_) => bail!("{address} listens on port 1, which nothing here does"),
    }
}

fn answers_node(cluster: &Cluster, node: Node, address: IpAddr) -> Result<bool> {
    let mut connect = node::command(&Processes::of(&cluster.directory), node)?;
    connect.args(["timeout", "1", "bash", "-c", &format!("exec 3<>/dev/tcp/{address}/1")]);
    Ok(String::from_utf8_lossy(&connect.output()?.stderr).contains("Connection refused"))
}

/// The Service that every cluster has leads to the API server, by way of the first node's kube-proxy.
pub(super) fn service_answers(cluster: &Cluster) -> Result<()> {
    let server = format!("--server=https://{}", cluster.record.extent.services().first());
    eventually("the Service kubernetes is not reached", || {
        let answer = kubectl(cluster, &[&server, "get", "--raw", "/livez"])?;
        ensure!(answer == "ok", "the Service answered {answer:?}");
        Ok(())
    })
}

/// What kubelet mounts for containers, such as the credentials of their pods, has to leave its own mounts.
pub(super) fn mounts_reach_containers(cluster: &Cluster) -> Result<()> {
    let processes = Processes::of(&cluster.directory);
    cluster.record.extent.nodes().into_iter().try_for_each(|node| {
        let mounts = command::output(node::command(&processes, node)?.args(["cat", "/proc/self/mounts"]))?;
        ensure!(mounts.contains("/volumes/kubernetes.io~projected/"), "{} has no mount of kubelet", node.name());
        Ok(())
    })
}
