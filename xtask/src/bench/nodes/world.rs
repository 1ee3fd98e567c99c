//! The nodes that are simulated: who they are, whom they see, and what they answer.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use super::term::{Term, atom, integer, list, string, tuple};

/// How many nodes a release has.
pub(super) const MESH: u32 = 20;

/// The first bytes of every address: a part of the loopback network where nobody else listens.
const NETWORK: [u8; 2] = [127, 83];

/// When the nodes were started, by the clock of a VM, which begins far below zero.
const STARTED: i64 = -576_460_751_000_000_000;

/// A node by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(pub(super) u32);

impl NodeId {
    /// The number of its release.
    pub(super) fn mesh(self) -> u32 {
        self.0 / MESH
    }

    /// Its own address on loopback.
    pub(super) fn address(self) -> Ipv4Addr {
        let [.., third, fourth] = self.0.to_be_bytes();
        let [first, second] = NETWORK;
        Ipv4Addr::new(first, second, third, fourth)
    }

    fn at(address: Ipv4Addr) -> Option<Self> {
        let [first, second, third, fourth] = address.octets();
        ([first, second] == NETWORK).then(|| Self(u32::from_be_bytes([0, 0, third, fourth])))
    }
}

/// The name of a release, of its cluster and of its nodes before the `@`.
pub(super) fn mesh_name(mesh: u32) -> String {
    format!("mesh-{mesh:04}")
}

/// What a node says of itself in the distribution protocol.
pub(super) fn node_name(node: NodeId) -> String {
    format!("{}@{}", mesh_name(node.mesh()), node.address())
}

/// All nodes.
pub(super) struct World {
    count: u32,
    /// The cookie of each release.
    cookies: Vec<Vec<u8>>,
    /// The one node that nobody sees and that sees nobody, by its number and one; 0 while there is none.
    isolated: AtomicU64,
    started: Instant,
}

impl World {
    pub(super) fn new(count: u32, cookies: Vec<Vec<u8>>) -> Self {
        Self { count, cookies, isolated: AtomicU64::new(0), started: Instant::now() }
    }

    /// The node with this address.
    pub(super) fn node(&self, address: Ipv4Addr) -> Option<NodeId> {
        NodeId::at(address).filter(|node| node.0 < self.count)
    }

    /// The cookie of a node.
    pub(super) fn cookie(&self, node: NodeId) -> &[u8] {
        &self.cookies[node.mesh() as usize]
    }

    /// From now on the node and the others of its release do not see each other.
    pub(super) fn isolate(&self, node: NodeId) {
        self.isolated.store(u64::from(node.0) + 1, Relaxed);
    }

    /// The nodes that a node sees.
    fn peers(&self, node: NodeId) -> Vec<NodeId> {
        let is_isolated = |node: NodeId| self.isolated.load(Relaxed) == u64::from(node.0) + 1;
        if is_isolated(node) {
            return Vec::new();
        }
        let first = node.mesh() * MESH;
        let mesh = (first..(first + MESH).min(self.count)).map(NodeId);
        mesh.filter(|other| *other != node && !is_isolated(*other)).collect()
    }

