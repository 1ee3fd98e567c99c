//! Ports of containers, of the distribution and of the traffic Service.

use super::*;

#[rstest]
#[case::reversed_range(
    |r: Broken| r.spec.cluster.ports.distribution = PortRange { from: 9105, to: 9100 },
    "spec.cluster.ports.distribution: cluster.ports.distribution.from must not be above its to: swap them"
)]
#[case::reversed_extra_range(
    |r: Broken| r.spec.cluster.ports.extra[0].end_port = Some(5000),
    "spec.cluster.ports.extra[0]: cluster.ports.extra: port must not be above endPort: swap them"
)]
#[case::epmd_in_the_range(
    |r: Broken| r.spec.cluster.ports.epmd = 9103,
    "spec.cluster.ports.distribution: 9100 to 9105/TCP is taken by spec.cluster.ports.epmd (9103/TCP): remove it or choose another"
)]
#[case::extra_in_the_range(
    |r: Broken| r.spec.cluster.ports.extra[0].port = 9105,
    "spec.cluster.ports.extra[0]: 9105/TCP is taken by spec.cluster.ports.distribution (9100 to 9105/TCP): remove it or choose another"
)]
#[case::port_of_the_distribution(
    |r: Broken| r.spec.ports[1].container_port = 9100,
    "spec.ports[1].containerPort: 9100/TCP is taken by spec.cluster.ports.distribution (9100 to 9105/TCP): remove it or choose another"
)]
#[case::port_twice(
    |r: Broken| r.spec.ports[1].container_port = 4000,
    "spec.ports[1].containerPort: 4000/TCP is taken by spec.ports[0].containerPort (4000/TCP): remove it or choose another"
)]
#[case::port_of_a_sidecar(
    |r: Broken| r.spec.pod_template = yaml("{spec: {containers: [{name: exporter, image: x, resources: {requests: {cpu: 1}}, ports: [{containerPort: 9100}]}]}}"),
    "spec.podTemplate.spec.containers[0].ports: 9100/TCP is taken by spec.cluster.ports.distribution (9100 to 9105/TCP): remove it or choose another"
)]
#[case::port_of_a_native_sidecar(
    |r: Broken| r.spec.pod_template = yaml("{spec: {initContainers: [{name: warm, image: x}, {name: proxy, image: x, restartPolicy: Always, resources: {requests: {cpu: 1}}, ports: [{containerPort: 9100}]}]}}"),
    "spec.podTemplate.spec.initContainers[1].ports: 9100/TCP is taken by spec.cluster.ports.distribution (9100 to 9105/TCP): remove it or choose another"
)]
#[case::declared_port_among_the_extra_ones(
    |r: Broken| r.spec.cluster.ports.extra = yaml("[{port: 3990, endPort: 4010}]"),
    "spec.ports[0].containerPort: 4000/TCP is taken by spec.cluster.ports.extra[0] (3990 to 4010/TCP): remove it or choose another"
)]
#[case::extra_port_of_epmd(
    |r: Broken| r.spec.cluster.ports.extra = yaml("[{port: 4369}]"),
    "spec.cluster.ports.extra[0]: 4369/TCP is taken by spec.cluster.ports.epmd (4369/TCP): remove it or choose another"
)]
#[case::declared_twice_and_carried(
    |r: Broken| {
        r.spec.service = yaml("{}");
        r.spec.ports = yaml("[{containerPort: 4000}, {containerPort: 4000}]");
    },
    "spec.ports[1].containerPort: 4000/TCP is taken by spec.ports[0].containerPort (4000/TCP): remove it or choose another"
)]
#[case::declared_twice_under_two_names(
    |r: Broken| {
        r.spec.service = yaml("{}");
        r.spec.ports = yaml("[{name: http, containerPort: 4000}, {name: web, containerPort: 4000}]");
    },
    "spec.ports[1].containerPort: 4000/TCP is taken by spec.ports[0].containerPort (4000/TCP): remove it or choose another"
)]
#[case::declared_port_out_of_range(
    |r: Broken| {
        r.spec.service = yaml("{}");
        r.spec.ports[1].container_port = 0;
    },
    "spec.ports[1].containerPort: must be from 1 to 65535"
)]
#[case::name_of_the_second_of_two_protocols(
    |r: Broken| {
        r.spec.service = yaml("{}");
        r.spec.ports = yaml("[{name: dns, containerPort: 53}, {name: DNS, containerPort: 53, protocol: UDP}]");
    },
    "spec.ports[1].name: must have at most 15 lower-case letters, digits and single dashes, at least one letter, and no dash at an end"
)]
#[case::name_that_a_port_without_one_gets(
    |r: Broken| {
        r.spec.service = yaml("{}");
        r.spec.ports = yaml("[{name: port-4001, containerPort: 4000}, {containerPort: 4001}]");
    },
    "spec.ports[1].name: names port-4001 a second time: rename one of them"
)]
#[case::service_port_of_the_second_protocol(
    |r: Broken| r.spec.service.ports = yaml("[{name: a, port: 53, targetPort: 4000}, {name: B, port: 53, protocol: UDP, targetPort: 4000}]"),
    "spec.service.ports[1].name: must have at most 63 lower-case letters, digits and dashes, and no dash at an end"
)]
#[case::no_port(|r: Broken| r.spec.ports[1].container_port = 0, "spec.ports[1].containerPort: must be from 1 to 65535")]
#[case::port_name_twice(
    |r: Broken| r.spec.ports[1].name = Some("http".to_owned()),
    "spec.ports[1].name: names http a second time: rename one of them"
)]
#[case::port_name_too_long(
    |r: Broken| r.spec.ports[1].name = Some("prometheus-metrics".to_owned()),
    "spec.ports[1].name: must have at most 15 lower-case letters, digits and single dashes, at least one letter, and no dash at an end"
)]
#[case::service_port_without_a_name(
    |r: Broken| r.spec.service.ports = yaml("[{name: web, port: 80, targetPort: http}, {port: 81, targetPort: 4000}]"),
    "spec.service.ports[1].name: is needed, because the Service has more than one port"
)]
#[case::service_port_twice(
    |r: Broken| r.spec.service.ports = yaml("[{name: a, port: 80, targetPort: http}, {name: b, port: 80, targetPort: 4000}]"),
    "spec.service.ports[1].port: names 80/TCP a second time: remove one of them"
)]
#[case::service_port_name_twice(
    |r: Broken| r.spec.service.ports = yaml("[{name: a, port: 80, targetPort: http}, {name: a, port: 81, targetPort: 4000}]"),
    "spec.service.ports[1].name: names a a second time: rename one of them"
)]
#[case::target_that_nobody_has(
    |r: Broken| r.spec.service.ports = yaml("[{port: 80, targetPort: htttp}]"),
    "spec.service.ports[0].targetPort: no container has a TCP port named htttp: add it to spec.ports or correct the name"
)]
fn ports(#[case] breaks: fn(&mut ElixirRelease), #[case] expected: &str) {
    only(breaks, expected);
}
