//! A node: a process tree in namespaces of its own, with a root of its own for what changes.
//!
//! As in kind, a node is a container without an image. It shares the machine's programs and has for itself:
//!
//! - `/var`, kept in the cluster's directory like the disk of a real node, with containerd's images and the pods' logs;
//! - `/run`, empty at each start, with the sockets of containerd and its shims;
//! - its process ids, mounts, network, host name and shared memory.
//!
//! So a node's kubelet and containerd are at their usual paths and meet nobody else's, and killing the node's first
//! process is like pulling its plug: the kernel ends every process in it, pods included, and forgets their mounts.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::addresses::Node;
use super::archive::Manifest;
use super::file::write;
use super::pause::{IMAGE, Pause};
use super::pki::{Authority, User};
use super::process::Processes;
use super::record::Cluster;
use super::{cgroup, network, node_config};
use crate::command::output;
use crate::tools;

/// How long booting and a node's daemons may take on a busy machine.
const START: Duration = Duration::from_mins(1);

/// Ends the program when `nsenter`, whose process id is the recorded one, ends: only its child is inside the node.
const WITH_PARENT: &[&str] = &["setpriv", "--pdeathsig=KILL"];

/// Kubelet in mounts of its own, from which those that it makes for containers come out.
const KUBELET: &[&str] =
    &["unshare", "--mount", "--propagation=unchanged", "sh", node_config::KUBELET_SCRIPT, "/run/tools/kubelet"];

/// Starts what does not run of a node whose configuration is written: its first process, containerd, kubelet and
/// kube-proxy.
pub(crate) fn ensure(cluster: &Cluster, node: Node, pause: &Pause) -> Result<()> {
    cgroup::ensure(&node.id())?;
    let processes = Processes::of(&cluster.directory);
    let init = boot(cluster, &processes, node, pause)?;
    network::ensure_node(node, &cluster.record.extent.nodes(), init)?;
    let daemon = |name: &str, program: &[&str], arguments: &[String]| {
        let mut words = enter(&processes, node)?;
        words.extend(WITH_PARENT.iter().chain(program).map(|word| (*word).to_owned()));
        words.extend_from_slice(arguments);
        processes.ensure(&daemon_name(node, name), &words)
    };
    daemon("containerd", &["containerd"], &[format!("--config={}", node_config::CONTAINERD)])?;
    wait_for_containerd(&processes, node)?;
    import(&processes, node, &pause.archive)?;
    daemon("kubelet", KUBELET, &node_config::kubelet_arguments(node))?;
    daemon("kube-proxy", &["/run/tools/kube-proxy"], &[format!("--config={}", node_config::KUBE_PROXY)])
}

/// Fails if one of the node's daemons has ended.
pub(crate) fn check(cluster: &Cluster, node: Node) -> Result<()> {
    let processes = Processes::of(&cluster.directory);
    ["containerd", "kubelet", "kube-proxy"].iter().try_for_each(|name| processes.check(&daemon_name(node, name)))
}

/// Ends the node and everything that runs on it at once, and takes its link away; its disk stays.
pub(crate) fn stop(cluster: &Cluster, node: Node) -> Result<()> {
    let processes = Processes::of(&cluster.directory);
    for name in ["init", "containerd", "kubelet", "kube-proxy"] {
        processes.stop(&daemon_name(node, name), Duration::ZERO)?;
    }
    cgroup::remove(&node.id())?;
    network::remove_node(node)
}

/// A command that runs the arguments it is given in the node.
pub(crate) fn command(processes: &Processes, node: Node) -> Result<Command> {
    let words = enter(processes, node)?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    Ok(command)
}

/// Imports an OCI archive into the node's containerd, by its tag and by its digest, unless it is there.
pub(crate) fn import(processes: &Processes, node: Node, archive: &Path) -> Result<()> {
    let manifest = Manifest::of(archive)?;
    if has_image(processes, node, &manifest)? {
        return Ok(());
    }
    let input = File::open(archive).with_context(|| format!("failed to open {}", archive.display()))?;
    let names = ["--digests", "--base-name", manifest.repository()];
    let import = [&["ctr", "--namespace=k8s.io", "images", "import"], &names[..], &["-"]].concat();
    // The node does not see all of the machine's files, so it is given the open file.
    let output = command(processes, node)?.args(import).stdin(input).output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("failed to import {} on {}: {}", archive.display(), node.name(), reason.trim());
    }
    Ok(())
}

