//! The resource itself and the fields at the top of its spec.

use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, LocalObjectReference, ResourceRequirements, Volume, VolumeMount,
};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{
    Autoscaling, Cluster, DisruptionBudget, ElixirReleaseStatus, ImagePullPolicy, Migration, NetworkPolicyMode, Port,
    Probes, Release, Rollout, Shutdown, TrafficService, Verbatim, Vm, Workload,
};

/// An Elixir or Erlang release that runs as nodes of a BEAM cluster. Only `image` is required.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "beam-operator.io",
    version = "v1alpha1",
    kind = "ElixirRelease",
    namespaced,
    doc = "An Elixir or Erlang release that runs as nodes of a BEAM cluster.",
    status = "ElixirReleaseStatus",
    derive = "Default",
    derive = "PartialEq",
    shortname = "exr",
    category = "beam",
    selectable = ".spec.cluster.name",
    selectable = ".spec.image",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.ready", description = "Ready and wanted nodes"),
    printcolumn(name = "Cluster", type_ = "integer", json_path = ".status.cluster.size", description = "Nodes seen in the mesh"),
    printcolumn(name = "Rollout", type_ = "string", json_path = ".status.rollout.phase", description = "How far the rollout is"),
    printcolumn(name = "Image", type_ = "string", json_path = ".spec.image", description = "The wanted image"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Cluster name", type_ = "string", json_path = ".status.cluster.name", priority = 1),
    printcolumn(name = "Revision", type_ = "string", json_path = ".status.targetRevision", priority = 1),
    validation = Rule::new("size(self.metadata.name) <= 52").message(
        "metadata.name must have at most 52 characters: the names of its revisions and of its ServiceAccount derive from it and may have 63"
    ),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
        "metadata.name must be a DNS label that starts with a letter: the Service has the same name"
    ),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.cluster.distribution == 'Disabled' || !has(self.ports) || self.ports.all(p, p.protocol != 'TCP' || (p.containerPort < self.cluster.ports.distribution.from || p.containerPort > self.cluster.ports.distribution.to) && (self.cluster.epmd != 'Enabled' || p.containerPort != self.cluster.ports.epmd))")
    .message("ports must not name a port of cluster.ports, which the operator knows already: remove it, or move one of them"))]
#[x_kube(validation = Rule::new("self.cluster.distribution == 'Disabled' || self.cluster.host != 'PodFQDN' || self.workload.kind == 'StatefulSet'")
    .message("cluster.host PodFQDN needs workload.kind StatefulSet, whose pods have names in DNS: set it, or use host PodIP"))]
#[x_kube(validation = Rule::new("!(self.rollout.strategy in ['BlueGreen', 'Canary']) || self.workload.kind == 'Deployment'")
    .message("rollout.strategy BlueGreen and Canary need workload.kind Deployment: use RollingUpdate or Recreate with a StatefulSet"))]
#[x_kube(validation = Rule::new("self.cluster.distribution == 'Disabled' || self.cluster.scope != 'Revision' || self.workload.kind != 'StatefulSet'")
    .message("cluster.scope Revision needs workload.kind Deployment: set it, or use scope Cluster"))]
#[x_kube(validation = Rule::new("!has(self.shutdown.leave) || self.rollout.strategy == 'RollingUpdate' || self.rollout.strategy == 'Recreate' && self.workload.kind == 'Deployment'")
    .message("shutdown.leave needs rollout.strategy RollingUpdate, or Recreate with workload.kind Deployment: the others take nodes away with every rollout"))]
pub struct ElixirReleaseSpec {
    /// The container image that holds the release.
    #[schemars(length(min = 1))]
    pub image: String,

    /// When the kubelet pulls the image. Default: IfNotPresent.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,

    /// Secrets to pull the image with. Default: those of the ServiceAccount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub image_pull_secrets: Vec<PullSecret>,

    /// Number of nodes. Autoscalers write it through the scale subresource; leave it out of what you apply when you use
    /// one. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0))]
    pub replicas: i32,

