//! The network: a bridge on the machine, and for each node a network namespace of its own with a link to the bridge.
//!
//! A node's link can be cut while the node goes on running, as a cable can be pulled. The machine itself reaches pods
//! through their nodes, and Services through the first node, whose kube-proxy translates them. Nothing is routed out
//! of the benchmark range, and no setting or packet filter of the machine is changed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::addresses::{Node, Slot};
use crate::command::{output, quiet};

/// Ensures the bridge and the machine's address on it.
pub(crate) fn ensure_bridge(slot: Slot) -> Result<()> {
    let bridge = slot.bridge();
    if !is_device(&bridge) {
        quiet(&format!("ip link add {bridge} type bridge"))?;
    }
    quiet(&format!("ip address replace {} dev {bridge}", slot.host()))?;
    quiet(&format!("ip link set {bridge} up")).context("failed to make the bridge")?;
    Ok(())
}

/// Ensures a node's namespace, its link, and the routes to and from it.
pub(crate) fn ensure_node(node: Node, peers: &[Node]) -> Result<()> {
    let id = node.id();
    ensure_namespace(&id)?;
    if !is_device(&id) {
        let address = node.hardware_address();
        quiet(&format!("ip link add {id} type veth peer name eth0 netns {id} address {address}"))?;
    }
    quiet(&format!("ip link set {id} master {} up", node.slot.bridge()))?;
    for command in [
        "link set lo up".to_owned(),
        format!("address replace {} dev eth0", node.address()),
        "link set eth0 up".to_owned(),
        format!("route replace default via {}", node.slot.host().address),
    ] {
        quiet(&format!("ip -netns {id} {command}"))?;
    }
    for peer in peers.iter().filter(|peer| peer.number != node.number) {
        quiet(&format!("ip -netns {id} route replace {} via {}", peer.pods(), peer.address().address))?;
    }
    forward_packets(&id)?;
    quiet(&format!("ip route replace {} via {}", node.pods(), node.address().address))?;
    if node.number == 1 {
        quiet(&format!("ip route replace {} via {}", node.slot.services(), node.address().address))?;
    }
    Ok(())
}

/// Lets the namespace forward packets between its pods and its link; the setting is each namespace's own.
fn forward_packets(id: &str) -> Result<()> {
    let setting = "echo 1 >/proc/sys/net/ipv4/ip_forward";
    output(Command::new("nsenter").arg(format!("--net=/run/netns/{id}")).args(["sh", "-c", setting]))?;
    Ok(())
}

/// A namespace that an interrupted `ip netns add` left half made is made anew.
fn ensure_namespace(id: &str) -> Result<()> {
    if quiet(&format!("ip -netns {id} link show lo")).is_ok() {
        return Ok(());
    }
    remove_namespace(id)?;
    quiet(&format!("ip netns add {id}"))?;
    Ok(())
}

fn remove_namespace(id: &str) -> Result<()> {
    if Path::new("/run/netns").join(id).exists() {
        quiet(&format!("ip netns delete {id}"))?;
    }
    Ok(())
}

/// Removes a node's namespace and with it all devices and packet filters in it.
pub(crate) fn remove_node(node: Node) -> Result<()> {
    remove_namespace(&node.id())?;
    remove_device(&node.id())
}

/// Removes the bridge and with it the routes through it.
pub(crate) fn remove_bridge(slot: Slot) -> Result<()> {
    remove_device(&slot.bridge())
}

/// Removes the device, which may vanish by itself because its namespace has gone.
fn remove_device(device: &str) -> Result<()> {
    if is_device(device) {
        let removed = quiet(&format!("ip link delete {device}"));
        if is_device(device) {
            removed?;
        }
    }
    Ok(())
}

/// Cuts a node's link, or restores it.
pub(crate) fn set_link(node: Node, up: bool) -> Result<()> {
    let state = if up { "up" } else { "down" };
    quiet(&format!("ip link set {} {state}", node.id()))?;
    Ok(())
}

/// Whether a node's link to the bridge is there and not cut.
pub(crate) fn is_link_up(node: Node) -> bool {
    quiet(&format!("ip -oneline link show {}", node.id())).is_ok_and(|line| line.contains(",UP"))
}

fn is_device(name: &str) -> bool {
    Path::new("/sys/class/net").join(name).exists()
}