    /// What a node answers to a call, in the external term format. `None` if it is none of those that the operator makes
    /// to look at nodes.
    pub(super) fn answer(&self, node: NodeId, module: &str, function: &str, arguments: &[Term]) -> Option<Vec<u8>> {
        let arguments: Vec<_> =
            arguments.iter().filter_map(|term| if let Term::Atom(name) = term { Some(*name) } else { None }).collect();
        let names = || self.peers(node).into_iter().map(node_name);
        Some(match (module, function, arguments.as_slice()) {
            ("erlang", "nodes", ["visible"]) => list(&names().map(|name| atom(&name)).collect::<Vec<_>>()),
            ("erlang", "memory", []) => memory(),
            ("erlang", "statistics", ["total_run_queue_lengths"]) => integer(0),
            ("erlang", "system_info", ["process_count"]) => integer(412),
            ("erlang", "system_info", ["schedulers_online"]) => integer(2),
            // The one expression that the operator has a node evaluate: the value, and no bindings.
            ("erl_eval", "expr", []) => tuple(&[atom("value"), integer(0), list(&[])]),
            ("erlang", "system_info", ["otp_release"]) => string("27"),
            ("erlang", "system_info", ["start_time"]) => integer(STARTED),
            ("erlang", "monotonic_time", []) => {
                let elapsed = i64::try_from(self.started.elapsed().as_nanos()).unwrap_or_default();
                integer(STARTED + elapsed)
            }
            ("erlang", "convert_time_unit", ["second", "native"]) => integer(1_000_000_000),
            ("application", "get_env", ["kernel", "prevent_overlapping_partitions"]) => {
                tuple(&[atom("ok"), atom("true")])
            }
            // Who is isolated stays so: nobody gets through to it.
            ("net_kernel", "connect_node", [other]) => {
                atom(if names().any(|name| name == *other) { "true" } else { "false" })
            }
            _ => return None,
        })
    }
}

/// All kinds that a VM tells, so that the answer is as long as a real one.
fn memory() -> Vec<u8> {
    let kinds = [
        ("total", 78_423_592),
        ("processes", 21_307_344),
        ("processes_used", 21_305_920),
        ("system", 57_116_248),
        ("atom", 1_262_121),
        ("atom_used", 1_247_590),
        ("binary", 1_731_904),
        ("code", 28_614_330),
        ("ets", 2_618_776),
    ];
    list(&kinds.map(|(kind, bytes)| tuple(&[atom(kind), integer(bytes)])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        World::new(50, vec![b"first".to_vec(), b"second".to_vec(), b"third".to_vec()])
    }

    fn names(nodes: &[u32]) -> Vec<u8> {
        list(&nodes.iter().map(|node| atom(&node_name(NodeId(*node)))).collect::<Vec<_>>())
    }

    fn seen_by(world: &World, node: u32) -> Vec<u8> {
        world.answer(NodeId(node), "erlang", "nodes", &[Term::Atom("visible")]).unwrap()
    }

    #[test]
    fn a_node_is_known_by_its_address() {
        assert_eq!(NodeId(300).address(), Ipv4Addr::new(127, 83, 1, 44));
        assert_eq!(node_name(NodeId(300)), "mesh-0015@127.83.1.44");
        assert_eq!(world().node(NodeId(49).address()), Some(NodeId(49)));
        assert_eq!(world().node(NodeId(50).address()), None, "there is no such node");
        assert_eq!(world().node(Ipv4Addr::LOCALHOST), None);
        assert_eq!(world().cookie(NodeId(20)), b"second");
    }

    #[test]
    fn a_node_sees_the_others_of_its_release() {
        let world = world();
        let others: Vec<_> = (20..40).filter(|node| *node != 27).collect();
        assert_eq!(seen_by(&world, 27), names(&others));
        assert_eq!(seen_by(&world, 40), names(&[41, 42, 43, 44, 45, 46, 47, 48, 49]), "the last release is smaller");
    }

    #[test]
    fn who_is_isolated_neither_sees_nor_is_seen() {
        let world = world();
        world.isolate(NodeId(40));
        assert_eq!(seen_by(&world, 40), names(&[]));
        assert_eq!(seen_by(&world, 49), names(&[41, 42, 43, 44, 45, 46, 47, 48]));
        let connect = |one, other| {
            world.answer(NodeId(one), "net_kernel", "connect_node", &[Term::Atom(&node_name(NodeId(other)))]).unwrap()
        };
        assert_eq!((connect(49, 40), connect(40, 49), connect(49, 48)), (atom("false"), atom("false"), atom("true")));
    }

    #[test]
    fn a_call_that_nobody_makes_has_no_answer() {
        assert_eq!(world().answer(NodeId(0), "os", "cmd", &[]), None);
        assert_eq!(world().answer(NodeId(0), "erlang", "nodes", &[Term::Atom("hidden")]), None);
    }
}
