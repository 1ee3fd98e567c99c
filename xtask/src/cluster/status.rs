//! Tells what of a cluster runs.

use anyhow::{Result, bail};

use super::control_plane::kubectl;
use super::network;
use super::process::Processes;
use super::record::Cluster;

/// Prints the cluster's processes, links and nodes.
///
/// # Errors
/// Something that was started has ended, so a script can tell from the exit code.
pub(crate) fn status(name: &str) -> Result<()> {
    let cluster = Cluster::open(name)?;
    println!("cluster {name}: {} ({})", cluster.server(), cluster.kubeconfig().display());
    let processes = Processes::of(&cluster.directory);
    let mut dead = Vec::new();
    for process in processes.names()? {
        if let Some(pid) = processes.pid(&process) {
            println!("  {process:<24} runs as process {}", pid.as_raw_pid());
        } else {
            println!("  {process:<24} has ended, see {}", processes.log(&process).display());
            dead.push(process);
        }
    }
    for node in cluster.record.extent.nodes() {
        let link = if network::is_link_up(node) { "up" } else { "cut" };
        println!("  {:<24} {} {link}", format!("{}-link", node.name()), node.id());
    }
    if !dead.is_empty() {
        bail!("not all of it runs; to start {}: cargo xtask cluster up --name {name}", dead.join(", "));
    }
    if !cluster.record.extent.nodes().is_empty() {
        print!("{}", kubectl(&cluster, &["get", "nodes", "--output", "wide"])?);
    }
    Ok(())
}
