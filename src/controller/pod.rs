//! Slim views of pods, and what keeps one from starting, in words.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

use super::kind::ChildKind;
use crate::resources::labels;

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
}

/// The parts of a pod's status that are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveStatus {
    phase: String,
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
pub struct PodView {
    /// Its name.
    pub name: Box<str>,
    /// Its revision.
    pub revision: Option<Box<str>>,
    /// What keeps it from running.
    pub trouble: Option<Trouble>,
    /// Whether it has ended for good, evicted for instance: another one has taken its place.
    pub has_ended: bool,
    /// The kind of the object that runs it; `None` when nobody does any more.
    pub runs_in: Option<ChildKind>,
    /// Of a pod of a StatefulSet, which gives no account of its own: when it last came a step further, by being made or by
    /// becoming ready.
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
        let leaving = pod.metadata.deletion_timestamp.is_some();
        let has_ended = matches!(&*pod.status.phase, "Failed" | "Succeeded");
        Some(Self {
            name: pod.metadata.name.as_deref()?.into(),
            revision: label(labels::REVISION).map(|revision| revision.as_str().into()),
            trouble: if leaving || has_ended { None } else { trouble(pod) },
            has_ended,
            runs_in: runs_in(&pod.metadata),
            moved: moved(pod).filter(|_| runs_in(&pod.metadata) == Some(ChildKind::StatefulSet)),
        })
    }
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
        assert_eq!(pod(&status).trouble, Some(Trouble::lasting(kind, message)));
    }

    #[test]
    fn waiting_for_the_next_try_to_pull_an_image_is_no_other_trouble_than_the_last_try() {
        let waiting = |reason: &str, message: &str| {
            pod(&container(false, json!({"waiting": {"reason": reason, "message": message}}), json!({}))).trouble
        };
        let tried = waiting("ErrImagePull", "failed to pull: not found");
        assert!(tried.is_some());
        let message = r#"Back-off pulling image "shop:1": ErrImagePull: failed to pull: not found"#;
        assert_eq!(waiting("ImagePullBackOff", message), tried);
    }

    #[test]
    fn a_crash_is_over_once_the_container_has_been_ready_for_a_minute() {
        let running = json!({"running": {"startedAt": "2026-11-23T04:42:32Z"}});
        let trouble = pod(&container(true, running.clone(), failed())).trouble.unwrap();
        assert_eq!(trouble.until, Some("2026-11-23T04:43:32Z".parse().unwrap()));
        assert!(trouble.is_present("2026-11-23T04:43:31Z".parse().unwrap()));
        assert!(!trouble.is_present("2026-11-23T04:43:32Z".parse().unwrap()));
        assert_eq!(pod(&container(false, running, failed())).trouble.unwrap().until, None, "it is not ready");
    }

    #[rstest]
    #[case::evicted("Failed")]
    #[case::done("Succeeded")]
    fn a_pod_that_has_ended_for_good_is_in_no_trouble(#[case] phase: &str) {
        let terminated = json!({"terminated": {"exitCode": 137}});
        let mut status = container(false, terminated, json!({}));
        status["phase"] = phase.into();
        let view = pod(&status);
        assert_eq!((view.trouble, view.has_ended), (None, true));
    }

    #[rstest]
    #[case::of_a_deployment("ReplicaSet", Some(ChildKind::Deployment), None)]
    #[case::of_a_stateful_set("StatefulSet", Some(ChildKind::StatefulSet), Some("2026-11-23T04:00:00Z"))]
    #[case::of_something_else("Job", None, None)]
    fn what_runs_it_is_its_controller(
        #[case] kind: &str,
        #[case] expected: Option<ChildKind>,
        #[case] moved: Option<&str>,
    ) {
        let controller = json!({"apiVersion": "apps/v1", "kind": kind, "name": "x", "uid": "u", "controller": true});
        let owners = json!([{"apiVersion": "v1", "kind": "StatefulSet", "name": "y", "uid": "v"}, controller]);
        let ready = |status: &str| {
            let condition = json!({"type": "Ready", "status": status, "lastTransitionTime": "2026-11-23T04:00:00Z"});
            let view: LivePod = serde_json::from_value(json!({
                "metadata": {
                    "name": "shop-0", "ownerReferences": owners, "creationTimestamp": "2026-11-23T03:00:00Z",
                },
                "status": {"conditions": [condition]},
            }))
            .unwrap();
            PodView::of(&view).unwrap()
        };
        assert_eq!((ready("True").runs_in, ready("True").moved), (expected, moved.map(|time| time.parse().unwrap())));
        let made = moved.map(|_| "2026-11-23T03:00:00Z".parse().unwrap());
        assert_eq!(ready("False").moved, made, "that it is ready no longer is no step further");
    }

    #[rstest]
    #[case::starting(container(false, json!({"waiting": {"reason": "ContainerCreating"}}), json!({})))]
    #[case::ended_well(container(false, json!({"running": {}}), json!({"terminated": {"exitCode": 0}})))]
    #[case::a_gate_is_shut(json!({"conditions": [
        {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady"},
        {"type": "ContainersReady", "status": "True"}]}))]
    #[case::nothing(json!({}))]
    fn no_trouble(#[case] status: Value) {
        assert_eq!(pod(&status).trouble, None);
    }
}
