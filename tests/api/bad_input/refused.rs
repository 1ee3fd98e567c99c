//! What the API server refuses by the schema and its rules: it never reaches the operator.

use rstest::rstest;

use super::rendered::render;
use crate::harness::{Cluster, Namespace};

const LONG: &str = "a-release-with-a-name-of-more-than-52-characters-0123";

#[rstest]
#[case::empty_image(
    "shop",
    "image: ''",
    "spec.image: Invalid value: \"\": spec.image in body should be at least 1 chars long",
    "spec.image: the container \"release\" needs an image"
)]
#[case::no_image(
    "shop",
    "replicas: 1",
    "[spec.image: Required value, <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]",
    "spec: missing field `image`"
)]
#[case::negative_replicas(
    "shop",
    "{image: 'shop:1', replicas: -1}",
    "[spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0, .spec.replicas: Invalid value: -1: should be a non-negative integer]",
    "spec.replicas: must be 0 or more, not -1"
)]
#[case::reversed_range(
    "shop",
    "{image: 'shop:1', cluster: {ports: {distribution: {from: 9105, to: 9100}}}}",
    "spec.cluster.ports.distribution: Invalid value: cluster.ports.distribution.from must not be above its to: swap them",
    "spec.cluster.ports.distribution: cluster.ports.distribution.from must not be above its to: swap them"
)]
#[case::reversed_extra(
    "shop",
    "{image: 'shop:1', cluster: {ports: {extra: [{port: 20, endPort: 10}]}}}",
    "spec.cluster.ports.extra[0]: Invalid value: cluster.ports.extra: port must not be above endPort: swap them",
    "spec.cluster.ports.extra[0]: cluster.ports.extra: port must not be above endPort: swap them"
)]
#[case::epmd_in_the_range(
    "shop",
    "{image: 'shop:1', cluster: {ports: {epmd: 9102}}}",
    "spec.cluster: Invalid value: cluster.ports.epmd must be outside of cluster.ports.distribution: choose another port",
    "spec.cluster.ports.distribution: 9100 to 9105/TCP is taken by spec.cluster.ports.epmd (9102/TCP): remove it or choose another"
)]
#[case::port_of_the_cluster(
    "shop",
    "{image: 'shop:1', ports: [{containerPort: 9101}]}",
    "spec: Invalid value: ports must not name a port of cluster.ports, which the operator knows already: remove it, or move one of them",
    "spec.ports[0].containerPort: 9101/TCP is taken by spec.cluster.ports.distribution (9100 to 9105/TCP): remove it or choose another"
)]
#[case::port_twice(
    "shop",
    "{image: 'shop:1', ports: [{containerPort: 4000}, {containerPort: 4000}]}",
    "spec.ports[1]: Duplicate value: {\"containerPort\":4000,\"protocol\":\"TCP\"}",
    "spec.ports[1].containerPort: 4000/TCP is taken by spec.ports[0].containerPort (4000/TCP): remove it or choose another"
)]
#[case::extra_port_twice(
    "shop",
    "{image: 'shop:1', cluster: {ports: {extra: [{port: 5369}, {port: 5369, endPort: 5370}]}}}",
    "spec.cluster.ports.extra[1]: Duplicate value: {\"port\":5369,\"protocol\":\"TCP\"}",
    "spec.cluster.ports.extra[1]: 5369 to 5370/TCP is taken by spec.cluster.ports.extra[0] (5369/TCP): remove it or choose another"
)]
#[case::no_port(
    "shop",
    "{image: 'shop:1', ports: [{containerPort: 70000}]}",
    "spec.ports[0].containerPort: Invalid value: 70000: spec.ports[0].containerPort in body should be less than or equal to 65535",
    "spec.ports[0].containerPort: invalid value: integer `70000`, expected u16"
)]
#[case::word(
    "shop",
    "{image: 'shop:1', networkPolicy: Closed}",
    "[spec.networkPolicy: Unsupported value: \"Closed\": supported values: \"Open\", \"PeersOnly\", \"Disabled\", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]",
    "spec.networkPolicy: unknown variant `Closed`, expected one of `Open`, `PeersOnly`, `Disabled`"
)]
#[case::long_name(
    LONG,
    "image: shop:1",
    "<nil>: Invalid value: metadata.name must have at most 52 characters: the names of its revisions and of its ServiceAccount derive from it and may have 63",
    "metadata.name: must have at most 52 characters: the names of its revisions and of its ServiceAccount derive from it and may have 63"
)]
#[case::long_cluster_name(
    "shop",
    "{image: 'shop:1', cluster: {name: a-cluster-with-a-name-of-more-than-57-characters-0123456789}}",
    "[spec.cluster.name: Too long: may not be more than 57 bytes, <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]",
    "spec.cluster.name: must have at most 57 lower-case letters, digits and dashes, and start with a letter"
)]
#[case::name_that_is_no_label(
    "4shop",
    "image: shop:1",
    "<nil>: Invalid value: metadata.name must be a DNS label that starts with a letter: the Service has the same name",
    "metadata.name: must be a DNS label that starts with a letter: the Service has the same name"
)]
#[case::names_in_dns(
    "shop",
    "{image: 'shop:1', cluster: {host: PodFQDN}}",
    "spec: Invalid value: cluster.host PodFQDN needs workload.kind StatefulSet, whose pods have names in DNS: set it, or use host PodIP",
    "spec.cluster.host: cluster.host PodFQDN needs workload.kind StatefulSet, whose pods have names in DNS: set it, or use host PodIP"
)]
#[case::revisions_of_a_stateful_set_apart(
    "shop",
    "{image: 'shop:1', workload: {kind: StatefulSet}, cluster: {scope: Revision}}",
    "spec: Invalid value: cluster.scope Revision needs workload.kind Deployment: set it, or use scope Cluster",
    "spec.cluster.scope: cluster.scope Revision needs workload.kind Deployment: set it, or use scope Cluster"
)]
#[case::one_service_for_revisions_apart(
    "shop",
    "{image: 'shop:1', cluster: {scope: Revision, service: {name: peers}}}",
    "spec.cluster: Invalid value: cluster.service.name is of no use with cluster.scope Revision: remove it",
    "spec.cluster.service.name: is of no use with cluster.scope Revision: remove it"
)]
#[case::introduced_by_nobody(
    "shop",
    "{image: 'shop:1', cluster: {discovery: Operator, observation: {mode: Disabled}}}",
    "spec.cluster: Invalid value: cluster.discovery Operator and cluster.readinessGate need cluster.observation.mode Enabled: enable it, or choose another discovery and no gate",
    "spec.cluster.discovery: Operator has the operator connect the nodes, and cluster.observation.mode is Disabled: enable it, or use another discovery"
)]
#[case::claims_of_a_deployment(
    "shop",
    "{image: 'shop:1', workload: {volumeClaimTemplates: [{metadata: {name: data}}]}}",
    "spec.workload: Invalid value: workload.volumeClaimTemplates needs workload.kind StatefulSet: set it, or use a volume of spec.volumes",
    "spec.workload: workload.volumeClaimTemplates needs workload.kind StatefulSet: set it, or use a volume of spec.volumes"
)]
#[case::order_of_a_deployment(
    "shop",
    "{image: 'shop:1', workload: {podManagementPolicy: OrderedReady}}",
    "spec.workload: Invalid value: workload.podManagementPolicy needs workload.kind StatefulSet: set it, or remove the policy",
    "spec.workload: workload.podManagementPolicy needs workload.kind StatefulSet: set it, or remove the policy"
)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn it_is_refused(#[case] name: &str, #[case] spec: &str, #[case] message: &str, #[case] rendered: &str) {
    let namespace = Namespace::new(&Cluster::shared().await, "refused").await;
    let refusal = namespace.create(name, spec).await.unwrap_err();
    let offline = render(&[(name, spec)]);
    assert_eq!(
        (refusal, offline),
        (
            format!("ElixirRelease.beam-operator.io \"{name}\" is invalid: {message}"),
            (1, format!("ElixirRelease {name}: {rendered}\n"))
        )
    );
}
