//! Slim views of pods, and what keeps one from starting, in words.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

use super::kind::ChildKind;
use crate::resources::pod::{bytes, is_apart};
use crate::resources::{labels, names};

/// How long a container that failed before has to run and be ready until its failure is over.
const STEADY: SignedDuration = SignedDuration::from_mins(1);

/// The parts of a pod that are read from the API server.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = "k8s_openapi::api::core::v1::Pod")]
pub struct LivePod {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its spec.
    #[serde(default)]
    pub spec: LiveSpec,
    /// Its status.
    #[serde(default)]
    pub status: LiveStatus,
}

/// The parts of a pod's spec that are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveSpec {
    node_name: String,
    containers: Vec<LiveContainer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct LiveContainer {
    name: String,
    resources: ResourceRequirements,
}

/// The parts of a pod's status that are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveStatus {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: String,
    conditions: Vec<LiveCondition>,
    init_container_statuses: Vec<ContainerStatus>,
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Deserialize)]
struct LiveCondition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(rename = "lastTransitionTime")]
    since: Option<Time>,
}

/// A pod of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts that the pod tells")]
pub struct PodView {
    /// Its name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Box<str>,
    /// Its IP address, once it has one.
    pub address: Option<Box<str>>,
    /// When the container of the release was last started, while it runs.
    pub started: Option<Timestamp>,
    /// Whether the container of the release was ever started.
    pub has_run: bool,
    /// Bytes of memory that the container of the release may use.
    pub memory_limit: Option<u64>,
    /// Whether its node was asked to leave, before it is taken away for good.
    pub is_leaving: bool,
    /// When its node had left.
    pub left: Option<Timestamp>,
    /// Whether it is ready.
    pub is_ready: bool,
    /// Whether it is being deleted.
    pub is_terminating: bool,
    /// Whether the gate for its node's having met the cluster is open.
    pub has_met: bool,
    /// Its revision.
    pub revision: Option<Box<str>>,
    /// How often its container was restarted that was so most often.
    pub restarts: i32,
    /// What keeps it from running.
    pub trouble: Option<Trouble>,
    /// Whether it has ended for good, evicted for instance: another one has taken its place.
    pub has_ended: bool,
    /// Whether it was made to speak TLS.
    pub has_tls: bool,
    /// Whether its node is to meet only those of its own revision.
    pub is_apart: bool,
    /// The kind of the object that runs it; `None` when nobody does any more.
    pub runs_in: Option<ChildKind>,
    /// When it last came a step further, by being made or by becoming ready.
    pub moved: Option<Timestamp>,
}

/// Why a pod does not run, as Kubernetes reports it in the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The kind of trouble; the worst one sorts first.
    pub kind: TroubleKind,
    /// Kubernetes' words about it.
    pub message: Box<str>,
    /// When it counts as over unless something new happens; `None` while it lasts.
    pub until: Option<Timestamp>,
}

impl Trouble {
    fn lasting(kind: TroubleKind, message: impl Into<Box<str>>) -> Self {
        Self { kind, message: message.into(), until: None }
    }

    /// Whether it still counts.
    #[must_use]
    pub fn is_present(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The kinds of trouble, the ones that a person has to mend first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// The image cannot be pulled.
    ImagePull,
    /// A container cannot be made, for instance because a Secret lacks a key.
    ContainerConfig,
    /// The kernel killed a container because it used more memory than its limit.
    OutOfMemory,
    /// A container ends again and again.
    CrashLoop,
    /// No Kubernetes node can take the pod.
    Unschedulable,
    /// The Kubernetes node of the pod does not answer.
    NodeLost,
}

impl PodView {
    /// The view of a live pod, or `None` if it has no name.
    #[must_use]
    pub fn of(pod: &LivePod) -> Option<Self> {
        let label = |name: &str| pod.metadata.labels.as_ref().and_then(|labels| labels.get(name));
        let annotation = |name: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(name));
        let is_terminating = pod.metadata.deletion_timestamp.is_some();
        let is_true = |type_: &str| find(&pod.status, type_).is_some_and(|condition| condition.status == "True");
        let has_ended = matches!(&*pod.status.phase, "Failed" | "Succeeded");
        Some(Self {
            name: pod.metadata.name.as_deref()?.into(),
            revision: label(labels::REVISION).map(|revision| revision.as_str().into()),
            uid: pod.metadata.uid.as_deref().unwrap_or_default().into(),
            address: Some(pod.status.pod_ip.as_str()).filter(|address| !address.is_empty()).map(Into::into),
            started: started(&pod.status),
            has_run: has_run(&pod.status),
            memory_limit: memory_limit(&pod.spec),
            is_leaving: annotation(labels::LEAVING).is_some(),
            // Whoever writes it in words of his own means it, too.
            left: annotation(labels::LEFT).map(|at| at.parse().unwrap_or(Timestamp::MAX)),
            is_ready: is_true("Ready"),
            is_terminating,
            has_met: is_true(labels::MET),
            restarts: containers(&pod.status).map(|container| container.restart_count).max().unwrap_or_default(),
            trouble: if is_terminating || has_ended { None } else { trouble(pod) },
            has_ended,
            has_tls: annotation(labels::TLS_OPTIONS).is_some(),
            is_apart: is_apart(&pod.metadata),
            runs_in: runs_in(&pod.metadata),
            moved: moved(pod),
        })
    }

    /// Whether it neither has ended for good nor is being deleted.
    #[must_use]
    pub fn is_to_stay(&self) -> bool {
        !self.has_ended && !self.is_terminating
    }
}

