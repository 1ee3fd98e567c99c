//! What is installed: charts, plain manifests, alerts and dashboard, and the bundle and the catalog for OLM.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Release;
use super::tree::Tree;
use crate::checkout::root;
use crate::image::{Recipe, layouts};
use crate::{chart, command, tools};

/// Files that are published as they stand in the checkout, but for the images that they name.
const FILES: [(&str, &str); 5] = [
    ("deploy/manifests/install.yaml", "install.yaml"),
    ("crds/elixirreleases.beam-operator.io.yaml", "elixirreleases.beam-operator.io.yaml"),
    ("deploy/monitoring/dashboard.json", "dashboard.json"),
    ("deploy/monitoring/rules.yaml", "rules.yaml"),
    ("deploy/olm/catalog/beam-operator/catalog.yaml", "catalog.yaml"),
];

const BUNDLE: &str = "deploy/olm/bundle";
const BUNDLE_RECIPE: &str = "deploy/olm/bundle.Dockerfile";

/// Writes [`FILES`].
pub(super) fn files(release: &Release) -> Result<()> {
    for (path, name) in FILES {
        let text = fs::read_to_string(root().join(path)).with_context(|| format!("failed to read {path}"))?;
        release.write(name, release.addresses.published(&text).as_bytes())?;
    }
    Ok(())
}

/// Writes the packages of both charts, as Helm makes them but for the times of its files.
pub(super) fn charts(release: &Release) -> Result<()> {
    let scratch = super::scratch("charts")?;
    for chart in [&chart::OPERATOR, &chart::RELEASE] {
        let mut helm = Command::new(tools::HELM.path()?);
        helm.current_dir(root()).args(["package", chart.directory(), "--destination"]);
        command::run(helm.arg(&scratch))?;
    }
    for name in super::files(&scratch)? {
        let package = fs::read(scratch.join(&name))?;
        let package = Tree::from_tar_gz(&package)?.with_texts(|text| release.addresses.published(text));
        release.write(&name, &package.tar_gz(release.time)?)?;
    }
    Ok(())
}

/// Writes the bundle as an archive and as an image.
pub(super) fn bundle(release: &Release) -> Result<()> {
    let (version, time) = (&release.version, release.time);
    let tree = Tree::read(&root().join(BUNDLE))?.with_texts(|text| release.addresses.published(text));
    release.write(&format!("beam-operator-bundle_{version}.tar.gz"), &tree.tar_gz(time)?)?;
    let scratch = super::scratch("bundle")?;
    tree.write(&scratch.join("bundle"))?;
    let recipe = Recipe { dockerfile: &root().join(BUNDLE_RECIPE), context: &scratch, stage: None };
    let reference = release.addresses.bundle_image(version);
    layouts::files(&recipe, &reference, time, &scratch, "image")?;
    image(release, &scratch.join("image"), &format!("beam-operator-bundle_{version}.oci.tar"))
}

/// Writes the operator's image for each architecture, and the index of all with all of them.
pub(super) fn operator(release: &Release, binaries: &[(super::Architecture, PathBuf)]) -> Result<()> {
    let scratch = super::scratch("images")?;
    let version = &release.version;
    layouts::operator(binaries, &release.addresses.image(version), release.time, &scratch)?;
    for (architecture, _) in binaries {
        let name = super::file_name("beam-operator", version, *architecture, ".oci.tar");
        image(release, &scratch.join(architecture.name()), &name)?;
    }
    image(release, &scratch.join("index"), &format!("beam-operator_{version}.oci.tar"))
}

/// An image's layout as an archive. buildah writes such itself, but with the times of the run.
fn image(release: &Release, layout: &Path, name: &str) -> Result<()> {
    release.write(name, &Tree::read(layout)?.tar(release.time)?)
}
