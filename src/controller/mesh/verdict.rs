//! The condition `Clustered`.

use std::collections::BTreeSet;

use super::picture::{Member, Picture};
use crate::api::NodeState;
use crate::controller::conditions::{Reason, Told, told};
use crate::observer::Seen;

/// How many names a message has at most, of a group and of groups.
const NAMES: usize = 8;

/// How far apart the OTP releases of two nodes may be.
///
/// Source: <https://www.erlang.org/doc/system/distributed.html>: a node talks to those of two releases before and after.
const DISTANCE: u32 = 2;

/// Whether every ready node sees every other that it is to meet, and none that it is not. Each of them was looked at.
pub(super) fn clustered(pictures: &[Picture]) -> Told {
    if let Some(message) = mixed(pictures) {
        return told("False", Reason::RevisionsMixed, message);
    }
    let ready = |picture: &Picture| picture.members.iter().any(|member| member.sighting.node.is_ready);
    let all: Vec<_> =
        pictures.iter().filter(|picture| ready(picture)).map(|picture| (picture, of_mesh(picture))).collect();
    // What is wrong with one counts for all, and what is not known of one is not known of all.
    let worst = ["False", "Unknown"].iter().find_map(|status| all.iter().find(|(_, told)| told.status == *status));
    match (worst, all.as_slice()) {
        (Some((_, told)), _) | (None, [(_, told)]) => told.clone(),
        (None, []) => told("Unknown", Reason::NodesNotReady, "no node is ready yet".to_owned()),
        (None, whole) => told("True", Reason::AllNodesConnected, each_whole(whole.iter().map(|(picture, _)| *picture))),
    }
}

/// The same of nodes that are to form one mesh, some of which are ready.
#[must_use]
pub fn of_mesh(picture: &Picture) -> Told {
    let ready: Vec<_> = picture.members.iter().filter(|member| member.sighting.node.is_ready).collect();
    let of = |state: NodeState| ready.iter().copied().filter(move |member| member.state == state);
    if let Some(member) = of(NodeState::CookieMismatch).next() {
        return told("False", Reason::CookieMismatch, cookie(member));
    }
    if let Some(member) = of(NodeState::NameMismatch).next() {
        return told("False", Reason::NameMismatch, name(member));
    }
    if let Some(member) = of(NodeState::NotDistributed).next() {
        return told("False", Reason::NotDistributed, not_distributed(member));
    }
    if let Some(message) = versions(&ready) {
        return told("False", Reason::VersionConflict, message);
    }
    if of(NodeState::Partitioned).next().is_some() {
        return told("False", Reason::Partitioned, partition(picture));
    }
    let unseen = ready.iter().copied().filter(|member| member.state == NodeState::Unreachable && member.connected == 0);
    let is_lone = ready.len() == 1;
    let missing: Vec<_> = of(NodeState::Joining).chain(unseen.filter(|_| !is_lone && sees_anybody(&ready))).collect();
    if missing.iter().any(|member| !member.is_young) {
        return told("False", Reason::NodesMissing, nodes_missing(&missing));
    }
    if !missing.is_empty() {
        let names = listed(missing.iter().map(|member| member.name()));
        return told("Unknown", Reason::NodesJoining, format!("{names} started only now and may be on the way"));
    }
    if let Some(member) = of(NodeState::Unreachable).next() {
        return told("Unknown", Reason::Unreachable, unreachable(member));
    }
    let message = match picture.groups.first().map_or(ready.len(), Vec::len) {
        1 => "the one node has no others to meet".to_owned(),
        count => format!("{count} nodes, and each is connected to every other"),
    };
    told("True", Reason::AllNodesConnected, message)
}

/// That nodes of revisions that are apart are connected all the same. Both have to say so: one may not have noticed yet that
/// a node of its own revision is gone, whose address another has now.
fn mixed(pictures: &[Picture]) -> Option<String> {
    let sees = |one: &Member, other: &Member| {
        one.sighting.view().zip(other.sighting.name()).is_some_and(|(view, name)| view.sees(name))
    };
    for (index, picture) in pictures.iter().enumerate() {
        let others = || pictures[..index].iter().flat_map(|other| &other.members);
        for member in &picture.members {
            if let Some(other) = others().find(|other| sees(member, other) && sees(other, member)) {
                let of = |member: &Member| match &member.sighting.node.apart {
                    Some(revision) => format!("{} of revision {revision}", member.name()),
                    None => format!("{} of the whole cluster", member.name()),
                };
                return Some(format!(
                    "{} and {} are connected, and with spec.cluster.scope Revision only nodes of the same revision are to \
                     be: look for what gives them one cookie, such as erlang:set_cookie in the application",
                    of(other),
                    of(member)
                ));
            }
        }
    }
    None
}

