use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use rstest::rstest;
use serde::de::DeserializeOwned;

use super::*;
use crate::api::{Epmd, PortRange, Protocol, ReleaseTool, Schedulers, TlsMode};
use crate::resources::fixture;
use crate::resources::reference::{Content, CookieFlaw, Reference, ReferenceKind};

mod limits;
mod members;
mod names;
mod objects;
mod observation;
mod ports;
mod robustness;
mod route;
mod tls;
mod verbatim;
mod workload;

/// A release that uses what there is to use.
const VALID: &str = "
    replicas: 3
    ports: [{name: http, containerPort: 4000}, {name: metrics, containerPort: 9568}]
    env: [{name: PHX_HOST, value: shop.example.com}, {name: ADMIN, valueFrom: {secretKeyRef: {name: shop-env, key: admin}}}]
    envFrom: [{secretRef: {name: shop-env}}]
    resources: {requests: {cpu: 500m, memory: 512Mi}, limits: {memory: 512Mi}}
    autoscaling: {minReplicas: 2, maxReplicas: 6, targetCPUUtilizationPercentage: 70}
    service: {ports: [{name: web, port: 80, targetPort: http}]}
    cluster: {cookie: {secretKeyRef: {name: shop-cookie}}, ports: {extra: [{port: 5369}]}}
";

/// What a case takes to break it.
type Broken<'a> = &'a mut ElixirRelease;

fn valid() -> ElixirRelease {
    fixture::release(VALID)
}

fn now() -> Timestamp {
    "2026-11-23T04:00:00Z".parse().unwrap()
}

fn yaml<T: DeserializeOwned>(text: &str) -> T {
    serde_yaml::from_str(text).unwrap()
}

fn secret(name: &str) -> Reference {
    Reference { kind: ReferenceKind::Secret, name: name.to_owned() }
}

fn content(keys: &[&str]) -> Content {
    Content {
        keys: keys.iter().map(|&key| key.to_owned()).collect::<BTreeSet<_>>(),
        restart: true,
        ..Content::default()
    }
}

/// The objects that [`VALID`] refers to.
fn contents() -> Contents {
    [(secret("shop-env"), content(&["admin", "SECRET_KEY_BASE"])), (secret("shop-cookie"), content(&["cookie"]))].into()
}

