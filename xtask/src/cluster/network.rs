//! The network: a bridge on the machine, and a link from it into each node's network namespace.
//!
//! A node's link can be cut while the node goes on running, as a cable can be pulled. The machine itself reaches pods
//! through their nodes, and Services through the first node, whose kube-proxy translates them. Nothing is routed out
//! of the benchmark range, and no packet filter of the machine is changed.

use std::path::Path;

use anyhow::{Context, Result};

use super::addresses::{Node, Slot};
use crate::command::quiet;

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

/// Ensures a node's link, and the routes to and from it; `init` is a process in the node's network namespace.
pub(crate) fn ensure_node(node: Node, peers: &[Node], init: u32) -> Result<()> {
    let id = node.id();
    let inside = |command: &str| quiet(&format!("nsenter --target={init} --net {command}"));
    if inside("ip link show eth0").is_err() {
        // A link of the node's last start vanishes with that start's namespace, though not at once.
        remove_device(&id)?;
        let address = node.hardware_address();
        quiet(&format!("ip link add {id} type veth peer name eth0 netns {init} address {address}"))?;
    }
    quiet(&format!("ip link set {id} master {} up", node.slot.bridge()))?;
    inside("ip link set lo up")?;
    inside(&format!("ip address replace {} dev eth0", node.address()))?;
    inside("ip link set eth0 up")?;
    inside(&format!("ip route replace default via {}", node.slot.host().address))?;
    for peer in peers.iter().filter(|peer| peer.number != node.number) {
        inside(&format!("ip route replace {} via {}", peer.pods(), peer.address().address))?;
    }
    quiet(&format!("ip route replace {} via {}", node.pods(), node.address().address))?;
    if node.number == 1 {
        quiet(&format!("ip route replace {} via {}", node.slot.services(), node.address().address))?;
    }
    Ok(())
}

/// Removes a node's link, whose other end the kernel removes with the node's namespace.
pub(crate) fn remove_node(node: Node) -> Result<()> {
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

/// Whether a cluster in this network namespace has the slot.
pub(crate) fn is_bridge(slot: Slot) -> bool {
    is_device(&slot.bridge())
}

fn is_device(name: &str) -> bool {
    Path::new("/sys/class/net").join(name).exists()
}