/// That several revisions are whole, each for itself.
fn each_whole<'a>(pictures: impl Iterator<Item = &'a Picture<'a>>) -> String {
    let of = |picture: &Picture| {
        let count = picture.groups.first().map_or(picture.members.len(), Vec::len);
        format!("{count} of {}", picture.revision().unwrap_or("the whole cluster"))
    };
    let counts: Vec<_> = pictures.map(of).collect();
    format!("nodes: {}; each is connected to every other of its revision", counts.join(", "))
}

/// Whether anything is known of the mesh at all: if no node answers, nobody is known to be missing.
fn sees_anybody(ready: &[&Member]) -> bool {
    ready.iter().any(|member| member.sighting.view().is_some())
}

fn failure<'a>(member: &Member<'a>) -> &'a str {
    match &member.sighting.seen {
        Seen::Failed(failure) => &failure.message,
        Seen::NotYet | Seen::View(_) => "",
    }
}

fn cookie(member: &Member) -> String {
    format!(
        "the node in pod {} has another cookie than the one in the Secret: {}. Look for what sets it in the image (env.sh, \
         vm.args, ~/.erlang.cookie) or in spec.env; pods that were started before the Secret changed have to be restarted",
        member.sighting.node.pod,
        failure(member)
    )
}

fn name(member: &Member) -> String {
    let node = &member.sighting.node;
    let expected = node.expected.as_ref().map_or("", |name| name.as_str());
    format!(
        "the node in pod {} should be {expected} and calls itself {}: something in the image or in spec.env sets another \
         name. Remove the export of RELEASE_NODE from rel/env.sh.eex, or what names the node in vm.args",
        node.pod,
        member.name()
    )
}

fn not_distributed(member: &Member) -> String {
    format!(
        "the node in pod {} is not distributed: {}. Look for RELEASE_DISTRIBUTION=none in the image's env.sh, check \
         spec.cluster.epmd and spec.cluster.ports, or set spec.cluster.distribution to Disabled if it is to be alone",
        member.sighting.node.pod,
        failure(member)
    )
}

fn unreachable(member: &Member) -> String {
    format!(
        "the operator cannot ask the node in pod {}, so it is not known whom it is connected to: {}. A NetworkPolicy may be \
         in the way: the operator's namespace has to reach spec.cluster.ports",
        member.sighting.node.pod,
        failure(member)
    )
}

fn versions(ready: &[&Member]) -> Option<String> {
    let releases: BTreeSet<u32> =
        ready.iter().filter_map(|member| member.sighting.view()?.otp_release.parse().ok()).collect();
    let (oldest, newest) = (releases.first()?, releases.last()?);
    (newest - oldest > DISTANCE).then(|| {
        format!(
            "OTP {oldest} and OTP {newest} are in one cluster, and nodes understand each other within {DISTANCE} releases: \
             build the images of its members with releases that are closer"
        )
    })
}

fn partition(picture: &Picture) -> String {
    let sides: Vec<_> = picture.groups.iter().map(|group| listed(group.iter().map(|at| picture.name(*at)))).collect();
    if let [_] = sides.as_slice() {
        let lonely = picture.members.iter().filter(|member| member.state == NodeState::Partitioned);
        return format!(
            "not every node is connected to every other: {} lost some. {ADVICE}",
            listed(lonely.map(Member::name))
        );
    }
    let more = sides.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown: Vec<_> = sides.into_iter().take(NAMES).collect();
    format!("the cluster has fallen apart into {}{more}. {ADVICE}", shown.join(" | "))
}

const ADVICE: &str = "Nodes that cannot reach each other need their network back; spec.cluster.healing says what the \
                      operator does then";

fn nodes_missing(missing: &[&Member]) -> String {
    format!(
        "{} not connected to the others: check that the application joins a cluster (dns_cluster, libcluster), that \
         spec.cluster.discovery is what it uses, or let the operator connect the nodes with discovery Operator",
        listed(missing.iter().map(|member| member.name()))
    )
}

/// Some names in brackets, and how many more.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: BTreeSet<_> = names.collect();
    let more = names.len().saturating_sub(NAMES);
    let shown = names.into_iter().take(NAMES).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("[{shown} and {more} more]") } else { format!("[{shown}]") }
}