    /// A HorizontalPodAutoscaler on this release. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,

    /// Stops the operator from writing anything but status. What runs keeps running. Default: false.
    #[serde(default)]
    pub paused: bool,

    /// The release inside the image.
    #[serde(default)]
    pub release: Release,

    /// The ports that the release listens on, apart from those of the distribution protocol. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["containerPort".into(), "protocol".into()]))]
    pub ports: Vec<Port>,

    /// Environment variables. $(VAR) refers to the operator's own facts (POD_IP, POD_NAME, POD_NAMESPACE, BEAM_NODE,
    /// BEAM_BASENAME, BEAM_COOKIE, BEAM_CLUSTER_DNS, BEAM_CLUSTER_SERVICE, BEAM_REVISION, BEAM_SEED_NODE and, with TLS,
    /// BEAM_TLS_CERT_FILE, BEAM_TLS_KEY_FILE, BEAM_TLS_CA_FILE, BEAM_TLS_OPTIONS_FILE) and to earlier entries. An entry that
    /// has the name of one of the operator's replaces it; ERL_AFLAGS, ERL_FLAGS and ERL_ZFLAGS are joined.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<EnvVar>,

    /// ConfigMaps and Secrets whose keys become environment variables. They win over what the operator sets.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_from: Vec<EnvFromSource>,

    /// CPU and memory of the container. Default: no request and no limit, unless the namespace has a LimitRange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// The probes of the container.
    #[serde(default)]
    pub probes: Probes,

    /// Volumes of the pod. Default: none but the operator's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub volumes: Vec<Volume>,

    /// Where the container mounts them. Default: nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["mountPath".into()]))]
    pub volume_mounts: Vec<VolumeMount>,

    /// ServiceAccount of the pods. It is used as it is, and the Role that discovery Kubernetes needs is bound to it.
    /// Default: one is made when discovery needs API access, else "default" without a mounted token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,

    /// A PodTemplateSpec merged over the operator's the way kubectl merges: containers by name, where "release" is the
    /// release's. For init containers, sidecars, affinity, tolerations, security contexts and all else. It has the last
    /// word over every field above, but not over the labels that select the pods. Default: nothing to merge.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub pod_template: Verbatim,

    /// The object that runs the pods.
    #[serde(default)]
    pub workload: Workload,

    /// The Service that carries traffic, named like the release. Default: ClusterIP on every declared port, if there is
    /// one.
    #[serde(default)]
    pub service: TrafficService,

    /// How the nodes find, trust and reach each other.
    #[serde(default)]
    pub cluster: Cluster,

    /// How a new revision replaces the old one.
    #[serde(default)]
    pub rollout: Rollout,

    /// Jobs that are run once for each revision, in their order: those Before it, then those After it. A Job inherits image,
    /// environment, volumes (but no claims), ServiceAccount and all of the pod from the release, but its other containers; it
    /// is no node of the cluster. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub migrations: Vec<Migration>,

    /// How a node stops.
    #[serde(default)]
    pub shutdown: Shutdown,

    /// How many nodes an eviction may take at a time.
    #[serde(default)]
    pub disruption_budget: DisruptionBudget,

    /// Who may reach the nodes. Open: EPMD, distribution and extra ports for members and the operator only, every other
    /// port for all. PeersOnly: members and operator only, for you to add policies to. Disabled: no NetworkPolicy.
    /// Default: Open.
    #[serde(default)]
    pub network_policy: NetworkPolicyMode,

    /// Flags of the virtual machine.
    #[serde(default)]
    pub vm: Vm,
}

/// A Secret to pull images with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct PullSecret {
    /// Name of the Secret.
    pub name: String,
}

impl From<&PullSecret> for LocalObjectReference {
    fn from(secret: &PullSecret) -> Self {
        Self { name: secret.name.clone() }
    }
}

fn one() -> i32 {
    1
}
