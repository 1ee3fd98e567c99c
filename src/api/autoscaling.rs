//! `spec.autoscaling`: a HorizontalPodAutoscaler on the release's own scale subresource.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Verbatim;

/// A HorizontalPodAutoscaler that scales the ElixirRelease itself. Leave `replicas` out of what you apply when you use it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.minReplicas <= self.maxReplicas")
    .message("autoscaling.minReplicas must not be above autoscaling.maxReplicas: lower the first or raise the second"))]
pub struct Autoscaling {
    /// The least number of nodes. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0))]
    pub min_replicas: i32,

    /// The largest number of nodes.
    #[schemars(range(min = 1))]
    pub max_replicas: i32,

    /// Average use of the requested CPU, in percent, that the autoscaler aims at. Needs `resources.requests.cpu`.
    /// Default: none; without any metric Kubernetes aims at 80.
    #[serde(default, rename = "targetCPUUtilizationPercentage", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub target_cpu_utilization_percentage: Option<i32>,

    /// Further metrics, each an autoscaling/v2 MetricSpec. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Verbatim>,

    /// How fast to scale up and down: an autoscaling/v2 HorizontalPodAutoscalerBehavior.
    /// Default: Kubernetes' own, up at once and down after five minutes.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub behavior: Verbatim,
}

fn one() -> i32 {
    1
}