fn judge(release: &ElixirRelease, contents: &Contents) -> Result<Valid, Vec<String>> {
    let verdict = validate(release, &[release], References::Read(contents), &Facts::default(), now());
    verdict.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn nothing_is_wrong_with_the_fixture() {
    let valid = judge(&valid(), &contents()).unwrap();

    assert_eq!(valid.warnings, []);
    assert!(valid.traffic_service.is_some() && valid.autoscaler.is_some());
}

#[rstest]
#[case::remote_commands_of_distillery_without_epmd(
    |r: Broken| { r.spec.release.tool = ReleaseTool::Distillery; r.spec.cluster.epmd = Epmd::Disabled },
    "spec.cluster.epmd: leaves the one port to the node, so that rpc, remote_console and stop of Distillery cannot start beside it: enable EPMD if you need them"
)]
#[case::remote_commands_of_distillery_on_one_port(
    |r: Broken| {
        r.spec.release.tool = ReleaseTool::Distillery;
        r.spec.cluster.ports.distribution = PortRange { from: 9100, to: 9100 };
    },
    "spec.cluster.ports.distribution: leaves the one port to the node, so that rpc, remote_console and stop of Distillery cannot start beside it: give it more ports if you need them"
)]
#[case::remote_commands_of_relx_with_tls_and_without_epmd(
    |r: Broken| {
        r.spec.release.tool = ReleaseTool::Relx;
        r.spec.cluster.epmd = Epmd::Disabled;
        r.spec.cluster.tls.mode = TlsMode::Managed;
    },
    "spec.cluster.epmd: leaves the one port to the node, so that ping, rpc and eval of relx, which need a VM to speak TLS, cannot start beside it: enable EPMD if you need them"
)]
#[case::variable_that_nobody_defines(
    |r: Broken| r.spec.env = yaml("[{name: URL, value: 'http://$(HOTS)'}]"),
    "spec.env[0]: URL refers to $(HOTS), which is defined nowhere: define it, or write $$ for a literal $"
)]
#[case::variable_that_comes_later(
    |r: Broken| r.spec.env = yaml("[{name: URL, value: 'http://$(HOST)'}, {name: HOST, value: example.com}]"),
    "spec.env[0]: URL refers to $(HOST), which is not defined by an earlier entry: move it up"
)]
#[case::share_of_nothing(
    |r: Broken| r.spec.resources = None,
    "spec.autoscaling.targetCPUUtilizationPercentage: is a share of the requested CPU, and no request is written for container release: set its resources.requests.cpu"
)]
#[case::budget_without_disruption(
    |r: Broken| r.spec.disruption_budget = yaml("{maxUnavailable: 0%}"),
    "spec.disruptionBudget.maxUnavailable: no node could ever be evicted, so that Kubernetes nodes cannot be drained: allow one"
)]
#[case::budget_that_needs_all(
    |r: Broken| r.spec.disruption_budget = yaml("{minAvailable: 6}"),
    "spec.disruptionBudget.minAvailable: no node could ever be evicted, so that Kubernetes nodes cannot be drained: allow one"
)]
fn warnings(#[case] changes: fn(&mut ElixirRelease), #[case] expected: &str) {
    let mut release = valid();
    changes(&mut release);
    let warnings = judge(&release, &contents()).unwrap().warnings;
    assert_eq!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

#[rstest]
#[case::keys_of_a_secret(|r: Broken| r.spec.env = yaml("[{name: A, value: $(SECRET_KEY_BASE)}]"))]
#[case::facts_of_the_operator(|r: Broken| r.spec.env = yaml("[{name: A, value: $(BEAM_NODE)}]"))]
#[case::no_port_of_lone_nodes_is_closed(|r: Broken| {
    r.spec.cluster.distribution = crate::api::Distribution::Disabled;
    r.spec.ports[1].container_port = 9100;
})]
#[case::no_epmd_no_port(|r: Broken| {
    r.spec.cluster.epmd = Epmd::Disabled;
    r.spec.ports[1].container_port = 4369;
})]
#[case::an_epmd_of_its_own_has_no_port(|r: Broken| {
    r.spec.cluster.epmd = Epmd::Application;
    r.spec.ports[1].container_port = 4369;
})]
#[case::another_protocol(|r: Broken| {
    r.spec.ports[1].container_port = 9100;
    r.spec.ports[1].protocol = Protocol::Udp;
})]
#[case::recreate_without_surge(|r: Broken| r.spec.rollout = yaml("{strategy: Recreate, maxSurge: 0}"))]
#[case::from_zero_by_a_queue(|r: Broken| r.spec.autoscaling = yaml(
    "{minReplicas: 0, maxReplicas: 2, metrics: [{type: External, external: {metric: {name: q}, target: {type: Value, value: 1}}}]}"
))]
#[case::an_init_container_is_gone_before(|r: Broken| r.spec.pod_template = yaml(
    "{spec: {initContainers: [{name: warm, image: x, ports: [{containerPort: 9100}]}]}}"
))]
fn is_right_and_needs_no_warning(#[case] changes: fn(&mut ElixirRelease)) {
    let mut release = valid();
    changes(&mut release);
    assert_eq!(judge(&release, &contents()).map(|valid| valid.warnings), Ok(Vec::new()));
}

#[test]
fn everything_is_told_at_once() {
    let mut release = valid();
    release.spec.replicas = -1;
    release.spec.ports[0].container_port = 4369;
    release.spec.pod_template = yaml("{sepc: {}}");
    release.spec.service.spec = yaml("{typ: NodePort}");

    let fields = judge(&release, &Contents::new()).unwrap_err();
    let fields: Vec<_> = fields.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    assert_eq!(
        fields,
        ["spec.replicas", "spec.podTemplate.sepc", "spec.service.spec.typ", "spec.ports[0].containerPort"]
    );
}

/// Breaks the fixture and expects this to be the only problem.
fn only(breaks: fn(&mut ElixirRelease), expected: &str) {
    let mut release = valid();
    breaks(&mut release);
    assert_eq!(judge(&release, &contents()).unwrap_err(), [expected]);
}
