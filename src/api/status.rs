//! `status`: what the operator saw.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator saw last. It holds nothing that moves by itself, so that a release at rest is not written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElixirReleaseStatus {
    /// The metadata.generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Number of pods.
    #[serde(default)]
    pub replicas: i32,

    /// Number of ready pods.
    #[serde(default)]
    pub ready_replicas: i32,

    /// Number of pods of the target revision.
    #[serde(default)]
    pub updated_replicas: i32,

    /// Number of pods whose nodes are connected to every other node of the cluster; absent where nobody looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clustered_replicas: Option<i32>,

    /// Ready and wanted pods as people read them, such as 3/3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,

    /// The BEAM cluster that the release is in; absent for lone nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterStatus>,

    /// The nodes of this release as they were seen, the ones in trouble first; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["pod".into()]))]
    pub nodes: Vec<NodeStatus>,

    /// How many nodes more there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes_omitted: Option<i32>,

    /// Label selector of the pods, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,

    /// The revision that last ran completely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_revision: Option<String>,

    /// The revision that the pods are moving to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_revision: Option<String>,

    /// How far the move to the target revision has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,

    /// What was asked for by annotation, and what became of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["annotation".into()]))]
    pub requests: Vec<RequestStatus>,

    /// Ready, Progressing, Degraded, Clustered (not for lone nodes), ConfigurationValid and, with migrations, Migrated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl ElixirReleaseStatus {
    /// The condition of this type, if there is one.
    #[must_use]
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }
}

/// The BEAM cluster that a release is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// Its name.
    pub name: String,

    /// Number of nodes seen in it, those of its other releases included; absent while nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<i32>,

    /// Number of groups into which they (with cluster.scope Revision, those of one revision) fall: 1 in a whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<i32>,

    /// When this picture last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,
}

/// A node as it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Its pod.
    pub pod: String,

    /// What it calls itself; absent while it has not been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,

    /// What it should call itself; absent where the image decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_node: Option<String>,

    /// The revision that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,

    /// Number of members of its cluster that it is connected to.
    pub connected: i32,

    /// Number of members that it should be connected to.
    pub expected: i32,

    /// Its OTP release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otp_release: Option<String>,

    /// When its virtual machine was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,

    /// What it is up to.
    pub state: NodeState,
}

/// What a node is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum NodeState {
    /// It is not connected to all members any more.
    Partitioned,
    /// It has another cookie than the operator.
    CookieMismatch,
    /// It calls itself something else than it should.
    NameMismatch,
    /// It is not distributed.
    NotDistributed,
    /// The operator cannot ask it.
    Unreachable,
    /// It has not met all members yet.
    Joining,
    /// It is connected to every member.
    Clustered,
}

/// Something that was asked for by an annotation of the release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestStatus {
    /// The annotation.
    pub annotation: String,

    /// Its value. Another value asks again.
    pub value: String,

    /// Done or Refused.
    pub outcome: RequestOutcome,

    /// What was done, or why not.
    pub message: String,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RequestOutcome {
    /// It was done.
    Done,
    /// It was not, because it makes no sense as things are.
    Refused,
}

/// How far the move to the target revision has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// Progressing, Complete, Failed (no progress within the deadline), RolledBack, Waiting or Paused.
    pub phase: RolloutPhase,

    /// Canary: the number of steps that are done, while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,

    /// What is being waited for, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// The phase of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RolloutPhase {
    /// Pods are being replaced or started.
    Progressing,
    /// Every pod runs the target revision and is available.
    Complete,
    /// No progress within the deadline.
    Failed,
    /// The revision that the spec asks for was rejected, and every pod runs an earlier one.
    RolledBack,
    /// It waits for other releases, a migration or a promotion.
    Waiting,
    /// `spec.paused` or the annotation beam-operator.io/pause holds it.
    Paused,
}
