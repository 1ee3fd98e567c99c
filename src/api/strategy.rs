//! `spec.rollout.strategy` and what belongs to one strategy only.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The order in which old nodes stop and new ones start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Strategy {
    /// A few at a time.
    #[default]
    RollingUpdate,
    /// All old ones first.
    Recreate,
    /// All new ones first, beside the old ones.
    BlueGreen,
    /// In steps.
    Canary,
}

impl Strategy {
    /// The value as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RollingUpdate => "RollingUpdate",
            Self::Recreate => "Recreate",
            Self::BlueGreen => "BlueGreen",
            Self::Canary => "Canary",
        }
    }

    /// Whether each revision has a Deployment of its own.
    #[must_use]
    pub fn is_split(self) -> bool {
        matches!(self, Self::BlueGreen | Self::Canary)
    }
}

/// What belongs to the strategy BlueGreen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlueGreen {
    /// When the traffic Service is switched. Automatic: once all new nodes are available. Manual: once that is so and
    /// somebody asks for it by the annotation beam-operator.io/promote. Default: Automatic.
    #[serde(default)]
    pub promotion: Promotion,

    /// Seconds that the nodes of the earlier revision stay after the switch, so that going back is quick. Default: 30.
    #[serde(default = "thirty")]
    #[schemars(range(min = 0))]
    pub scale_down_delay_seconds: i32,
}

impl Default for BlueGreen {
    fn default() -> Self {
        Self { promotion: Promotion::default(), scale_down_delay_seconds: thirty() }
    }
}

/// Who decides that a revision has proved itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Promotion {
    /// The operator.
    #[default]
    Automatic,
    /// A person.
    Manual,
}

/// What belongs to the strategy Canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Canary {
    /// How many nodes run the new revision, one step after the other. After the last step all do.
    #[schemars(length(min = 1, max = 32))]
    pub steps: Vec<CanaryStep>,
}

/// A step of a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryStep {
    /// New nodes among `replicas`, as a number or percentage, rounded up.
    #[x_kube(validation = Rule::new("string(self) == self ? self.matches('^([1-9][0-9]?|100)%$') : self >= 1")
        .message("must be a number from 1 or a percentage from \"1%\" to \"100%\""))]
    pub replicas: IntOrString,

    /// Seconds until the next step, once so many run and are available. Default: until somebody asks for it by the
    /// annotation beam-operator.io/promote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub pause_seconds: Option<i32>,
}

fn thirty() -> i32 {
    30
}
