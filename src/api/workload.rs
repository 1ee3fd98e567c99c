//! `spec.workload`: what kind of object runs the pods.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Verbatim;

/// The object that runs the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.kind == 'StatefulSet' || !has(self.volumeClaimTemplates) || size(self.volumeClaimTemplates) == 0")
    .message("workload.volumeClaimTemplates needs workload.kind StatefulSet: set it, or use a volume of spec.volumes"))]
#[x_kube(validation = Rule::new("self.kind == 'StatefulSet' || self.podManagementPolicy == 'Parallel'")
    .message("workload.podManagementPolicy needs workload.kind StatefulSet: set it, or remove the policy"))]
pub struct Workload {
    /// Deployment: pods that are all alike. StatefulSet: pods with stable names (shop-0, shop-1, …) and claims of their
    /// own; it replaces pods in place, as many at a time as rollout.maxUnavailable says and at least one, and never more
    /// than `replicas` run: rollout.maxSurge does not apply. When the kind changes, the old pods go once the new ones are
    /// available (with rollout.strategy Recreate: before the first of them starts). Default: Deployment.
    #[serde(default)]
    pub kind: WorkloadKind,

    /// StatefulSet: PersistentVolumeClaims of each pod, as in a StatefulSet. They cannot change while the StatefulSet
    /// exists, and no claim is ever deleted: not when the release is scaled down, nor when it is deleted. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub volume_claim_templates: Vec<Verbatim>,

    /// StatefulSet: Parallel starts and stops pods at the same time when it is scaled; OrderedReady one after the other,
    /// each when the one before is ready. It cannot change while the StatefulSet exists. Default: Parallel.
    #[serde(default)]
    pub pod_management_policy: PodManagementPolicy,
}

/// The kind of the object that runs the pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WorkloadKind {
    /// Pods that are all alike.
    #[default]
    Deployment,
    /// Pods with stable names and claims of their own.
    StatefulSet,
}

/// How the pods of a StatefulSet start and stop when it is scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PodManagementPolicy {
    /// At the same time.
    #[default]
    Parallel,
    /// One after the other.
    OrderedReady,
}

impl PodManagementPolicy {
    /// The value as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parallel => "Parallel",
            Self::OrderedReady => "OrderedReady",
        }
    }
}
