//! `spec.migrations`: what is run once for each revision.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Verbatim;

/// A Job that is run once for each revision, with the environment of the release but outside of its cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.eval) != has(self.command)")
    .message("a migration takes either eval or command: give one of them"))]
#[x_kube(validation = Rule::new("!has(self.args) || has(self.command)")
    .message("args of a migration are those of its command: give the command, or remove them"))]
pub struct Migration {
    /// Its name.
    #[schemars(length(min = 1, max = 20), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,

    /// Before: before any pod of the revision, and a failure keeps it from being rolled out. After: once the revision runs
    /// completely. Default: Before.
    #[serde(default)]
    pub when: When,

    /// An expression that `bin/<release.name> eval` evaluates, such as "Shop.Release.migrate()". Default: none, command
    /// counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub eval: Option<String>,

    /// A command. Default: none, eval counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub command: Option<Vec<String>>,

    /// Arguments of the command. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,

    /// Its image. Default: that of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub image: Option<String>,

    /// EnvVars as in a container, which replace those of the release that have their names. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<Verbatim>,

    /// EnvFromSources as in a container, in addition to those of the release. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_from: Vec<Verbatim>,

    /// Its ServiceAccount. Default: that of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub service_account_name: Option<String>,

    /// A PodTemplateSpec merged over its pod, whose container is called "migration". Default: nothing to merge.
    #[serde(default, skip_serializing_if = "Verbatim::is_empty")]
    pub pod_template: Verbatim,

    /// How often its pod is made anew when it fails. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub backoff_limit: i32,

    /// Seconds after which it has failed. Default: 600.
    #[serde(default = "six_hundred")]
    #[schemars(range(min = 1))]
    pub active_deadline_seconds: i64,
}

/// When a migration is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum When {
    /// Before any pod of the revision.
    #[default]
    Before,
    /// Once the revision runs completely.
    After,
}

fn six_hundred() -> i64 {
    600
}
