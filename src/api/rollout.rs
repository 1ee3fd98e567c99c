//! `spec.rollout`: how a new revision replaces the old one.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlueGreen, Canary, Strategy};

/// How a new revision replaces the old one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(self.strategy in ['RollingUpdate', 'Canary']) || !(string(self.maxSurge) in ['0', '0%'] && string(self.maxUnavailable) in ['0', '0%'])")
    .message("rollout.maxSurge and rollout.maxUnavailable must not both be 0: no pod could ever be replaced; set one of them to 1"))]
#[x_kube(validation = Rule::new("self.progressDeadlineSeconds > self.minReadySeconds")
    .message("rollout.progressDeadlineSeconds must be above rollout.minReadySeconds: raise the deadline"))]
#[x_kube(validation = Rule::new("self.strategy != 'Canary' || has(self.canary)")
    .message("rollout.strategy Canary needs rollout.canary.steps: say how many nodes run the new revision at each"))]
#[x_kube(validation = Rule::new("!(self.strategy == 'Canary' && has(self.canary) && has(self.canary.httpRoute)) || !(string(self.maxSurge) in ['0', '0%'])")
    .message("rollout.canary.httpRoute needs rollout.maxSurge above 0: there have to be nodes on both sides before traffic is split; set it to 1"))]
pub struct Rollout {
    /// RollingUpdate replaces nodes a few at a time; Recreate stops all nodes of the old revision before it starts the
    /// first of the new one; BlueGreen starts all of the new one before traffic is switched to them; Canary replaces them in
    /// steps. Default: RollingUpdate.
    #[serde(default)]
    pub strategy: Strategy,

    /// RollingUpdate: how many nodes may run above `replicas`, as a number or percentage; not with a StatefulSet, whose
    /// pods are replaced in place. Default: 1.
    #[serde(default = "one")]
    // In the rules, `string(self) == self` asks whether a number or a text was written.
    #[x_kube(validation = Rule::new("string(self) == self ? self.matches('^(0|[1-9][0-9]{0,8})%$') : self >= 0")
        .message("must be a number that is not negative or a percentage such as \"25%\""))]
    pub max_surge: IntOrString,

    /// RollingUpdate: how many nodes may be missing from `replicas`, as a number or percentage. With a StatefulSet 0 means
    /// 1, and more than one takes Kubernetes' feature gate MaxUnavailableStatefulSet: without it, one node is replaced at a
    /// time. Default: 0.
    #[serde(default = "zero")]
    #[x_kube(validation = Rule::new("string(self) == self ? self.matches('^([0-9]|[1-9][0-9]|100)%$') : self >= 0")
        .message("must be a number that is not negative or a percentage from \"0%\" to \"100%\""))]
    pub max_unavailable: IntOrString,

    /// Seconds that a new pod must stay ready before it counts as available. Default: 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 0))]
    pub min_ready_seconds: i32,

    /// Seconds without progress after which a rollout is reported as failed. Default: 600.
    #[serde(default = "six_hundred")]
    #[schemars(range(min = 1))]
    pub progress_deadline_seconds: i32,

    /// What happens to a new revision that fails: that makes no progress within progressDeadlineSeconds, whose nodes do not
    /// meet their cluster by then although those before them had, or before that whose nodes end again and again while those
    /// of the earlier revision do not. Rollback: the last revision that ran completely
    /// runs again; the spec stays as it is, and the new one is not tried again until the spec changes or somebody asks for it.
    /// Hold: the rollout stays where it is, and the nodes of the earlier revision go on serving. Default: Rollback.
    #[serde(default)]
    pub on_failure: OnFailure,

    /// Names of releases of this namespace that have to run completely what their specs ask for before a rollout of this one
    /// starts, its first included: an API before the indexer that calls it, for instance. A rollout that has started goes on.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub after: Vec<String>,

    /// What belongs to the strategy BlueGreen. Default: the defaults of its fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_green: Option<BlueGreen>,

    /// What belongs to the strategy Canary, which needs it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,

    /// How many old revisions are kept as ControllerRevisions. Default: 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 0))]
    pub revision_history_limit: i32,

    /// Whether the content of the ConfigMaps and Secrets that the pods read (env, envFrom, volumes) is part of the
    /// revision, so that the nodes restart in order when it changes. An object annotated with
    /// beam-operator.io/restart: "false" is left out. Default: true.
    #[serde(default = "yes")]
    pub restart_on_config_change: bool,
}

impl Rollout {
    /// The name of the HTTPRoute whose traffic a canary splits, if it does.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        let canary = self.canary.as_ref().filter(|_| self.strategy == Strategy::Canary)?;
        canary.http_route.as_ref().map(|route| route.name.as_str())
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            max_surge: one(),
            max_unavailable: zero(),
            min_ready_seconds: ten(),
            progress_deadline_seconds: six_hundred(),
            on_failure: OnFailure::default(),
            after: Vec::new(),
            blue_green: None,
            canary: None,
            revision_history_limit: ten(),
            restart_on_config_change: yes(),
        }
    }
}

/// What happens to a new revision that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnFailure {
    /// The last one that ran completely runs again.
    #[default]
    Rollback,
    /// It stays where it is.
    Hold,
}

fn one() -> IntOrString {
    IntOrString::Int(1)
}

fn zero() -> IntOrString {
    IntOrString::Int(0)
}

fn ten() -> i32 {
    10
}

fn six_hundred() -> i32 {
    600
}

fn yes() -> bool {
    true
}
