//! `spec.shutdown`, `spec.disruptionBudget`, `spec.networkPolicy` and `spec.vm`.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// How a node stops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.delaySeconds < self.gracePeriodSeconds")
    .message("shutdown.delaySeconds must be below shutdown.gracePeriodSeconds: the delay is part of the grace period, raise the latter"))]
#[x_kube(validation = Rule::new("!has(self.drain) || self.delaySeconds + self.drain.timeoutSeconds < self.gracePeriodSeconds")
    .message("shutdown.delaySeconds and shutdown.drain.timeoutSeconds together must be below shutdown.gracePeriodSeconds: raise the latter, or the node is killed while it drains"))]
pub struct Shutdown {
    /// Seconds between the request to stop and SIGKILL. Default: 60, because Phoenix and Oban drain one after the other.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1))]
    pub grace_period_seconds: i64,

    /// Seconds that a node keeps serving after it was asked to stop, so that Services stop sending first. Not used
    /// without a traffic Service. Default: 5.
    #[serde(default = "five")]
    #[schemars(range(min = 0))]
    pub delay_seconds: i64,

    /// What is run in the pod before its node is told to stop, after the delay: hand over work, leave rings, finish jobs. The
    /// kubelet runs it, so it works without the operator. A drain that fails or takes too long does not keep the node from
    /// stopping; Kubernetes tells it in an event of the pod (FailedPreStopHook). The image needs `sh`. Default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,

    /// What is run in the pod of a node that a scale-down takes away for good, before it goes: give up its share of what the
    /// cluster holds, be forgotten by the others. The operator runs it, on one node after the other: those that are not ready
    /// first, then the youngest, and of a StatefulSet the highest ordinals. The scale-down waits until it ends with exit code
    /// 0. After any other end it is run again, with pauses from 10 seconds to 5 minutes, so it must not mind being run twice.
    /// A scale-down to 0 nodes stops the cluster as a whole and asks none of them. The image needs `sh`, and the operator
    /// the right to run commands in pods, which its chart gives with rbac.execIntoPods. Default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave: Option<Leave>,
}

/// What is run before a node is told to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.rpc) != has(self.exec)")
    .message("shutdown.drain takes either rpc or exec: give one of them"))]
pub struct Drain {
    /// An expression that the node itself evaluates, such as "Shop.Drain.run()". It is run by `bin/<release.name> rpc` of Mix
    /// and Distillery, and by `eval` of relx, where it is Erlang and ends with a full stop. It needs the distribution.
    /// Default: none, exec counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub rpc: Option<String>,

    /// A command in the release's container. Default: none, rpc counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub exec: Option<Vec<String>>,

    /// Seconds after which it is killed. Default: 30.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: i64,
}

/// What is run before a node is taken away for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.rpc) != has(self.exec)")
    .message("shutdown.leave takes either rpc or exec: give one of them"))]
pub struct Leave {
    /// An expression that the node itself evaluates, as with shutdown.drain. One that raises has failed. Default: none, exec
    /// counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub rpc: Option<String>,

    /// A command in the release's container. Default: none, rpc counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub exec: Option<Vec<String>>,

    /// Seconds after which one run is killed and counts as failed. Default: 300.
    #[serde(default = "three_hundred")]
    #[schemars(range(min = 1))]
    pub timeout_seconds: i64,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace_period_seconds: sixty(), delay_seconds: five(), drain: None, leave: None }
    }
}

fn sixty() -> i64 {
    60
}

fn thirty() -> i64 {
    30
}

fn three_hundred() -> i64 {
    300
}

fn five() -> i64 {
    5
}

/// How many nodes an eviction (a drained Kubernetes node, say) may take at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.maxUnavailable) && has(self.minAvailable))")
    .message("disruptionBudget takes maxUnavailable or minAvailable, not both: remove one"))]
pub struct DisruptionBudget {
    /// Enabled: a PodDisruptionBudget is made when the release can have more than one node. Disabled: none is made.
    /// Default: Enabled.
    #[serde(default)]
    pub mode: DisruptionBudgetMode,

    /// How many nodes may be missing, as a number or percentage. Default: 1, unless minAvailable is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("string(self) == self ? self.matches('^([0-9]|[1-9][0-9]|100)%$') : self >= 0")
        .message("must be a number that is not negative or a percentage from \"0%\" to \"100%\""))]
    pub max_unavailable: Option<IntOrString>,

    /// How many nodes must stay, as a number or percentage. Default: none, maxUnavailable counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("string(self) == self ? self.matches('^([0-9]|[1-9][0-9]|100)%$') : self >= 0")
        .message("must be a number that is not negative or a percentage from \"0%\" to \"100%\""))]
    pub min_available: Option<IntOrString>,
}

/// Whether a PodDisruptionBudget is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DisruptionBudgetMode {
    /// For more than one node.
    #[default]
    Enabled,
    /// Never.
    Disabled,
}

/// Who may reach the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPolicyMode {
    /// EPMD, distribution and extra ports for members and the operator, every other port for everybody.
    #[default]
    Open,
    /// Members and the operator only.
    PeersOnly,
    /// No NetworkPolicy.
    Disabled,
}

/// Flags of the virtual machine. They are added to ERL_ZFLAGS, so that they win over vm.args and lose to what the same
/// variable holds already.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vm {
    /// Number of scheduler threads: a number, "Auto" or "Default". "Auto" is the CPU limit of the container, else its
    /// request, rounded up; "Default" is the VM's own choice, as is "Auto" where neither is given. Default: "Auto", but
    /// nothing with release.tool None.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedulers: Option<Schedulers>,

    /// Whether idle schedulers spin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_wait: Option<BusyWait>,

    /// More emulator flags, appended, for instance "+P 2000000". Default: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub flags: String,
}

/// Whether idle schedulers spin. "None" lets them sleep when the container has a CPU limit, because spinning uses up the
/// quota; "Default" is the VM's own choice. Default: "None", but nothing with release.tool None.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BusyWait {
    /// They do not, under a CPU limit.
    None,
    /// As the VM decides.
    Default,
}

/// Number of scheduler threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Schedulers {
    /// A word.
    Policy(SchedulersPolicy),
    /// A number.
    Count(u16),
}

/// A number of schedulers that is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchedulersPolicy {
    /// From the container's CPU limit or request.
    Auto,
    /// The VM's own choice.
    Default,
}

impl JsonSchema for Schedulers {
    fn schema_name() -> Cow<'static, str> {
        "Schedulers".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "x-kubernetes-validations": [{
                "rule": "string(self) == self ? self in ['Auto', 'Default'] : self >= 1 && self <= 1024",
                "message": "vm.schedulers must be Auto, Default or a number from 1 to 1024"
            }],
        })
    }
}
