//! Which addresses and names a cluster has, so that several run side by side on one machine.
//!
//! All addresses are from 198.18.0.0/15, the range that RFC 2544 sets aside for benchmarks: it is routed nowhere and
//! met in nobody's network. It is cut into 16 slots of 8,192 addresses, one a cluster:
//!
//! ```text
//! base + 0.0/24     the bridge (.1) and the nodes (.11, .12, …)
//! base + n.0/24     the pods of node n, 1 to 15
//! base + 16.0/20    the Services
//! ```
//!
//! Names of network devices are limited to 15 characters, so they are made of the slot, not of the cluster's name.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// How many clusters with nodes fit on one machine.
pub(crate) const SLOTS: u8 = 16;
/// How many nodes fit into one cluster.
pub(crate) const MAX_NODES: u8 = 15;

const BASE: u32 = Ipv4Addr::new(198, 18, 0, 0).to_bits();
const SLOT_SIZE: u32 = 8192;
const FIRST_NODE: u32 = 11;
const SERVICES: u32 = 16 * 256;

/// The place of a cluster with nodes in the address range, 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot(pub(crate) u8);

/// An address and the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    pub(crate) address: Ipv4Addr,
    prefix: u8,
}

impl Slot {
    fn address(self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(BASE + u32::from(self.0) * SLOT_SIZE + offset)
    }

    /// The name of the bridge that joins the nodes.
    pub(crate) fn bridge(self) -> String {
        format!("beam{}", self.0)
    }

    /// The machine's own address on the bridge, where the API server and the cluster's DNS listen.
    pub(crate) fn host(self) -> Subnet {
        Subnet { address: self.address(1), prefix: 24 }
    }

    pub(crate) fn services(self) -> Subnet {
        Subnet { address: self.address(SERVICES), prefix: 20 }
    }

    pub(crate) fn node(self, number: u8) -> Node {
        Node { slot: self, number }
    }

    pub(crate) fn nodes(self, count: u8) -> impl Iterator<Item = Node> {
        (1..=count).map(move |number| self.node(number))
    }
}

/// A node of a cluster: its names and addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) slot: Slot,
    pub(crate) number: u8,
}

impl Node {
    /// The name in Kubernetes, such as n1.
    pub(crate) fn name(self) -> String {
        format!("n{}", self.number)
    }

    /// The name on this machine of what belongs to the node: the bridge's end of its link, and its cgroup.
    pub(crate) fn id(self) -> String {
        format!("{}n{}", self.slot.bridge(), self.number)
    }

    pub(crate) fn address(self) -> Subnet {
        Subnet { address: self.slot.address(FIRST_NODE - 1 + u32::from(self.number)), prefix: 24 }
    }

    pub(crate) fn pods(self) -> Subnet {
        Subnet { address: self.slot.address(u32::from(self.number) * 256), prefix: 24 }
    }

    /// Always the same for a node, so that its neighbours find it at once when it comes back.
    pub(crate) fn hardware_address(self) -> String {
        format!("02:be:a0:00:{:02x}:{:02x}", self.slot.0, self.number)
    }
}

impl Subnet {
    pub(crate) const fn new(address: Ipv4Addr, prefix: u8) -> Self {
        Self { address, prefix }
    }

    /// The first address after the network's own; Kubernetes gives it to the Service `kubernetes`.
    pub(crate) fn first(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() + 1)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(subnet: Subnet) -> (u32, u32) {
        let size = 1 << (32 - subnet.prefix);
        let first = subnet.address.to_bits() & !(size - 1);
        (first, first + size - 1)
    }

    #[test]
    fn the_first_cluster_starts_at_the_benchmark_range() {
        let node = Slot(0).node(2);
        assert_eq!(Slot(0).host().to_string(), "198.18.0.1/24");
        assert_eq!(node.address().to_string(), "198.18.0.12/24");
        assert_eq!(node.pods().to_string(), "198.18.2.0/24");
        assert_eq!(Slot(0).services().to_string(), "198.18.16.0/20");
        assert_eq!(Slot(0).services().first().to_string(), "198.18.16.1");
        assert_eq!((node.id(), node.name()), ("beam0n2".to_owned(), "n2".to_owned()));
    }

    #[test]
    fn no_two_subnets_overlap_and_all_are_benchmark_addresses() {
        let mut ranges: Vec<_> = (0..SLOTS)
            .map(Slot)
            .flat_map(|slot| {
                let pods = slot.nodes(MAX_NODES).map(Node::pods);
                [slot.host(), slot.services()].into_iter().chain(pods).map(range).collect::<Vec<_>>()
            })
            .collect();
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let benchmark = range(Subnet::new(Ipv4Addr::new(198, 18, 0, 0), 15));
        assert!(ranges.iter().all(|(first, last)| *first >= benchmark.0 && *last <= benchmark.1));
    }

    #[test]
    fn every_node_is_in_the_network_of_its_bridge() {
        for slot in (0..SLOTS).map(Slot) {
            assert!(slot.nodes(MAX_NODES).all(|node| range(node.address()) == range(slot.host())));
        }
    }

    #[test]
    fn names_fit_the_limit_of_network_devices() {
        assert_eq!(Slot(15).node(15).id(), "beam15n15");
    }
}
