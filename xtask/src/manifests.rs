//! `cargo xtask manifests`: every Kubernetes object that the project ships is checked against its schema, offline.
//!
//! kubeconform compares them with the schemas of the Kubernetes release that the local cluster runs, and ElixirReleases
//! with the committed CRD. The check is strict: a field that the schema does not know fails it, as does a kind without a
//! schema. What only an API server can tell (CEL rules, references) is left to the tests that have one.

mod schemas;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::checkout::root;
use crate::{chart, command, gateway, tools};

/// Sets of values under which the chart writes every template and every branch of one.
const VALUES: &[&[&str]] = &[
    &[],
    &[
        r#"watchNamespaces=["store","blog"]"#,
        "replicas=2",
        "rbac.httpRoutes=true",
        r#"imagePullSecrets=[{"name":"regcred"}]"#,
        r#"serviceAccount.annotations={"a":"b"}"#,
        r#"metrics.service.annotations={"a":"b"}"#,
        r#"podLabels={"a":"b"}"#,
        r#"podAnnotations={"a":"b"}"#,
        r#"nodeSelector={"kubernetes.io/arch":"amd64"}"#,
        r#"tolerations=[{"key":"a","operator":"Exists"}]"#,
        r#"affinity={"nodeAffinity":{}}"#,
        r#"priorityClassName="system-cluster-critical""#,
    ],
    &[
        r#"image.digest="sha256:0000000000000000000000000000000000000000000000000000000000000000""#,
        "replicas=2",
        r#"topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"a","whenUnsatisfiable":"DoNotSchedule"}]"#,
        "serviceAccount.create=false",
        "rbac.create=false",
        "rbac.aggregateToUserRoles=false",
        "crds.install=false",
        "metrics.service.enabled=false",
        "podDisruptionBudget.enabled=false",
    ],
];

/// Checks the chart, what it renders, the CRD, the manifests and the examples.
pub(crate) fn run() -> Result<()> {
    chart::lint()?;
    let scratch = root().join("target/manifests");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    schemas::write(&scratch, &root().join("crds"))?;
    // An example has a route.
    schemas::write_definition(&scratch, &gateway::http_routes()?)?;
    let mut files = render(&scratch)?;
    for directory in ["crds", "deploy/manifests", "examples"] {
        files.extend(yaml_files(&root().join(directory))?);
    }
    conform(&scratch, &files)
}

/// Writes the chart's objects under each set of values to a file.
fn render(scratch: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (number, values) in VALUES.iter().enumerate() {
        let rendering = chart::Rendering::new("beam-operator", "beam-operator");
        let rendering = values.iter().fold(rendering, |rendering, value| rendering.set(*value));
        let file = scratch.join(format!("chart-{number}.yaml"));
        fs::write(&file, rendering.yaml()?)?;
        files.push(file);
    }
    Ok(files)
}

/// The YAML files right in a directory, of which there has to be one: a check of nothing would pass.
fn yaml_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| format!("failed to list {}", directory.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    if files.is_empty() {
        bail!("there is no YAML file in {}", directory.display());
    }
    Ok(files)
}

fn conform(schemas: &Path, files: &[PathBuf]) -> Result<()> {
    let mut kubeconform = Command::new(tools::KUBECONFORM.path()?);
    kubeconform.args(["-strict", "-summary", "-schema-location"]).arg(schemas.join(schemas::FILE_NAME));
    command::run(kubeconform.args(files))
}

#[cfg(test)]
mod tests;
