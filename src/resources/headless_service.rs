//! The headless Service through which the nodes of a cluster find each other.
//!
//! It is kept apart from the Service that carries traffic, because it lists nodes before they are ready: a node has to
//! meet its cluster in order to become ready. The releases of a cluster share it. A member that names another Service
//! gets that one too; each selects every pod of the cluster. Where only the nodes of one revision meet, each revision has
//! one of its own instead.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::syntax::{is_label_key, is_label_value};
use super::{labels, metadata, names};
use crate::api::{ElixirRelease, Epmd, HeadlessService, WorkloadKind};

/// The headless Services that the distributed members of a cluster, oldest first, name: one for almost all clusters.
#[must_use]
pub fn build(members: &[&ElixirRelease]) -> Vec<Service> {
    let mut by_name: BTreeMap<String, Vec<&ElixirRelease>> = BTreeMap::new();
    for (index, member) in members.iter().enumerate() {
        by_name.entry(name(member, &members[..index])).or_default().push(member);
    }
    by_name.into_iter().filter_map(|(name, users)| service(name, &users)).collect()
}

/// The headless Service of a StatefulSet of lone nodes, for the names of its pods. No peer is found through it, so it needs
/// no port.
#[must_use]
pub fn of_lone(release: &ElixirRelease) -> Option<Service> {
    if names::is_distributed(release) || release.spec.workload.kind != WorkloadKind::StatefulSet {
        return None;
    }
    Some(Service {
        metadata: metadata::of_release(release, names::governing_service(release)),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(labels::pod_selector(release)),
            ..ServiceSpec::default()
        }),
        status: None,
    })
}

/// The headless Service of one revision, where only the nodes of one revision meet.
#[must_use]
pub fn of_revision(release: &ElixirRelease, revision: &str) -> Service {
    let mut metadata = metadata::of_release(release, names::revision_service(revision));
    metadata.labels.get_or_insert_default().insert(labels::REVISION.to_owned(), revision.to_owned());
    of_peers(metadata, &[release], release, labels::revision_selector(release, revision))
}

/// The name that a member gives to the headless Service, unless a traffic Service has it already. A member that names it so
/// is not valid, and must neither keep the others from theirs nor lose its part in what they share.
fn name(member: &ElixirRelease, older: &[&ElixirRelease]) -> String {
    let name = names::headless_service(member);
    let is_taken = older.iter().any(|older| older.name_any() == name) || member.name_any() == name;
    if is_taken { names::default_headless_service(member) } else { name }
}

/// The oldest of its users decides whether nodes are listed before they are ready, and wins where labels or annotations
/// contradict each other.
fn service(name: String, users: &[&ElixirRelease]) -> Option<Service> {
    let oldest = users.first()?;
    let metadata = metadata::of_members(users, name)?;
    Some(of_peers(metadata, users, oldest, labels::cluster_selector(&names::cluster(oldest))))
}

