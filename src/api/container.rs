//! The parts of the release's container that a Deployment has under the same names.

use k8s_openapi::api::core::v1::Probe;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When the kubelet pulls an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// On every start of a container.
    Always,
    /// Only when the node does not have the image.
    #[default]
    IfNotPresent,
    /// Never: the image must be on the node.
    Never,
}

impl ImagePullPolicy {
    /// The value as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Every protocol a Service or NetworkPolicy can name.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// The value as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }
}

/// A port that the release listens on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// Name of the port, for probes and Services to refer to: at most 15 lower-case letters, digits and dashes.
    /// Default: none; the Service then calls it port-<containerPort>.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 15))]
    pub name: Option<String>,

    /// The port number in the pod.
    #[schemars(range(min = 1, max = 65535))]
    pub container_port: u16,

    /// TCP, UDP or SCTP. Default: TCP.
    #[serde(default)]
    pub protocol: Protocol,
}

/// The probes of the release's container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probes {
    /// What happens without a readiness probe of your own. TCP: readiness is a TCP check of the first declared TCP port.
    /// None: the container is ready once it runs. There is never a liveness probe by default: restarting a node that is
    /// merely busy costs the cluster more than waiting for it. Default: TCP.
    #[serde(default)]
    pub default: DefaultProbe,

    /// Readiness probe, as in a container. Default: what `default` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Box<Probe>>,

    /// Liveness probe, as in a container. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Box<Probe>>,

    /// Startup probe, as in a container. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<Box<Probe>>,
}

/// The readiness probe used where none is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DefaultProbe {
    /// A TCP check of the first TCP port.
    #[default]
    #[serde(rename = "TCP")]
    Tcp,
    /// No probe.
    None,
}
