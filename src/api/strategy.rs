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
#[x_kube(validation = Rule::new("has(self.httpRoute) || !self.steps.exists(step, has(step.weight))")
    .message("a step with weight needs rollout.canary.httpRoute: name the HTTPRoute whose traffic is split, or say replicas"))]
pub struct Canary {
    /// How many nodes run the new revision and how much traffic they get, one step after the other. After the last step all
    /// nodes run it and get all.
    #[schemars(length(min = 1, max = 16))]
    pub steps: Vec<CanaryStep>,

    /// The HTTPRoute (gateway.networking.k8s.io/v1) of this namespace whose traffic is split by weight, in every rule with a
    /// backendRef to the release's traffic Service. The operator adds one to the Service `<name>-preview` beside it, sets the
    /// weights of the two and takes its own out in the end; it changes nothing else of the route. The traffic Service leads to
    /// the old revision meanwhile. Default: none; traffic goes to all nodes alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_route: Option<RouteReference>,
}

/// A route of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A step of a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.replicas) || has(self.weight)")
    .message("a step needs replicas, or weight with rollout.canary.httpRoute: say how many nodes run the new revision"))]
pub struct CanaryStep {
    /// New nodes among `replicas` of the release, as a number or percentage, rounded up. Default: the percentage that is the
    /// weight, and one at least.
    // No rule: what it could cost in a list is more than an API server grants. The first holds for a number, the second for a
    // text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 1, "pattern" = "^([1-9][0-9]?|100)%$"))]
    pub replicas: Option<IntOrString>,

    /// Percentage of the traffic of `httpRoute` that goes to the new nodes. Default: with httpRoute, the share of the nodes that
    /// they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub weight: Option<i32>,

    /// Seconds until the next step, once so many run and are available. Default: until somebody asks for it by the
    /// annotation beam-operator.io/promote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub pause_seconds: Option<i32>,
}

fn thirty() -> i32 {
    30
}