fn of_peers(
    mut metadata: ObjectMeta,
    users: &[&ElixirRelease],
    oldest: &ElixirRelease,
    selector: BTreeMap<String, String>,
) -> Service {
    let labels = metadata.labels.get_or_insert_default();
    let is_fine = |(key, value): &(String, String)| is_label_key(key) && is_label_value(value) && !labels::is_ours(key);
    for (key, value) in union(users, |service| &service.labels).filter(is_fine) {
        labels.entry(key).or_insert(value);
    }
    let annotations = union(users, |service| &service.annotations).filter(|(key, _)| is_label_key(key));
    let annotations: BTreeMap<_, _> = annotations.collect();
    metadata.annotations = (!annotations.is_empty()).then_some(annotations);

    let wishes = &oldest.spec.cluster.service;
    Service {
        metadata,
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: wishes.publish_not_ready_addresses.then_some(true),
            selector: Some(selector),
            ports: Some(vec![port(oldest)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// What all users want. The caller leaves out what no API server takes: a member that is not valid must not keep the
/// others from their Service.
fn union(
    users: &[&ElixirRelease],
    of: impl Fn(&HeadlessService) -> &BTreeMap<String, String>,
) -> impl Iterator<Item = (String, String)> {
    let all: BTreeMap<_, _> = users.iter().rev().flat_map(|user| of(&user.spec.cluster.service).clone()).collect();
    all.into_iter()
}

/// Addresses need no port, but SRV records (libcluster's DNSSRV) exist only for one. It is where every member listens:
/// EPMD, or without EPMD the port that all nodes have in common.
fn port(member: &ElixirRelease) -> ServicePort {
    let ports = &member.spec.cluster.ports;
    let (name, port) = match member.spec.cluster.epmd {
        Epmd::Enabled => ("epmd", ports.epmd),
        Epmd::Disabled | Epmd::Application => ("distribution", ports.distribution.from),
    };
    ServicePort { name: Some(name.to_owned()), port: port.into(), ..ServicePort::default() }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::*;

    #[test]
    fn two_members_of_a_cluster() {
        let api =
            fixture::named("api", "cluster: {name: shop, service: {labels: {mesh: shop}, annotations: {a: api}}}");
        let indexer =
            fixture::named("indexer", "cluster: {name: shop, service: {annotations: {a: indexer, b: indexer}}}");
        insta::assert_yaml_snapshot!(build(&[&api, &indexer]));
    }

    #[test]
    fn a_member_with_a_name_of_its_own_gets_that_too() {
        let api = fixture::named("api", "cluster: {name: shop}");
        let indexer = fixture::named("indexer", "cluster: {name: shop, service: {name: legacy}}");
        let services = build(&[&api, &indexer]);

        let owners_and_selectors: Vec<_> = services
            .iter()
            .map(|service| {
                let owners = service.metadata.owner_references.as_ref().unwrap();
                let selector = service.spec.as_ref().unwrap().selector.as_ref().unwrap();
                (service.metadata.name.as_deref().unwrap(), owners[0].name.as_str(), selector[labels::CLUSTER].as_str())
            })
            .collect();
        assert_eq!(owners_and_selectors, [("legacy", "indexer", "shop"), ("shop-nodes", "api", "shop")]);
    }

    #[rstest]
    #[case::named_after_the_cluster("{cluster: {name: market}}", "/metadata/name", json!("market-nodes"))]
    #[case::named_by_the_user("{cluster: {service: {name: peers}}}", "/metadata/name", json!("peers"))]
    #[case::labelled("{cluster: {service: {labels: {app: shop}}}}", "/metadata/labels/app", json!("shop"))]
    #[case::annotated("{cluster: {service: {annotations: {a: b}}}}", "/metadata/annotations", json!({"a": "b"}))]
    #[case::not_ready_too("{}", "/spec/publishNotReadyAddresses", json!(true))]
    #[case::epmd("{cluster: {ports: {epmd: 4370}}}", "/spec/ports", json!([{"name": "epmd", "port": 4370}]))]
    #[case::epmd_of_its_own("{cluster: {epmd: Application}}", "/spec/ports", json!([{"name": "distribution", "port": 9100}]))]
    #[case::no_epmd("{cluster: {epmd: Disabled}}", "/spec/ports", json!([{"name": "distribution", "port": 9100}]))]
    fn a_field_reaches_the_service(#[case] spec: &str, #[case] pointer: &str, #[case] expected: Value) {
        let services = serde_json::to_value(build(&[&fixture::release(spec)])).unwrap();
        assert_eq!(services[0].pointer(pointer), Some(&expected));
    }

    #[test]
    fn only_ready_nodes_when_asked_for() {
        let services = build(&[&fixture::release("cluster: {service: {publishNotReadyAddresses: false}}")]);
        assert_eq!(services[0].spec.as_ref().unwrap().publish_not_ready_addresses, None);
    }

    #[test]
    fn labels_of_the_user_do_not_hide_the_service_from_us() {
        let services = build(&[&fixture::release("cluster: {service: {labels: {app.kubernetes.io/managed-by: me}}}")]);
        assert_eq!(services[0].metadata.labels.as_ref().unwrap()[labels::MANAGED_BY], labels::MANAGER);
    }

    #[test]
    fn a_member_that_is_not_valid_keeps_no_other_from_the_service() {
        let api = fixture::named("api", "cluster: {name: shop}");
        for wish in [
            "labels: {team!: x}",
            "labels: {team: 'a b'}",
            "labels: {beam-operator.io/release: x}",
            "annotations: {team!: x}",
            "name: api",
        ] {
            let indexer = fixture::named("indexer", &format!("cluster: {{name: shop, service: {{{wish}}}}}"));
            let [service] = &build(&[&api, &indexer])[..] else { panic!("{wish}: one Service") };
            let metadata = &service.metadata;
            assert_eq!(metadata.name.as_deref(), Some("shop-nodes"), "{wish}");
            assert_eq!(metadata.owner_references.as_ref().unwrap().len(), 2, "{wish}");
            assert_eq!(metadata.labels, build(&[&api])[0].metadata.labels, "{wish}");
            assert_eq!(metadata.annotations, None, "{wish}");
        }
    }

    #[test]
    fn an_older_member_keeps_the_name_that_a_younger_release_has() {
        let indexer = fixture::named("indexer", "cluster: {name: shop, service: {name: api}}");
        let api = fixture::named("api", "cluster: {name: shop}");
        let services = build(&[&indexer, &api]);
        let names: Vec<_> = services.iter().map(ResourceExt::name_any).collect();
        assert_eq!(names, ["api", "shop-nodes"]);
    }

    #[test]
    fn pods_of_a_lone_stateful_set_have_names() {
        let release = fixture::release("{workload: {kind: StatefulSet}, cluster: {distribution: Disabled}}");
        insta::assert_yaml_snapshot!(of_lone(&release).unwrap());
    }

    #[rstest]
    #[case::that_is_a_member("workload: {kind: StatefulSet}")]
    #[case::that_is_a_deployment("cluster: {distribution: Disabled}")]
    fn no_service_of_its_own(#[case] spec: &str) {
        assert_eq!(of_lone(&fixture::release(spec)), None);
    }

    #[test]
    fn nodes_of_one_revision_find_each_other() {
        let spec = "cluster: {scope: Revision, name: market, service: {labels: {app: shop}, annotations: {a: b}}}";
        insta::assert_yaml_snapshot!(of_revision(&fixture::release(spec), "shop-7c9d4"));
    }

    #[test]
    fn only_ready_nodes_of_a_revision_when_asked_for() {
        let spec = "cluster: {scope: Revision, epmd: Disabled, service: {publishNotReadyAddresses: false}}";
        let spec = of_revision(&fixture::release(spec), "shop-7c9d4").spec.unwrap();
        assert_eq!(spec.publish_not_ready_addresses, None);
        assert_eq!(spec.ports.unwrap()[0].port, 9100);
    }

    #[test]
    fn nobody_distributed_needs_none() {
        assert_eq!(build(&[]), []);
    }
}
