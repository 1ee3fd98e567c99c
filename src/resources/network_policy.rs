//! The NetworkPolicy of a release: who may reach its nodes.
//!
//! Whoever reaches the distribution port and knows the cookie may run code on every node, so by default only members and
//! the operator reach it. A NetworkPolicy cannot forbid, it can only allow: the policy allows members everything and
//! everybody else the complement of the closed ports. Ports and mode may differ between members, so each release has a
//! policy of its own.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use super::{Facts, labels, metadata, names};
use crate::api::{ElixirRelease, Epmd, NetworkPolicyMode, Protocol};

/// The label that Kubernetes itself puts on a namespace.
const NAMESPACE: &str = "kubernetes.io/metadata.name";

/// The policy; `None` where none is wanted, and where lone nodes have no port to close.
#[must_use]
pub fn build(release: &ElixirRelease, facts: &Facts) -> Option<NetworkPolicy> {
    let everything_for_peers =
        NetworkPolicyIngressRule { from: Some(peers(release, facts)), ..NetworkPolicyIngressRule::default() };
    let ingress = match (release.spec.network_policy, names::is_distributed(release)) {
        (NetworkPolicyMode::Disabled, _) | (NetworkPolicyMode::Open, false) => return None,
        (NetworkPolicyMode::PeersOnly, _) => vec![everything_for_peers],
        (NetworkPolicyMode::Open, true) => vec![everything_for_peers, open_ports_for_all(release)],
    };
    Some(NetworkPolicy {
        metadata: metadata::of_release(release, release.name_any()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(labels::pod_selector(release))),
            ingress: Some(ingress),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ..NetworkPolicySpec::default()
        }),
    })
}

/// The pods of the cluster (of the release, when its nodes are alone) and the operator.
fn peers(release: &ElixirRelease, facts: &Facts) -> Vec<NetworkPolicyPeer> {
    let of_release = || labels::pod_selector(release);
    let of_cluster = || labels::cluster_selector(&names::cluster(release));
    let members = if names::is_distributed(release) { of_cluster() } else { of_release() };
    let members = NetworkPolicyPeer { pod_selector: Some(selector(members)), ..NetworkPolicyPeer::default() };
    let operator = facts.operator_namespace.as_ref().map(|namespace| NetworkPolicyPeer {
        namespace_selector: Some(selector([(NAMESPACE.to_owned(), namespace.clone())].into())),
        pod_selector: Some(selector([(labels::NAME.to_owned(), labels::MANAGER.to_owned())].into())),
        ..NetworkPolicyPeer::default()
    });
    std::iter::once(members).chain(operator).collect()
}

fn open_ports_for_all(release: &ElixirRelease) -> NetworkPolicyIngressRule {
    let ports = Protocol::ALL
        .into_iter()
        .flat_map(|protocol| complement(closed(release, protocol)).into_iter().map(move |range| open(protocol, range)));
    NetworkPolicyIngressRule { ports: Some(ports.collect()), ..NetworkPolicyIngressRule::default() }
}

/// The port ranges, both ends included, that only members and the operator may reach.
#[must_use]
pub fn closed(release: &ElixirRelease, protocol: Protocol) -> Vec<(u16, u16)> {
    let cluster = &release.spec.cluster;
    let extra = cluster.ports.extra.iter().filter(|extra| extra.protocol == protocol);
    let mut closed: Vec<_> = extra.map(|extra| (extra.port, extra.end_port.unwrap_or(extra.port))).collect();
    if protocol == Protocol::Tcp {
        closed.push((cluster.ports.distribution.from, cluster.ports.distribution.to));
        if cluster.epmd == Epmd::Enabled {
            closed.push((cluster.ports.epmd, cluster.ports.epmd));
        }
    }
    closed
}

/// The ranges of ports from 1 to 65535 that are in none of the given ones.
fn complement(mut closed: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    closed.sort_unstable();
    let mut open = Vec::new();
    let mut next = Some(1);
    for (from, to) in closed {
        let Some(start) = next else { break };
        if start < from {
            open.push((start, from - 1));
        }
        next = to.checked_add(1).map(|after| after.max(start));
    }
    open.extend(next.map(|start| (start, u16::MAX)));
    open
}

fn open(protocol: Protocol, (from, to): (u16, u16)) -> NetworkPolicyPort {
    let is_all = (from, to) == (1, u16::MAX);
    NetworkPolicyPort {
        protocol: Some(protocol.as_str().to_owned()),
        port: (!is_all).then_some(IntOrString::Int(from.into())),
        end_port: (!is_all && from < to).then_some(to.into()),
    }
}

