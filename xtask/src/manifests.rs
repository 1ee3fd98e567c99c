//! `cargo xtask manifests`: every Kubernetes object that the project ships is checked against its schema, offline.
//!
//! kubeconform compares them with the schemas of the Kubernetes release that the local cluster runs, of Prometheus Operator,
//! and ElixirReleases with the committed CRD. The check is strict: a field that the schema does not know fails it, as does a kind without a
//! schema. The bundle and the catalog for OLM are checked by the validators of its own project. What only an API server can tell (CEL rules, references) is left to the tests that have one.

mod olm;
mod schemas;
mod score;
mod sets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::checkout::root;
use crate::{chart, command, gateway, tools};

pub(crate) use olm::{bundle, catalog, whole_bundle};
pub(crate) use schemas::make_strict;
use sets::SETS;

/// Checks the charts, what they render, the CRD, the manifests and the examples.
pub(crate) fn run() -> Result<()> {
    let releases = yaml_files(&root().join("deploy/helm/beam-release/ci"))?;
    chart::OPERATOR.lint(&[])?;
    for values in &releases {
        chart::RELEASE.lint(std::slice::from_ref(values))?;
    }
    let scratch = root().join("target/manifests");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    schemas::write(&scratch, &root().join("crds"))?;
    // An example has a route.
    schemas::write_definition(&scratch, &gateway::http_routes()?)?;
    let mut files = Vec::new();
    for set in SETS {
        let file = scratch.join(format!("operator-{}.yaml", set.name));
        fs::write(&file, set.rendering().yaml()?)?;
        score::run(&file, set.without)?;
        files.push(file);
    }
    for values in &releases {
        let file = scratch.join(format!("release-{}", values.file_name().unwrap_or_default().to_string_lossy()));
        fs::write(&file, chart::Rendering::new("shop", "store").of(&chart::RELEASE).values(values).yaml()?)?;
        files.push(file);
    }
    for directory in ["crds", "deploy/manifests", "examples"] {
        files.extend(yaml_files(&root().join(directory))?);
    }
    files.extend(olm::objects(&root().join(olm::BUNDLE))?);
    conform(&scratch, &files)?;
    olm::bundle(&root().join(olm::BUNDLE))?;
    olm::catalog(&root().join("deploy/olm/catalog"))
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
