//! The pod of the spec alone, before `podTemplate` is merged over it.
//!
//! Every default of ours is here rather than in a later step, so that `podTemplate` can change or remove each of them.
//! Fields that would only repeat a default of Kubernetes are left out: we own what we mean.

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, LocalObjectReference, PodReadinessGate, PodSecurityContext, PodSpec, PodTemplateSpec,
    Probe, SeccompProfile, TCPSocketAction, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{pre_stop, some};
use crate::api::{DefaultProbe, Discovery, ElixirRelease, Port, Protocol, ReadinessGate};
use crate::resources::{labels, names};

/// The pod that the fields of the spec ask for.
pub(super) fn template(release: &ElixirRelease) -> PodTemplateSpec {
    let metadata = ObjectMeta { labels: Some(labels::of_release(release)), ..ObjectMeta::default() };
    PodTemplateSpec { metadata: Some(metadata), spec: Some(pod(release)) }
}

fn pod(release: &ElixirRelease) -> PodSpec {
    let spec = &release.spec;
    PodSpec {
        automount_service_account_token: token(release, given_account(release)),
        containers: vec![container(release)],
        // A Service named like the application would put variables into the pod that the application reads as its own:
        // one called "emqx" sets EMQX_PORT.
        enable_service_links: Some(false),
        readiness_gates: gates(release),
        image_pull_secrets: some(spec.image_pull_secrets.iter().map(LocalObjectReference::from).collect()),
        security_context: Some(security()),
        service_account_name: service_account(release),
        termination_grace_period_seconds: Some(spec.shutdown.grace_period_seconds),
        topology_spread_constraints: Some(
            ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map(|key| spread(release, key)).to_vec(),
        ),
        volumes: some(spec.volumes.clone()),
        ..PodSpec::default()
    }
}

/// That nodes are spread over the places that a label tells apart, as evenly as there is room. It does not depend on their
/// number, so that a second node restarts no first.
fn spread(release: &ElixirRelease, topology_key: &str) -> TopologySpreadConstraint {
    let selector = LabelSelector { match_labels: Some(labels::pod_selector(release)), ..LabelSelector::default() };
    TopologySpreadConstraint {
        label_selector: Some(selector),
        max_skew: 1,
        topology_key: topology_key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        ..TopologySpreadConstraint::default()
    }
}

/// What a pod waits for before it is ready, beside its probes.
fn gates(release: &ElixirRelease) -> Option<Vec<PodReadinessGate>> {
    let is_gated = names::is_distributed(release) && release.spec.cluster.readiness_gate == ReadinessGate::Enabled;
    is_gated.then(|| vec![PodReadinessGate { condition_type: labels::MET.to_owned() }])
}

fn container(release: &ElixirRelease) -> Container {
    let spec = &release.spec;
    Container {
        args: some(spec.release.args.clone()),
        command: some(spec.release.command.clone()),
        env: some(spec.env.clone()),
        env_from: some(spec.env_from.clone()),
        image: Some(spec.image.clone()),
        image_pull_policy: Some(spec.image_pull_policy.as_str().to_owned()),
        lifecycle: pre_stop::of(release),
        liveness_probe: spec.probes.liveness.as_deref().cloned(),
        name: names::CONTAINER.to_owned(),
        ports: some(spec.ports.iter().map(port).collect()),
        readiness_probe: spec.probes.readiness.as_deref().cloned().or_else(|| default_readiness(release)),
        resources: spec.resources.clone(),
        startup_probe: spec.probes.startup.as_deref().cloned(),
        volume_mounts: some(spec.volume_mounts.clone()),
        ..Container::default()
    }
}

fn port(port: &Port) -> ContainerPort {
    ContainerPort {
        container_port: port.container_port.into(),
        name: port.name.clone(),
        protocol: Some(port.protocol.as_str().to_owned()),
        ..ContainerPort::default()
    }
}

fn default_readiness(release: &ElixirRelease) -> Option<Probe> {
    if release.spec.probes.default == DefaultProbe::None {
        return None;
    }
    let port = release.spec.ports.iter().find(|port| port.protocol == Protocol::Tcp)?;
    let check = TCPSocketAction { port: IntOrString::Int(port.container_port.into()), ..TCPSocketAction::default() };
    Some(Probe { tcp_socket: Some(check), ..Probe::default() })
}

/// RuntimeDefault is what container runtimes apply outside Kubernetes, so images are known to run under it. Nothing
/// stricter is set: `runAsNonRoot` stops images that run as root, and `allowPrivilegeEscalation: false` those whose
/// entrypoint uses sudo; `podTemplate` sets them for images that allow it.
fn security() -> PodSecurityContext {
    let profile = SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() };
    PodSecurityContext { seccomp_profile: Some(profile), ..PodSecurityContext::default() }
}

fn asks_the_api(release: &ElixirRelease) -> bool {
    names::is_distributed(release) && release.spec.cluster.discovery == Discovery::Kubernetes
}

fn given_account(release: &ElixirRelease) -> Option<&str> {
    release.spec.service_account_name.as_deref().filter(|name| !name.is_empty())
}

fn service_account(release: &ElixirRelease) -> Option<String> {
    given_account(release).map(ToOwned::to_owned).or_else(|| asks_the_api(release).then(|| names::discovery(release)))
}

/// A node that has no business with the API gets no token; an account of the user's decides for itself.
fn token(release: &ElixirRelease, account: Option<&str>) -> Option<bool> {
    if asks_the_api(release) {
        Some(true)
    } else if account.is_some() {
        None
    } else {
        Some(false)
    }
}

/// Decides about the token anew, once `podTemplate` has named another account or none. What it says about the token
/// itself stands.
pub(super) fn settle_token(release: &ElixirRelease, pod: &mut PodSpec) {
    let ours = token(release, given_account(release));
    let written = release.spec.pod_template.0.get("spec").and_then(|spec| spec.get("automountServiceAccountToken"));
    if written.is_none() && pod.automount_service_account_token == ours {
        let account = [&pod.service_account_name, &pod.service_account].into_iter().flatten();
        let account = account.map(String::as_str).find(|name| !name.is_empty());
        pod.automount_service_account_token = token(release, account);
    }
}
