//! `spec.cluster`: how the nodes of a release find, trust and reach each other.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Protocol, Tls};

/// The BEAM cluster that the nodes of this release form, alone or with other releases of the namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.distribution == 'Disabled' || self.epmd != 'Enabled' || self.ports.epmd < self.ports.distribution.from || self.ports.epmd > self.ports.distribution.to")
    .message("cluster.ports.epmd must be outside of cluster.ports.distribution: choose another port"))]
#[x_kube(validation = Rule::new("self.observation.mode == 'Enabled' || (self.discovery != 'Operator' && self.readinessGate == 'Disabled')")
    .message("cluster.discovery Operator and cluster.readinessGate need cluster.observation.mode Enabled: enable it, or choose another discovery and no gate"))]
#[x_kube(validation = Rule::new("self.distribution == 'Disabled' || self.scope != 'Revision' || !has(self.service.name)")
    .message("cluster.service.name is of no use with cluster.scope Revision: remove it"))]
pub struct Cluster {
    /// Enabled: the nodes speak the Erlang distribution protocol. Disabled: lone nodes, any number of them; nothing else
    /// under `cluster` applies. Default: Enabled.
    #[serde(default)]
    pub distribution: Distribution,

    /// Name of the cluster. Releases of one namespace that name the same cluster are one BEAM cluster with one cookie and
    /// one headless Service. They must agree on cookie, epmd and tls and, with discovery DNS, on the basename.
    /// Default: metadata.name. The field selector spec.cluster.name finds the releases that name it here; what the default
    /// comes to is in status.cluster.name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 57), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: Option<String>,

    /// Cluster: all nodes meet. Revision: only those of the same revision, so that versions which do not understand each other
    /// can run side by side; each revision has a headless Service <revision>-nodes and a cookie of its own (Secret
    /// <revision>-cookie, HMAC of the cluster's and the revision). For a Deployment alone in its cluster. Default: Cluster.
    #[serde(default)]
    pub scope: Scope,

    /// The part of a node's name before the @. Default: the cluster's name, because discovery by DNS needs one basename
    /// for all members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub basename: Option<String>,

    /// The part of a node's name behind the @, which BEAM_NODE hands to the release. PodIP: the address of the pod.
    /// PodFQDN: the name of the pod in DNS, such as shop-0.shop-nodes.store.svc.cluster.local, which stays the same when
    /// the pod is replaced; it needs workload.kind StatefulSet, and a library that connects to names: libcluster's DNSSRV
    /// does, dns_cluster connects to addresses. Application: the image makes its own name; neither BEAM_NODE nor what would force a name
    /// (RELEASE_NODE, RELEASE_DISTRIBUTION) is set. Default: PodIP.
    #[serde(default)]
    pub host: Host,

    /// The headless Service through which nodes find each other.
    #[serde(default)]
    pub service: HeadlessService,

    /// The secret that members share. A cookie means the right to run code on every node.
    #[serde(default)]
    pub cookie: Cookie,

    /// How the nodes find each other. DNS: by the headless Service (dns_cluster, libcluster's DNSPoll and
    /// Kubernetes.DNS); the operator sets DNS_CLUSTER_QUERY, but not with host PodFQDN, which is for libcluster's
    /// Kubernetes.DNSSRV. Kubernetes: by the Kubernetes API (libcluster's other modes); the operator binds a Role that may
    /// read pods and endpoints. Operator: the operator connects them, for applications without such a library. None: the
    /// application knows. Default: DNS.
    #[serde(default)]
    pub discovery: Discovery,

    /// Enabled: each pod runs the Erlang port mapper daemon. Disabled: no daemon; every node listens on
    /// ports.distribution.from, which all members must share. The operator passes -start_epmd false and -erl_epmd_port: an
    /// image whose vm.args passes them too does not boot, since OTP 27 and later take neither twice. Remove them there, or
    /// use release.tool None, with which the operator passes no flag of its own. Application: the image brings an EPMD
    /// module of its own (-epmd_module); no flag is passed but the one port to listen on, ports.distribution.from, which
    /// all members must share. Default: Enabled.
    #[serde(default)]
    pub epmd: Epmd,

    /// The ports of the distribution protocol.
    #[serde(default)]
    pub ports: ClusterPorts,

    /// How the operator looks at the nodes, through the distribution protocol, to tell in the status which of them see
    /// each other.
    #[serde(default)]
    pub observation: Observation,

    /// What the operator does about nodes of the cluster that lost each other and do not meet again by themselves.
    /// Reconnect: it asks them to connect. Restart: it does so, and when that was in vain for two minutes, it evicts the pods
    /// of the smaller side, one at a time, at most three in an hour, and never against a PodDisruptionBudget. Disabled:
    /// nothing. Default: Reconnect.
    #[serde(default)]
    pub healing: Healing,

    /// Enabled: a pod counts as ready only once its node has met its cluster, so that a rolling update waits for the mesh.
    /// The operator opens the gate and never shuts it again; while it is away, new pods wait. Default: Disabled.
    #[serde(default)]
    pub readiness_gate: ReadinessGate,

    /// TLS between the nodes.
    #[serde(default)]
    pub tls: Tls,
}

