//! `cargo xtask codegen`: the files of the checkout that follow from others, and the check that they still do.
//!
//! The resource's types are the source of the CRD and, with it, of the values of the chart beam-release; the operator's
//! chart is the source of the plain manifests and of the bundle for OLM, and the comments of its `values.yaml` are the
//! source of its README; alerts and dashboard come from `deploy/monitoring`, what Artifact Hub shows from wherever it is
//! written already, and the version, wherever it is named, from Cargo.toml. What is generated is committed, so that it can
//! be read, diffed and applied without a toolchain; `--check` fails on any file that no longer follows from its source.

mod crd;
mod hub;
mod install;
mod olm;
mod region;
mod release;
mod values;
mod version;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::chart;
use crate::checkout::root;

/// A file and what it should contain.
struct Generated {
    path: &'static str,
    text: String,
}

/// Writes every generated file, or with `check` fails when one differs from what would be written.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = root();
    // The chart's own CRD comes first, because the chart is rendered for the manifests.
    let crd = crd::yaml()?;
    let mut stale = settle(
        root,
        check,
        &[
            Generated { path: "crds/elixirreleases.beam-operator.io.yaml", text: crd.clone() },
            Generated { path: "deploy/helm/beam-operator/templates/crd.yaml", text: crd::chart_template(&crd)? },
            Generated { path: chart::OPERATOR.readme(), text: values::readme(root)? },
            Generated { path: chart::OPERATOR.chart(), text: version::chart(&hub::chart(root, &crd)?)? },
            Generated { path: chart::RELEASE.chart(), text: version::chart(&read(root, chart::RELEASE.chart())?)? },
            page(root, "docs/development.md")?,
            page(root, "docs/install.md")?,
            page(root, "docs/plugin.md")?,
            page(root, "docs/releasing.md")?,
            copy(root, "deploy/monitoring/rules.yaml", "deploy/helm/beam-operator/files/rules.yaml")?,
            copy(root, "deploy/monitoring/dashboard.json", "deploy/helm/beam-operator/files/dashboard.json")?,
            Generated { path: chart::RELEASE.readme(), text: release::readme(root, &crd)? },
            Generated { path: "deploy/helm/beam-release/values.schema.json", text: release::schema(&crd)? },
        ],
    )?;
    let rendered = chart::Rendering::new("beam-operator", "beam-operator").set("crds.install=false").without_tests();
    let rendered = rendered.yaml()?;
    let install = install::yaml("beam-operator", &crd, &rendered);
    stale.extend(settle(root, check, &[Generated { path: "deploy/manifests/install.yaml", text: install }])?);
    stale.extend(settle(root, check, &olm::files(root, &crd)?)?);
    if stale.is_empty() {
        return Ok(());
    }
    bail!("run `cargo xtask codegen` and commit: {} no longer follows from its source", stale.join(", "))
}

/// A file that Helm finds only where it lies in the chart.
fn copy(root: &Path, from: &str, path: &'static str) -> Result<Generated> {
    Ok(Generated { path, text: read(root, from)? })
}

/// A page that people write, with the version of today.
fn page(root: &Path, path: &'static str) -> Result<Generated> {
    Ok(Generated { path, text: version::page(&read(root, path)?) })
}

fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("failed to read {path}"))
}

/// Writes what differs, or with `check` only returns its paths.
fn settle(root: &Path, check: bool, files: &[Generated]) -> Result<Vec<&'static str>> {
    let mut stale = Vec::new();
    for Generated { path, text } in files {
        let file = root.join(path);
        if fs::read_to_string(&file).is_ok_and(|found| found == *text) {
            continue;
        }
        if check {
            stale.push(*path);
            continue;
        }
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&file, text).with_context(|| format!("failed to write {}", file.display()))?;
        eprintln!("wrote {path}");
    }
    Ok(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_told_by_the_check_and_repaired_by_a_run() {
        let root = std::env::temp_dir().join(format!("beam-operator-codegen-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let files = || [Generated { path: "a.yaml", text: "new".to_owned() }];
        fs::write(root.join("a.yaml"), "old").unwrap();

        assert_eq!(settle(&root, true, &files()).unwrap(), ["a.yaml"]);
        assert_eq!(fs::read_to_string(root.join("a.yaml")).unwrap(), "old");
        assert!(settle(&root, false, &files()).unwrap().is_empty());
        assert!(settle(&root, true, &files()).unwrap().is_empty());

        fs::remove_dir_all(&root).unwrap();
    }
}
