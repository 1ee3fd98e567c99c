//! `spec.release`: how the release in the image was built and how it is started.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The release inside the image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The tool that built the release. It decides which well-known variables and VM flags the container gets: Mix sets
    /// RELEASE_NODE, RELEASE_COOKIE and their like; Distillery and Relx turn on substitution of variables in vm.args;
    /// None sets POD_* and BEAM_* only, and VM flags only where `vm` asks for them. Default: Mix.
    #[serde(default)]
    pub tool: ReleaseTool,

    /// Name of the release, which is that of its script: the operator calls `bin/<name>` in the working directory of the image
    /// (`shutdown.drain.rpc`, `migrations.eval`). Default: metadata.name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[A-Za-z0-9_][A-Za-z0-9_.-]*$"))]
    pub name: Option<String>,

    /// Command of the container. Default: the entrypoint of the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,

    /// Arguments of the container. Default: the CMD of the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// The tool that built the release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReleaseTool {
    /// `mix release`.
    #[default]
    Mix,
    /// Distillery.
    Distillery,
    /// relx, as used by rebar3.
    Relx,
    /// Something else: the operator hands over its facts and keeps out of the rest.
    None,
}
