//! `cargo xtask cluster check`: does to clusters of its own what happens to clusters, and looks at the result.
//!
//! Pods run the pause image, which listens on no port. That a pod is reached shows in a refused connection: its own
//! kernel refuses, while a lost packet is answered by nobody.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::addresses::Node;
use super::control_plane::kubectl;
use super::process::Processes;
use super::record::{self, Cluster};
use super::up::{Wanted, start_nodes, up};
use super::{down::down, file, leftovers, network, node, pause};
use crate::progress::step;

const FIRST: &str = "check-1";
const SECOND: &str = "check-2";
/// Moments at which `up` is killed: from its first record to its last wait.
const INTERRUPTIONS: [u64; 10] = [30, 100, 300, 1_000, 2_000, 2_700, 3_200, 3_700, 4_200, 5_000];
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs all checks, and takes down what they made whatever their outcome.
pub(crate) fn check() -> Result<()> {
    let result = check_all();
    for name in [FIRST, SECOND] {
        down(name)?;
    }
    result
}

fn check_all() -> Result<()> {
    let first = up(FIRST, &wanted(3))?;
    step("check: a pod on every node, reached from the machine and from another node", "", || pods_run(&first))?;
    step("check: the machine reaches a Service", "", || service_answers(&first))?;
    step("check: a cut link loses the node's pods, a restored one brings them back", "", || link_is_cut(&first))?;
    step("check: a node that is stopped is lost, one that is started is ready", "", || node_is_stopped(&first))?;
    step("check: up starts what was killed", "", || up_repairs(&first))?;
    let second = up(SECOND, &wanted(1))?;
    step("check: a second cluster goes without a trace in the first", "", || {
        let nodes = second.record.extent.nodes();
        is_reached(&second, nodes[0], &pod_on(&second, nodes[0])?)?;
        down_leaves_nothing(SECOND)?;
        pods_run(&first)
    })?;
    step("check: down leaves nothing behind", "", || down_leaves_nothing(FIRST))?;
    for milliseconds in INTERRUPTIONS {
        let what = format!("check: down leaves nothing of an up that was killed after {milliseconds} ms");
        step(&what, "", || interrupted_up_is_removed(Duration::from_millis(milliseconds)))?;
    }
    Ok(())
}

fn wanted(nodes: u8) -> Wanted {
    Wanted {
        nodes: Some(nodes),
        control_plane_only: false,
        controller_manager: false,
        api_server_arguments: Vec::new(),
    }
}

fn pods_run(cluster: &Cluster) -> Result<()> {
    for node in cluster.record.extent.nodes() {
        is_reached(cluster, node, &pod_on(cluster, node)?)?;
    }
    Ok(())
}

/// Applies a pod that runs on this node and returns its name.
fn pod_on(cluster: &Cluster, node: Node) -> Result<String> {
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
fn is_reached(cluster: &Cluster, node: Node, pod: &str) -> Result<()> {
    let nodes = cluster.record.extent.nodes();
    let neighbour = nodes[usize::from(node.number) % nodes.len()];
    eventually(&format!("pod {pod} is not reached"), || {
        let address = pod_address(cluster, pod)?;
        ensure!(answers(address)?, "the machine does not reach {address}");
        ensure!(answers_node(cluster, neighbour, address)?, "{} does not reach {address}", neighbour.name());
        Ok(())
    })
}

fn pod_address(cluster: &Cluster, pod: &str) -> Result<IpAddr> {
    let pod: Value = serde_json::from_str(&kubectl(cluster, &["get", "pod", pod, "--output", "json"])?)?;
    let address = pod["status"]["podIP"].as_str().context("the pod has no address")?;
    Ok(address.parse()?)
}

fn answers(address: IpAddr) -> Result<bool> {
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
fn service_answers(cluster: &Cluster) -> Result<()> {
    let server = format!("--server=https://{}", cluster.record.extent.services().first());
    eventually("the Service kubernetes is not reached", || {
        let answer = kubectl(cluster, &[&server, "get", "--raw", "/livez"])?;
        ensure!(answer == "ok", "the Service answered {answer:?}");
        Ok(())
    })
}

fn link_is_cut(cluster: &Cluster) -> Result<()> {
    let node = cluster.node("n2")?;
    let pod = pod_on(cluster, node)?;
    let address = pod_address(cluster, &pod)?;
    network::set_link(node, false)?;
    ensure!(!answers(address)?, "the pod answers although its node's link is cut");
    network::set_link(node, true)?;
    is_reached(cluster, node, &pod)
}

fn node_is_stopped(cluster: &Cluster) -> Result<()> {
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

fn up_repairs(cluster: &Cluster) -> Result<()> {
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

fn down_leaves_nothing(name: &str) -> Result<()> {
    let cluster = Cluster::open(name)?;
    down(name)?;
    nothing_is_left(&cluster)
}

/// Kills `up` in the middle; if it had not even recorded the cluster, there must be no directory.
fn interrupted_up_is_removed(after: Duration) -> Result<()> {
    // This very program, even if its file has been replaced since by a newer build.
    let mut up = Command::new("/proc/self/exe");
    up.args(["cluster", "up", "--name", FIRST]).stderr(Stdio::null());
    let mut up = up.spawn()?;
    thread::sleep(after);
    up.kill()?;
    up.wait()?;
    let directory = record::directory(FIRST)?;
    let record = record::read(&directory)?;
    down(FIRST)?;
    ensure!(!directory.exists(), "{} is left", directory.display());
    record.map_or(Ok(()), |record| nothing_is_left(&Cluster { directory, record }))
}

/// A command that `up` had just started may still be about to end.
fn nothing_is_left(cluster: &Cluster) -> Result<()> {
    eventually("something is left", || {
        let left = leftovers::of(cluster)?;
        ensure!(left.is_empty(), "{}", left.join("\n"));
        Ok(())
    })
}

/// Tries for a minute, and fails with the last error.
fn eventually(otherwise: &str, attempt: impl Fn() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = attempt() {
        if Instant::now() > deadline {
            return Err(error.context(otherwise.to_owned()));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
