//! What is written of pods: that a gate is open, and that one is to be evicted.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, EvictParams, Patch, PatchParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use serde_json::json;

use super::{Applier, Error, is_conflict};
use crate::controller::ownership::FIELD_MANAGER;
use crate::operator::client::describe;
use crate::resources::labels;

impl Applier<'_> {
    /// Tells the kubelet that the node of a pod has met its cluster.
    ///
    /// Source: <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate>.
    pub(super) async fn open_gate(&self, pod: &str, uid: &str) -> Result<(), Error> {
        let api = Api::<PartialObjectMeta<Pod>>::namespaced(self.client.clone(), &self.key.namespace);
        let now = jiff::Timestamp::now();
        let now = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
        let condition = json!({
            "type": labels::MET, "status": "True", "reason": "MetCluster", "lastTransitionTime": now,
            "message": "the node is connected to its cluster",
        });
        let patch = json!({"metadata": {"uid": uid}, "status": {"conditions": [condition]}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch_status(pod, &params, &Patch::Strategic(&patch)).await {
            Ok(_) => Ok(()),
            // It is gone, or another by now, which is looked at for itself.
            Err(error) if is_conflict(&error) => Ok(()),
            Err(source) => Err(Error::Gate { pod: pod.to_owned(), source }),
        }
    }
}

/// Evicts a pod, which the API server refuses where a PodDisruptionBudget does not allow it.
///
/// # Errors
/// In words, with what is in the way. That the pod is gone, or is another by now, is none.
pub async fn evict(client: &Client, namespace: &str, pod: &str, uid: &str) -> Result<(), String> {
    let api = Api::<Pod>::namespaced(client.clone(), namespace);
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let delete_options = Some(DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() });
    match api.evict(pod, &EvictParams { delete_options, ..EvictParams::default() }).await {
        Ok(_) => Ok(()),
        Err(error) if is_conflict(&error) => Ok(()),
        Err(error) => Err(describe(&error)),
    }
}