fn selector(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::fixture;
    use super::*;
    use crate::api::{ExtraPort, PortRange};

    fn facts() -> Facts {
        Facts { operator_namespace: Some("beam-system".to_owned()), ..Facts::default() }
    }

    #[test]
    fn open_but_for_the_distribution() {
        let release =
            fixture::release("cluster: {ports: {extra: [{port: 5369}, {port: 4000, endPort: 4010, protocol: UDP}]}}");
        insta::assert_yaml_snapshot!(build(&release, &facts()).unwrap());
    }

    #[test]
    fn peers_only() {
        insta::assert_yaml_snapshot!(build(&fixture::release("networkPolicy: PeersOnly"), &facts()).unwrap());
    }

    #[test]
    fn the_peers_of_a_lone_node_are_those_of_its_release() {
        let release = fixture::release("{networkPolicy: PeersOnly, cluster: {name: market, distribution: Disabled}}");
        let peers = peers(&release, &Facts::default());

        assert_eq!(peers.len(), 1);
        assert_eq!(peers[0].pod_selector, Some(selector(labels::pod_selector(&release))));
    }

    #[rstest]
    #[case::not_wanted("networkPolicy: Disabled")]
    #[case::nothing_to_close("cluster: {distribution: Disabled}")]
    fn no_policy(#[case] spec: &str) {
        assert_eq!(build(&fixture::release(spec), &facts()), None);
    }

    #[rstest]
    #[case::epmd_and_distribution("{}", &[(9100, 9105), (4369, 4369)])]
    #[case::no_epmd("{epmd: Disabled}", &[(9100, 9105)])]
    #[case::epmd_of_its_own("{epmd: Application}", &[(9100, 9105)])]
    #[case::elsewhere("{ports: {epmd: 5000, distribution: {from: 6000, to: 6001}}}", &[(6000, 6001), (5000, 5000)])]
    #[case::more("{epmd: Disabled, ports: {extra: [{port: 5369}]}}", &[(5369, 5369), (9100, 9105)])]
    fn closed_ports(#[case] cluster: &str, #[case] expected: &[(u16, u16)]) {
        let release = fixture::release(&format!("cluster: {cluster}"));
        assert_eq!(closed(&release, Protocol::Tcp), expected);
    }

    /// Which ports of a protocol the policy opens to a pod that is no peer.
    fn open_to_outsiders(policy: &NetworkPolicy, protocol: Protocol) -> Vec<bool> {
        let mut open = vec![false; 1 << 16];
        let rules = policy.spec.iter().flat_map(|spec| spec.ingress.iter().flatten());
        let ports = rules.filter(|rule| rule.from.is_none()).flat_map(|rule| rule.ports.iter().flatten());
        for port in ports.filter(|port| port.protocol.as_deref() == Some(protocol.as_str())) {
            let (from, to) = match port.port {
                None => (1, 65535),
                Some(IntOrString::Int(from)) => (from, port.end_port.unwrap_or(from)),
                Some(IntOrString::String(_)) => panic!("ports are numbers"),
            };
            (from..=to).for_each(|number| open[usize::try_from(number).unwrap()] = true);
        }
        open
    }

    fn range() -> impl Strategy<Value = (u16, u16)> {
        // The ends of the range of ports are where a complement goes wrong.
        let port = || prop_oneof![1..=u16::MAX, 1..=3_u16, u16::MAX - 2..=u16::MAX];
        (port(), port()).prop_map(|(a, b)| (a.min(b), a.max(b)))
    }

    fn extra() -> impl Strategy<Value = ExtraPort> {
        let protocol = prop::sample::select(Protocol::ALL.to_vec());
        (range(), any::<bool>(), protocol).prop_map(|((port, end), is_range, protocol)| ExtraPort {
            port,
            end_port: is_range.then_some(end),
            protocol,
        })
    }

    proptest! {
        #[test]
        fn outsiders_reach_exactly_the_ports_that_are_not_closed(
            epmd in prop::option::of(1..=u16::MAX),
            (from, to) in range(),
            extra in prop::collection::vec(extra(), 0..5),
        ) {
            let mut release = fixture::release("");
            let cluster = &mut release.spec.cluster;
            cluster.epmd = if epmd.is_some() { Epmd::Enabled } else { Epmd::Disabled };
            cluster.ports.epmd = epmd.unwrap_or(4369);
            cluster.ports.distribution = PortRange { from, to };
            cluster.ports.extra = extra.clone();
            let policy = build(&release, &facts()).unwrap();

            for protocol in Protocol::ALL {
                let open = open_to_outsiders(&policy, protocol);
                for port in 1..=u16::MAX {
                    let is_node_port = protocol == Protocol::Tcp && ((from..=to).contains(&port) || epmd == Some(port));
                    let is_extra = extra.iter().any(|extra| {
                        extra.protocol == protocol && (extra.port..=extra.end_port.unwrap_or(extra.port)).contains(&port)
                    });
                    prop_assert_eq!(open[usize::from(port)], !is_node_port && !is_extra, "{} {}", protocol.as_str(), port);
                }
            }
        }
    }
}