/// Whether nodes speak the distribution protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Distribution {
    /// They do.
    #[default]
    Enabled,
    /// Lone nodes.
    Disabled,
}

/// Which nodes of a cluster meet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Scope {
    /// All.
    #[default]
    Cluster,
    /// Those of the same revision.
    Revision,
}

/// The part of a node's name behind the @.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Host {
    /// The address of the pod.
    #[default]
    PodIP,
    /// The name of the pod in DNS.
    PodFQDN,
    /// The image makes its own name.
    Application,
}

/// How nodes find each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Discovery {
    /// By the addresses of the headless Service.
    #[default]
    #[serde(rename = "DNS")]
    Dns,
    /// By the Kubernetes API.
    Kubernetes,
    /// The operator connects them.
    Operator,
    /// The application knows.
    None,
}

/// Whether pods run the Erlang port mapper daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Epmd {
    /// They do.
    #[default]
    Enabled,
    /// Nodes listen on one fixed port.
    Disabled,
    /// The image has an EPMD module of its own; nodes listen on one fixed port.
    Application,
}

/// The headless Service of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeadlessService {
    /// Its name. Default: <cluster>-nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: Option<String>,

    /// Labels added to it: libcluster's endpoint mode selects Services by label. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,

    /// Annotations added to it. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    /// Whether it lists nodes that are not ready yet, so that they can join before they serve. Default: true.
    #[serde(default = "yes")]
    pub publish_not_ready_addresses: bool,
}

impl Default for HeadlessService {
    fn default() -> Self {
        Self { name: None, labels: BTreeMap::new(), annotations: BTreeMap::new(), publish_not_ready_addresses: yes() }
    }
}

fn yes() -> bool {
    true
}

/// Where the cookie comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    /// A Secret of your own that holds the cookie. Default: the Secret <cluster>-cookie, made once with 32 random bytes
    /// as text under the key "cookie" and never overwritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
}

/// A key of a Secret in the namespace of the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Key in the Secret. Default: cookie.
    #[serde(default = "cookie_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn cookie_key() -> String {
    "cookie".to_owned()
}

/// The ports of the distribution protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterPorts {
    /// Port of the Erlang port mapper daemon. Default: 4369.
    #[serde(default = "epmd_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub epmd: u16,

    /// The ports that a node may listen on for its peers. A range, so that a remote shell, `rpc` and `stop` find a free
    /// port beside the node in the same pod. It may differ between members. With release.tool None nothing is pinned and
    /// it only says where the application listens. Default: 9100 to 9105.
    #[serde(default)]
    pub distribution: PortRange,

    /// Other ports that only members may reach, such as 5369 of gen_rpc. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["port".into(), "protocol".into()]))]
    pub extra: Vec<ExtraPort>,
}

impl Default for ClusterPorts {
    fn default() -> Self {
        Self { epmd: epmd_port(), distribution: PortRange::default(), extra: Vec::new() }
    }
}

fn epmd_port() -> u16 {
    4369
}

/// How the operator looks at nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// Enabled: it keeps a connection to each node, as a hidden node. Disabled: it never connects, the condition Clustered
    /// is Unknown, and discovery Operator, healing and readinessGate are not to be had. Default: Enabled.
    #[serde(default)]
    pub mode: ObservationMode,

    /// Seconds between two looks at a node at rest. When something changes, its cluster is looked at every other second for
    /// a minute. Default: 15.
    #[serde(default = "interval")]
    #[schemars(range(min = 5, max = 300))]
    pub interval_seconds: u16,
}

impl Default for Observation {
    fn default() -> Self {
        Self { mode: ObservationMode::default(), interval_seconds: interval() }
    }
}

fn interval() -> u16 {
    15
}

/// Whether the operator looks at nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ObservationMode {
    /// It does.
    #[default]
    Enabled,
    /// It does not.
    Disabled,
}

/// What is done about a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Healing {
    /// The nodes are asked to connect.
    #[default]
    Reconnect,
    /// The nodes of the smaller side are restarted where asking was in vain.
    Restart,
    /// Nothing.
    Disabled,
}

/// Whether pods wait for the mesh before they are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReadinessGate {
    /// They do.
    Enabled,
    /// They do not.
    #[default]
    Disabled,
}

/// A range of ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.from <= self.to")
    .message("cluster.ports.distribution.from must not be above its to: swap them"))]
pub struct PortRange {
    /// The first port.
    #[schemars(range(min = 1, max = 65535))]
    pub from: u16,

    /// The last port.
    #[schemars(range(min = 1, max = 65535))]
    pub to: u16,
}

impl Default for PortRange {
    fn default() -> Self {
        Self { from: 9100, to: 9105 }
    }
}

/// A port, or a range of ports, that only members may reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.endPort) || self.port <= self.endPort")
    .message("cluster.ports.extra: port must not be above endPort: swap them"))]
pub struct ExtraPort {
    /// The port, or the first of a range.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,

    /// The last port of a range. Default: the same as port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub end_port: Option<u16>,

    /// TCP, UDP or SCTP. Default: TCP.
    #[serde(default)]
    pub protocol: Protocol,
}
