//! A release in a namespace, seen through its status and its pods.

use beam_operator::api::{ElixirRelease, ElixirReleaseStatus, RolloutPhase};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use super::{Namespace, Node, eventually};

/// The sample application as a release of this name. It starts and stops faster than the defaults let it; each field that
/// `spec`, in YAML, names is replaced.
pub fn shop(name: &str, spec: &str) -> Value {
    let mut release = json!({
        "apiVersion": "beam-operator.io/v1alpha1",
        "kind": "ElixirRelease",
        "metadata": {"name": name},
        "spec": {
            "image": "localhost/shop:1",
            "ports": [{"name": "http", "containerPort": 4000}],
            "probes": {"readiness": {"httpGet": {"path": "/health/ready", "port": "http"}, "periodSeconds": 1}},
            "rollout": {"minReadySeconds": 1},
            "shutdown": {"delaySeconds": 3},
        },
    });
    let replaced: serde_json::Map<String, Value> = serde_yaml::from_str(spec).unwrap();
    release["spec"].as_object_mut().unwrap().extend(replaced);
    release
}

/// A release by its name.
#[derive(Clone, Copy)]
pub struct Release<'a> {
    /// Where it is.
    pub namespace: &'a Namespace,
    /// Its name.
    pub name: &'a str,
}

impl Release<'_> {
    /// Changes its spec as `kubectl patch` does.
    pub async fn change(&self, spec: &Value) {
        let patch = json!({"spec": spec}).to_string();
        self.namespace.kubectl(&["patch", "elixirrelease", self.name, "--type=merge", "--patch", &patch]).await;
    }

    /// The release as it is stored.
    pub async fn get(&self) -> ElixirRelease {
        self.namespace.objects().get(self.name).await.unwrap()
    }

    /// Its status.
    pub async fn status(&self) -> ElixirReleaseStatus {
        self.get().await.status.unwrap_or_default()
    }

    /// Waits until something holds.
    pub async fn until(&self, what: &str, holds: impl Fn(&ElixirRelease) -> bool) -> ElixirReleaseStatus {
        eventually(&format!("{}: {what}", self.name), async || {
            let releases: Api<ElixirRelease> = self.namespace.objects();
            let release = releases.get(self.name).await.map_err(|error| error.to_string())?;
            let status = release.status.clone().unwrap_or_default();
            if holds(&release) { Ok(status) } else { Err(serde_yaml::to_string(&status).unwrap()) }
        })
        .await
    }

    /// Waits until its present spec is what runs, to the last node.
    pub async fn complete(&self) -> ElixirReleaseStatus {
        self.until("the rollout is complete", is_complete).await
    }

    /// Waits until the rollout of its present spec is in this phase.
    pub async fn phase(&self, phase: RolloutPhase) -> ElixirReleaseStatus {
        self.until(&format!("the rollout is {phase:?}"), |release| {
            let status = release.status.clone().unwrap_or_default();
            let is_seen = status.observed_generation == release.metadata.generation;
            is_seen && status.rollout.is_some_and(|rollout| rollout.phase == phase)
        })
        .await
    }

    /// Waits until every wanted node is ready and seen by all others.
    pub async fn clustered(&self) -> ElixirReleaseStatus {
        self.complete().await;
        self.condition("Clustered", "AllNodesConnected").await;
        self.until("every node is in the mesh", |release| {
            let clustered = release.status.as_ref().and_then(|status| status.clustered_replicas);
            clustered == Some(release.spec.replicas)
        })
        .await
    }

    /// Waits until a condition has this reason.
    pub async fn condition(&self, type_: &str, reason: &str) -> Condition {
        let of = |status: &ElixirReleaseStatus| {
            status.conditions.iter().find(|it| it.type_ == type_ && it.reason == reason).cloned()
        };
        let has_it = |release: &ElixirRelease| release.status.as_ref().and_then(of).is_some();
        of(&self.until(&format!("{type_} is {reason}"), has_it).await).unwrap()
    }

    /// Its pods that are not being deleted.
    pub async fn pods(&self) -> Vec<Pod> {
        let selector = format!("beam-operator.io/release={}", self.name);
        let pods = self.namespace.objects::<Pod>().list(&ListParams::default().labels(&selector)).await.unwrap();
        pods.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect()
    }

    /// Its pods as nodes of a BEAM cluster.
    pub async fn nodes(&self) -> Vec<Node<'_>> {
        self.pods().await.into_iter().map(|pod| Node { namespace: self.namespace, pod }).collect()
    }

    /// The address of its Service, from outside of the cluster.
    pub async fn url(&self) -> String {
        let service: Service = self.namespace.objects().get(self.name).await.unwrap();
        format!("http://{}:4000", service.spec.unwrap().cluster_ip.unwrap())
    }
}

/// Whether the status speaks of the present spec and says that it runs.
pub fn is_complete(release: &ElixirRelease) -> bool {
    let Some(status) = &release.status else { return false };
    let is_ready = |it: &Condition| it.type_ == "Ready" && it.observed_generation == release.metadata.generation;
    let ready = status.conditions.iter().find(|it| is_ready(it)).is_some_and(|it| it.status == "True");
    let rolled_out = status.rollout.as_ref().is_some_and(|rollout| rollout.phase == RolloutPhase::Complete);
    ready && rolled_out && status.ready_replicas == release.spec.replicas
}
