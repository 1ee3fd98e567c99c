//! What a kubelet would say of pods. Kubernetes' controllers make them; no node ever runs them.

use beam_operator::resources::labels;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::{Namespace, eventually};

impl Namespace {
    /// Waits until a release has so many pods that are to stay, and returns their names.
    pub async fn pods(&self, release: &str, wanted: usize) -> Vec<String> {
        let pods = Api::<Pod>::namespaced(self.client.clone(), &self.name);
        let found = eventually(&format!("{wanted} pods of {release}"), || those_to_stay(&pods, release, wanted)).await;
        found.iter().map(ResourceExt::name_any).collect()
    }

    /// Writes the status of a pod.
    pub async fn pod_says(&self, pod: &str, status: &Value) {
        let pods = Api::<Pod>::namespaced(self.client.clone(), &self.name);
        let patch = Patch::Merge(json!({"status": status}));
        pods.patch_status(pod, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Lets so many pods of a release become ready.
    pub async fn become_ready(&self, release: &str, wanted: usize) {
        let pods = Api::<Pod>::namespaced(self.client.clone(), &self.name);
        let status = ready();
        eventually(&format!("{wanted} pods of {release} to make ready"), async || {
            for pod in those_to_stay(&pods, release, wanted).await? {
                this_pod_says(&pods, &pod, &status).await?;
            }
            Ok(())
        })
        .await;
    }
}

async fn those_to_stay(pods: &Api<Pod>, release: &str, wanted: usize) -> Result<Vec<Pod>, String> {
    let selector = ListParams::default().labels(&format!("{}={release}", labels::RELEASE));
    let mut found = pods.list(&selector).await.map_err(|error| error.to_string())?.items;
    found.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    if found.len() == wanted {
        Ok(found)
    } else {
        Err(found.iter().map(ResourceExt::name_any).collect::<Vec<_>>().join(", "))
    }
}

/// Writes the status of a pod, and fails if that is gone or another has taken its name.
pub async fn this_pod_says(pods: &Api<Pod>, pod: &Pod, status: &Value) -> Result<(), String> {
    let patch = Patch::Merge(json!({"metadata": {"uid": pod.uid()}, "status": status}));
    let written = pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch).await;
    written.map(drop).map_err(|error| error.to_string())
}

/// Makes the pods of a namespace ready that are not.
pub async fn make_ready(client: &Client, namespace: &str) {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let Ok(found) = pods.list(&ListParams::default()).await else { return };
    let is_ready = |pod: &&Pod| pod.status.as_ref().is_some_and(|status| status.conditions.is_some());
    for pod in found.iter().filter(|pod| !is_ready(pod)) {
        // It may be gone by now.
        drop(this_pod_says(&pods, pod, &ready()).await);
    }
}

/// What a kubelet says of a pod that is ready.
fn ready() -> Value {
    let long_ago = "2020-01-01T00:00:00Z";
    json!({
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": long_ago}],
        "containerStatuses": [container(true, &json!({"running": {"startedAt": long_ago}}))],
    })
}

/// The status of the release's container in some state.
pub fn container(ready: bool, state: &Value) -> Value {
    json!({
        "name": "release", "image": "shop:1", "imageID": "", "ready": ready, "restartCount": 1, "state": state,
    })
}
