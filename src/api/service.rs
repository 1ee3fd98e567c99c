//! `spec.service`: the Service that carries the release's traffic.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Protocol, Verbatim};

/// The traffic Service, named like the release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficService {
    /// ClusterIP, NodePort, LoadBalancer, Headless (clusterIP: None) or None (no Service). A Service is made only when
    /// there is a port to carry. Default: ClusterIP.
    #[serde(default, rename = "type")]
    pub type_: ServiceType,

    /// Annotations of the Service, for load balancers and DNS controllers. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// The ports of the Service: these and no others. Default: every declared port of the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["port".into(), "protocol".into()]))]
    pub ports: Vec<ServicePort>,

    /// A ServiceSpec merged over the operator's: traffic policies, session affinity, load balancer class and the
    /// like. Default: nothing to merge.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub spec: Verbatim,
}

/// A port of the traffic Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Name of the port; needed when there is more than one. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub name: Option<String>,

    /// The port that clients of the Service use.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,

    /// Number or name of the port in the pod. Default: the same as port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<IntOrString>,

    /// TCP, UDP or SCTP. Default: TCP.
    #[serde(default)]
    pub protocol: Protocol,
}

/// The type of the traffic Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// A virtual address inside the cluster.
    #[default]
    ClusterIP,
    /// A port on every Kubernetes node.
    NodePort,
    /// A load balancer of the cloud.
    LoadBalancer,
    /// No virtual address: DNS answers with the addresses of the ready pods.
    Headless,
    /// No Service.
    None,
}
