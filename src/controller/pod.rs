//! Slim views of pods, and what keeps one from starting, in words.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use crate::resources::labels;

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
}

/// The parts of a pod's status that are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveStatus {
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
}

/// A pod of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Its name.
    pub name: Box<str>,
    /// Its revision.
    pub revision: Option<Box<str>>,
    /// What keeps it from running.
    pub trouble: Option<Trouble>,
}

/// Why a pod does not run, as Kubernetes reports it in the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The kind of trouble; the worst one sorts first.
    pub kind: TroubleKind,
    /// Kubernetes' words about it.
    pub message: Box<str>,
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
        let leaving = pod.metadata.deletion_timestamp.is_some();
        Some(Self {
            name: pod.metadata.name.as_deref()?.into(),
            revision: label(labels::REVISION).map(|revision| revision.as_str().into()),
            trouble: if leaving { None } else { trouble(pod) },
        })
    }
}

fn trouble(pod: &LivePod) -> Option<Trouble> {
    let status = &pod.status;
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses);
    let of_pod = [unschedulable(status), node_lost(pod)].into_iter().flatten();
    containers.filter_map(container_trouble).chain(of_pod).min_by_key(|trouble| trouble.kind)
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
    Some(Trouble { kind: TroubleKind::NodeLost, message: message.into() })
}

fn find<'a>(status: &'a LiveStatus, type_: &str) -> Option<&'a LiveCondition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

fn unschedulable(status: &LiveStatus) -> Option<Trouble> {
    let condition = find(status, "PodScheduled")?;
    let is_stuck = condition.status == "False" && condition.reason == "Unschedulable";
    is_stuck.then(|| Trouble { kind: TroubleKind::Unschedulable, message: condition.message.as_str().into() })
}

fn container_trouble(container: &ContainerStatus) -> Option<Trouble> {
    let (kind, message) = waiting(container).or_else(|| crash(container))?;
    Some(Trouble { kind, message: format!("container {}: {message}", container.name).into() })
}

fn waiting(container: &ContainerStatus) -> Option<(TroubleKind, String)> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref()?;
    let words = waiting.message.as_deref().unwrap_or(reason);
    match reason {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ErrImageInspect"
        | "RegistryUnavailable" => Some((TroubleKind::ImagePull, format!("image {}: {words}", container.image))),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            Some((TroubleKind::ContainerConfig, words.to_owned()))
        }
        _ => None,
    }
}

/// A container that is not ready and whose last run failed. It counts from the first failure until it is ready, whether it
/// waits for its next start or is running again, so that a crash loop does not flap.
fn crash(container: &ContainerStatus) -> Option<(TroubleKind, String)> {
    let ended = |state: &Option<ContainerState>| state.as_ref().and_then(|state| state.terminated.clone());
    let last = ended(&container.state).or_else(|| ended(&container.last_state))?;
    if container.ready || last.exit_code == 0 {
        return None;
    }
    if last.reason.as_deref() == Some("OOMKilled") {
        return Some((TroubleKind::OutOfMemory, "was killed because it used more memory than its limit".to_owned()));
    }
    let said = last.message.as_deref().map(|text| format!(": {}", text.trim())).unwrap_or_default();
    Some((TroubleKind::CrashLoop, format!("ended with exit code {}{said}", last.exit_code)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: &Value) -> PodView {
        let live = json!({
            "metadata": {"name": "shop-1-a", "labels": {"beam-operator.io/revision": "shop-1"}},
            "spec": {"nodeName": "n3"},
            "status": status,
        });
        PodView::of(&serde_json::from_value(live).unwrap()).unwrap()
    }

    fn container(ready: bool, state: Value, last: Value) -> Value {
        let mut container =
            json!({"name": "release", "image": "shop:1", "imageID": "", "ready": ready, "restartCount": 1});
        container["state"] = state;
        container["lastState"] = last;
        json!({"containerStatuses": [container]})
    }

    fn failed() -> Value {
        json!({"terminated": {"exitCode": 1, "message": "no database\n"}})
    }

    #[rstest]
    #[case::image(container(false, json!({"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}), json!({})),
        TroubleKind::ImagePull, "container release: image shop:1: not found")]
    #[case::config(container(false, json!({"waiting": {"reason": "CreateContainerConfigError", "message": "no key"}}), json!({})),
        TroubleKind::ContainerConfig, "container release: no key")]
    #[case::crash_waiting(container(false, json!({"waiting": {"reason": "CrashLoopBackOff"}}), failed()),
        TroubleKind::CrashLoop, "container release: ended with exit code 1: no database")]
    #[case::crash_running_again(container(false, json!({"running": {}}), failed()),
        TroubleKind::CrashLoop, "container release: ended with exit code 1: no database")]
    #[case::memory(container(false, json!({"running": {}}), json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})),
        TroubleKind::OutOfMemory, "container release: was killed because it used more memory than its limit")]
    #[case::unschedulable(json!({"conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]}),
        TroubleKind::Unschedulable, "0/3 nodes are available")]
    #[case::node_lost(json!({"conditions": [
        {"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "True"}]}),
        TroubleKind::NodeLost, "the Kubernetes node n3 does not answer")]
    fn trouble_is_told_in_kubernetes_words(#[case] status: Value, #[case] kind: TroubleKind, #[case] message: &str) {
        assert_eq!(pod(&status).trouble, Some(Trouble { kind, message: message.into() }));
    }

    #[rstest]
    #[case::starting(container(false, json!({"waiting": {"reason": "ContainerCreating"}}), json!({})))]
    #[case::recovered(container(true, json!({"running": {}}), failed()))]
    #[case::ended_well(container(false, json!({"running": {}}), json!({"terminated": {"exitCode": 0}})))]
    #[case::a_gate_is_shut(json!({"conditions": [
        {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"},
        {"type": "ContainersReady", "status": "True"}]}))]
    #[case::nothing(json!({}))]
    fn no_trouble(#[case] status: Value) {
        assert_eq!(pod(&status).trouble, None);
    }
}
