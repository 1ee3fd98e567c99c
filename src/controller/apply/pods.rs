//! What is written of pods: that a gate is open, that a node is to leave or has left, and that one is to be evicted.

use std::sync::{MutexGuard, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{PartialObjectMeta, Status};
use serde_json::{Value, json};

use super::{Applier, Error, is_conflict};
use crate::controller::events::{Happening, normal, warning};
use crate::controller::mesh::Restarts;
use crate::controller::ownership::FIELD_MANAGER;
use crate::controller::plan;
use crate::operator::client::describe;
use crate::resources::labels;
use crate::time::whole_seconds;

/// Costs are 32-bit numbers in words.
const LOWEST_COST: &str = "-2147483648";

impl Applier<'_> {
    /// Tells the kubelet that the node of a pod has met its cluster.
    ///
    /// Source: <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-readiness-gate>.
    pub(super) async fn open_gate(&self, pod: &str, uid: &str) -> Result<(), Error> {
        let api = Api::<PartialObjectMeta<Pod>>::namespaced(self.client.clone(), &self.key.namespace);
        let now = whole_seconds(Timestamp::now());
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
            Err(source) => Err(Error::Pod { what: "opening the readiness gate of", pod: pod.to_owned(), source }),
        }
    }

    /// Puts annotations on a pod. That is done by way of its status, for which the operator has the right already.
    pub(super) async fn annotate_pod(&self, pod: &str, uid: &str, annotations: &Value) -> Result<(), Error> {
        let api = Api::<PartialObjectMeta<Pod>>::namespaced(self.client.clone(), &self.key.namespace);
        let patch = json!({"metadata": {"uid": uid, "annotations": annotations}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch_status(pod, &params, &Patch::Merge(&patch)).await {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => Ok(()),
            Err(source) => Err(Error::Pod { what: "marking", pod: pod.to_owned(), source }),
        }
    }

    /// Evicts a pod, if there may be one more, and tells so. That a PodDisruptionBudget is in the way is no failure of the
    /// reconcile.
    pub(super) async fn evict(&self, pod: &str, uid: &str, why: plan::Eviction) -> Option<Happening> {
        if !self.restarts().take(self.key, Timestamp::now()) {
            return None;
        }
        let api = Api::<Pod>::namespaced(self.client.clone(), &self.key.namespace);
        // kube's own `evict` spells the options in a way that the API server does not know, and the uid would not count.
        let preconditions = Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
        let eviction = Eviction {
            metadata: ObjectMeta { name: Some(pod.to_owned()), ..ObjectMeta::default() },
            delete_options: Some(DeleteOptions { preconditions, ..DeleteOptions::default() }),
        };
        let (reason, why, not_yet) = match why {
            plan::Eviction::CutOff => (
                "NodeRestart",
                "its node is cut off from the larger side of the cluster",
                "cut off from the cluster, is not restarted",
            ),
            plan::Eviction::AskedToLeave => (
                "NodeReplaced",
                "its node was asked to leave and is to stay after all",
                "whose node was asked to leave and is to stay after all, is not replaced yet",
            ),
        };
        match api.create_subresource::<_, Status>("eviction", pod, &PostParams::default(), &eviction).await {
            Ok(_) => {
                let note = format!("evicted pod {pod}: {why}");
                Some(normal(reason, "Heal", note))
            }
            // It is gone, or another by now.
            Err(error) if is_conflict(&error) => None,
            Err(error) => {
                let note = format!("pod {pod}, {not_yet}: {}", describe(&error));
                Some(warning(reason, "Heal", note))
            }
        }
    }

    /// When there may be one more.
    pub(super) fn next_restart(&self) -> Option<Timestamp> {
        self.restarts().next(self.key)
    }

    fn restarts(&self) -> MutexGuard<'_, Restarts> {
        self.restarts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The annotations of a pod whose node is asked to leave.
pub(super) fn leaving() -> Value {
    json!({labels::LEAVING: whole_seconds(Timestamp::now()), labels::DELETION_COST: LOWEST_COST})
}

/// The annotation of a pod whose node has left.
pub(super) fn left(at: Timestamp) -> Value {
    json!({labels::LEFT: at})
}

/// What is told then.
pub(super) fn has_left(pod: &str) -> Happening {
    normal("NodeLeft", "Scale", format!("the node of pod {pod} has left, and the scale-down goes on"))
}