fn of_release(status: &LiveStatus) -> Option<&ContainerStatus> {
    status.container_statuses.iter().find(|container| container.name == names::CONTAINER)
}

fn memory_limit(spec: &LiveSpec) -> Option<u64> {
    let container = spec.containers.iter().find(|container| container.name == names::CONTAINER)?;
    bytes(container.resources.limits.as_ref()?.get("memory")?)
}

fn has_run(status: &LiveStatus) -> bool {
    let runs = |state: &Option<ContainerState>| {
        state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some())
    };
    of_release(status).is_some_and(|it| it.restart_count > 0 || runs(&it.state) || runs(&it.last_state))
}

fn started(status: &LiveStatus) -> Option<Timestamp> {
    let Time(started) = of_release(status)?.state.as_ref()?.running.as_ref()?.started_at.clone()?;
    Some(started)
}

/// A Deployment runs its pods by way of ReplicaSets.
fn runs_in(metadata: &ObjectMeta) -> Option<ChildKind> {
    let controller = metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
    match controller.kind.as_str() {
        "ReplicaSet" => Some(ChildKind::Deployment),
        "StatefulSet" => Some(ChildKind::StatefulSet),
        _ => None,
    }
}

fn moved(pod: &LivePod) -> Option<Timestamp> {
    let ready = find(&pod.status, "Ready").filter(|condition| condition.status == "True");
    let since = ready.and_then(|condition| condition.since.as_ref());
    [pod.metadata.creation_timestamp.as_ref(), since].into_iter().flatten().map(|Time(time)| *time).max()
}

fn containers(status: &LiveStatus) -> impl Iterator<Item = &ContainerStatus> {
    status.init_container_statuses.iter().chain(&status.container_statuses)
}

fn trouble(pod: &LivePod) -> Option<Trouble> {
    let status = &pod.status;
    let of_pod = [unschedulable(status), node_lost(pod)].into_iter().flatten();
    containers(status).filter_map(container_trouble).chain(of_pod).min_by_key(|trouble| trouble.kind)
}

/// The kubelet takes both conditions back at once and gives a reason. The node controller, which speaks for a kubelet that
/// is silent, takes back only that the pod is ready and gives none.
fn node_lost(pod: &LivePod) -> Option<Trouble> {
    let ready = find(&pod.status, "Ready")?;
    let containers_ready = find(&pod.status, "ContainersReady")?;
    if ready.status == "True" || !ready.reason.is_empty() || containers_ready.status != "True" {
        return None;
    }
    let message = format!("the Kubernetes node {} does not answer", pod.spec.node_name);
    Some(Trouble::lasting(TroubleKind::NodeLost, message))
}

fn find<'a>(status: &'a LiveStatus, type_: &str) -> Option<&'a LiveCondition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

fn unschedulable(status: &LiveStatus) -> Option<Trouble> {
    let condition = find(status, "PodScheduled")?;
    let is_stuck = condition.status == "False" && condition.reason == "Unschedulable";
    is_stuck.then(|| Trouble::lasting(TroubleKind::Unschedulable, condition.message.as_str()))
}

fn container_trouble(container: &ContainerStatus) -> Option<Trouble> {
    let trouble = waiting(container).or_else(|| crash(container))?;
    Some(Trouble { message: format!("container {}: {}", container.name, trouble.message).into(), ..trouble })
}

fn waiting(container: &ContainerStatus) -> Option<Trouble> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    let words = waiting.message.as_deref().unwrap_or(reason);
    match reason {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ErrImageInspect"
        | "RegistryUnavailable" => {
            let message = format!("image {}: {}", container.image, pull_error(words));
            Some(Trouble::lasting(TroubleKind::ImagePull, message))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some(Trouble::lasting(TroubleKind::ContainerConfig, words))
        }
        _ => None,
    }
}

/// Why an image could not be pulled. Between two tries the kubelet says that it waits and repeats the last error, as in
/// `Back-off pulling image "shop:1": ErrImagePull: not found`; the error alone stays the same all the time.
fn pull_error(words: &str) -> &str {
    let waits = words.starts_with("Back-off pulling image");
    words.split_once("ErrImagePull: ").filter(|_| waits).map_or(words, |(_, error)| error)
}

/// A container whose last run failed. It counts from the first failure until it has been ready for a while, whether it waits
/// for its next start or is running again, so that a crash loop does not flap: without a readiness probe a container is
/// ready as soon as it runs.
fn crash(container: &ContainerStatus) -> Option<Trouble> {
    let ended = |state: &Option<ContainerState>| state.as_ref().and_then(|state| state.terminated.clone());
    let last = ended(&container.state).or_else(|| ended(&container.last_state))?;
    if last.exit_code == 0 {
        return None;
    }
    let started = container.state.as_ref().and_then(|state| state.running.as_ref()?.started_at.as_ref());
    let until = started.filter(|_| container.ready).and_then(|Time(started)| started.checked_add(STEADY).ok());
    let (kind, message) = if last.reason.as_deref() == Some("OOMKilled") {
        (TroubleKind::OutOfMemory, "was killed because it used more memory than its limit".to_owned())
    } else {
        let said = last.message.as_deref().map(|text| format!(": {}", text.trim())).unwrap_or_default();
        (TroubleKind::CrashLoop, format!("ended with exit code {}{said}", last.exit_code))
    };
    Some(Trouble { kind, message: message.into(), until })
}

#[cfg(test)]
mod tests;
