//! Nodes for tests, in a line each.

use std::sync::Arc;

use jiff::Timestamp;

use crate::beam::{NodeName, Port};
use crate::observer::{Failure, FailureKind, Node, Seen, Sighting, View};

/// The name of the node in pod `a`, and so on.
pub fn name(pod: &str) -> NodeName {
    format!("shop@{pod}").parse().unwrap()
}

/// A ready node in this pod of release `shop` that nobody has looked at.
pub fn unseen(pod: &str) -> Sighting {
    let node = Node {
        pod: pod.into(),
        uid: format!("uid-of-{pod}").into(),
        address: pod.into(),
        port: Port::default(),
        expected: Some(name(pod)),
        apart: None,
        is_ready: true,
        started: None,
    };
    Sighting { release: "shop".into(), node, seen: Seen::NotYet, has_answered: false, has_met: false }
}

/// A ready node that is connected to these.
pub fn seen(pod: &str, peers: &[&str]) -> Sighting {
    let mut names: Vec<_> = peers.iter().map(|peer| name(peer)).collect();
    names.sort();
    let view = View {
        name: name(pod),
        peers: names.into(),
        otp_release: "27".into(),
        started_at: Timestamp::from_second(1_800_000_000).unwrap(),
        prevents_overlapping_partitions: true,
        has_next_cookie: false,
    };
    Sighting { seen: Seen::View(Arc::new(view)), has_answered: true, has_met: !peers.is_empty(), ..unseen(pod) }
}

/// A ready node that could not be asked.
pub fn failed(pod: &str, kind: FailureKind) -> Sighting {
    Sighting { seen: Seen::Failed(Failure { kind, message: "it says so".into() }), ..unseen(pod) }
}

/// The same node with something changed about its view.
pub fn viewed(sighting: Sighting, change: impl FnOnce(&mut View)) -> Sighting {
    let Seen::View(view) = &sighting.seen else { panic!("it was not seen") };
    let mut view = (**view).clone();
    change(&mut view);
    Sighting { seen: Seen::View(Arc::new(view)), ..sighting }
}

/// The same node in a pod that is not ready.
pub fn starting(sighting: Sighting) -> Sighting {
    Sighting { node: Node { is_ready: false, ..sighting.node }, ..sighting }
}

/// The same node, which is to meet only those of this revision.
pub fn apart(revision: &str, sighting: Sighting) -> Sighting {
    Sighting { node: Node { apart: Some(revision.into()), ..sighting.node }, ..sighting }
}

/// The same node, whose container was started at this second.
pub fn started(sighting: Sighting, second: i64) -> Sighting {
    Sighting { node: Node { started: Timestamp::from_second(second).ok(), ..sighting.node }, ..sighting }
}

/// The same node, which had answered before.
pub fn answered(sighting: Sighting) -> Sighting {
    Sighting { has_answered: true, ..sighting }
}

/// The same node, which had met others before.
pub fn met(sighting: Sighting) -> Sighting {
    Sighting { has_met: true, ..sighting }
}
