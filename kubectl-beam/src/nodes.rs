//! The nodes of a release as the operator saw them, as a table. Pure.

use beam_operator::api::{ClusterStatus, ElixirReleaseStatus, NodeState, NodeStatus};
use jiff::Timestamp;

use crate::text::{NONE, age, heading, table};

/// The nodes; nothing if none was seen.
pub fn nodes(status: &ElixirReleaseStatus, now: Timestamp) -> String {
    if status.nodes.is_empty() {
        return String::new();
    }
    let head = heading(&["POD", "NODE", "STATE", "CONNECTED", "REVISION", "OTP", "UP"]);
    let rows = status.nodes.iter().map(|node| row(node, now));
    let more = status.nodes_omitted.map_or(String::new(), |more| format!("and {more} more\n"));
    table(std::iter::once(head).chain(rows)) + &more
}

fn row(node: &NodeStatus, now: Timestamp) -> Vec<String> {
    let NodeStatus { pod, node: name, expected_node, revision, connected, expected, otp_release, started_at, state } =
        node;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| NONE.to_owned());
    let name = match (state, expected_node) {
        (NodeState::NameMismatch, Some(expected)) => format!("{} (not {expected})", or_none(name)),
        _ => or_none(if name.is_some() { name } else { expected_node }),
    };
    let up = started_at.as_ref().map_or(NONE.to_owned(), |started| age(Some(started), now));
    let connected = format!("{connected} of {expected}");
    vec![pod.clone(), name, format!("{state:?}"), connected, or_none(revision), or_none(otp_release), up]
}

/// The cluster of a release in words.
pub fn mesh(cluster: &ClusterStatus, now: Timestamp) -> String {
    let ClusterStatus { name, size, partitions, changed_at } = cluster;
    let seen = match (size, partitions) {
        (None, _) => return name.clone(),
        (Some(1), _) => "1 node seen".to_owned(),
        (Some(size), Some(parts)) if *parts > 1 => format!("{size} nodes seen, in {parts} parts"),
        (Some(size), _) => format!("{size} nodes seen"),
    };
    let since = changed_at.as_ref().map_or(String::new(), |at| format!(", unchanged for {}", age(Some(at), now)));
    format!("{name}, {seen}{since}")
}