fn has_image(processes: &Processes, node: Node, image: &Manifest) -> Result<bool> {
    let filter = format!("name=={}", image.reference);
    let list = ["ctr", "--namespace=k8s.io", "images", "list", &filter];
    Ok(output(command(processes, node)?.args(list))?.contains(&image.digest))
}

fn daemon_name(node: Node, daemon: &str) -> String {
    format!("{}-{daemon}", node.name())
}

/// Starts the node's first process, waits until the node's mounts are made, and returns its process id.
fn boot(cluster: &Cluster, processes: &Processes, node: Node, pause: &Pause) -> Result<u32> {
    let directory = cluster.node_directory(node);
    let tools = tools::KUBELET.path()?;
    let script = directory.join("boot.sh");
    fs::create_dir_all(directory.join("run"))?;
    let text = node_config::boot_script(node, &directory, tools.parent().unwrap_or(&tools), &pause.program);
    write(&script, &text)?;
    let unshare = "unshare --mount --propagation=slave --pid --fork --kill-child --mount-proc --net --uts --ipc sh";
    let words: Vec<_> = unshare.split(' ').map(ToOwned::to_owned).chain([script.display().to_string()]).collect();
    let name = daemon_name(node, "init");
    processes.ensure(&name, &words)?;
    wait(processes, &name, || {
        let init = init(processes, node).context("the node's first process does not run")?;
        anyhow::ensure!(Path::new(&format!("/proc/{init}/root/run/booted")).exists(), "the node's mounts are missing");
        Ok(init)
    })
}

/// The process id, as the machine sees it, of the node's first process.
fn init(processes: &Processes, node: Node) -> Option<u32> {
    let unshare = processes.pid(&daemon_name(node, "init"))?.as_raw_pid();
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// The start of a command line that runs the rest of it in the node.
fn enter(processes: &Processes, node: Node) -> Result<Vec<String>> {
    let init = init(processes, node).with_context(|| format!("node {} does not run", node.name()))?;
    let words = format!("nsenter --target={init} --mount --pid --net --uts --ipc --");
    Ok(words.split(' ').map(ToOwned::to_owned).collect())
}

fn wait_for_containerd(processes: &Processes, node: Node) -> Result<()> {
    wait(processes, &daemon_name(node, "containerd"), || {
        output(command(processes, node)?.args(["ctr", "--namespace=k8s.io", "images", "list"]))?;
        Ok(())
    })
}

/// Tries until it succeeds, as long as the process runs.
fn wait<T>(processes: &Processes, name: &str, attempt: impl Fn() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + START;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context(format!("{name} is not ready after {} s", START.as_secs())));
            }
            Err(_) => processes.check(name)?,
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Writes what the node's daemons read, at the paths at which they will see it.
///
/// Nodes share certificates, so this is done for one node after the other.
pub(crate) fn write_configuration(cluster: &Cluster, node: Node) -> Result<()> {
    let disk = cluster.node_directory(node);
    let place = |path: &str| -> Result<PathBuf> {
        let file = disk.join(path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().unwrap_or(&disk))?;
        Ok(file)
    };
    let authority = Authority::ensure(&cluster.directory.join("pki"))?;
    let server = cluster.server();
    authority.write_kubeconfig(&place(node_config::KUBELET_KUBECONFIG)?, &User::node(&node.name()), &server)?;
    let proxy = User::component(tools::KUBE_PROXY.name());
    authority.write_kubeconfig(&place(node_config::KUBE_PROXY_KUBECONFIG)?, &proxy, &server)?;
    write(&place(node_config::AUTHORITY)?, &fs::read_to_string(authority.file("ca.crt"))?)?;
    write(&place(node_config::CONTAINERD)?, &node_config::containerd(IMAGE))?;
    write(&place(node_config::CNI)?, &node_config::cni(node).to_string())?;
    write(&place(node_config::KUBELET)?, &node_config::kubelet(node).to_string())?;
    write(&place(node_config::KUBELET_SCRIPT)?, &node_config::kubelet_script())?;
    write(&place(node_config::KUBE_PROXY)?, &node_config::kube_proxy(node).to_string())
}
