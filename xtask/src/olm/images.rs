//! The images that an installation by OLM takes, on the nodes of a cluster: OLM itself, and the bundle and the catalog of two
//! versions of the operator.
//!
//! OLM asks a registry for every image that is named by its tag. There is none, so all of them are named by their digests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::VERSION;
use super::earlier::{self, EARLIER};
use crate::checkout::root;
use crate::cluster::{self, Manifest};
use crate::image::{self, Recipe};
use crate::{command, progress, tools};

/// Where the bundle, the catalog and their recipes are.
const SOURCE: &str = "deploy/olm";
/// Where OLM looks for what it runs.
const PROGRAMS: [&tools::Tool; 6] = [
    &tools::OLM,
    &tools::OLM_CATALOG,
    &tools::OLM_COPY_CONTENT,
    &tools::OLM_CPB,
    &tools::OPM,
    &tools::GRPC_HEALTH_PROBE,
];

/// Images by their digests.
pub(crate) struct Images {
    /// OLM's operators, and all that they run in pods of their own.
    pub(super) manager: String,
    /// Catalogs by the version of the operator that they offer.
    pub(super) catalogs: BTreeMap<&'static str, String>,
}

/// Builds the images that have changed, and puts all of them on the nodes of a cluster.
pub(super) fn provide(cluster: &str) -> Result<Images> {
    let stages = Stages::new()?;
    let load = |name: &str, archive: &Path| -> Result<String> {
        let what = format!("importing {name} into the nodes of cluster {cluster}");
        progress::step(&what, "", || cluster::load_image(cluster, archive)).map(|it: Manifest| it.by_digest())
    };
    let manager = load("OLM", &image::of_programs("localhost/olm:1", &PROGRAMS)?)?;
    let mut catalogs = BTreeMap::new();
    for version in [EARLIER, VERSION] {
        let source = stages.source(version)?;
        let recipe = Recipe { dockerfile: &source.join("bundle.Dockerfile"), context: &source, stage: None };
        let reference = format!("localhost/beam-operator-bundle:{version}");
        let bundle = load(&reference, &image::by_recipe(&reference, &recipe, &[&source.join("bundle")])?)?;
        let stage = stages.catalog(&source, version, &bundle)?;
        let dockerfile = source.join("catalog.Dockerfile");
        let recipe = Recipe { dockerfile: &dockerfile, context: &source, stage: Some(("cache", &stage)) };
        let reference = format!("localhost/beam-operator-catalog:{version}");
        let catalog = load(&reference, &image::by_recipe(&reference, &recipe, &[&stage.join("configs")])?)?;
        catalogs.insert(version, catalog);
    }
    Ok(Images { manager, catalogs })
}

/// Where files are made ready to become images. It is gone with this.
struct Stages(PathBuf);

impl Stages {
    fn new() -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("beam-operator-olm-images-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        Ok(Self(directory))
    }

    /// `deploy/olm` of a version.
    fn source(&self, version: &str) -> Result<PathBuf> {
        let to = self.0.join(version);
        let operator = image::operator_reference();
        copy(&root().join(SOURCE), &to, &|text| match version {
            EARLIER => earlier::file(&text, &operator),
            _ => Ok(text),
        })?;
        Ok(to)
    }

    /// What the first stage of the catalog's recipe makes: the catalog, with the bundle by its digest, and opm's cache of it.
    fn catalog(&self, source: &Path, version: &str, bundle: &str) -> Result<PathBuf> {
        let stage = self.0.join(format!("{version}-catalog"));
        let tag = format!("{}:{version}", bundle.split('@').next().unwrap_or_default());
        let configs = stage.join("configs");
        copy(&source.join("catalog"), &configs, &|text| Ok(text.replace(&tag, bundle)))?;
        let mut opm = Command::new(tools::OPM.path()?);
        opm.arg("serve").arg(&configs).arg("--cache-only").arg("--cache-dir").arg(stage.join("tmp/cache"));
        command::output(&mut opm)?;
        // The pod of the catalog has a user of its own.
        command::output(Command::new("chmod").args(["--recursive", "a+rX"]).arg(&stage))?;
        Ok(stage)
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a directory of text, each file with a change.
fn copy(from: &Path, to: &Path, change: &dyn Fn(String) -> Result<String>) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("failed to list {}", from.display()))? {
        let from = entry?.path();
        let to = to.join(from.file_name().context("a file without a name")?);
        if from.is_dir() {
            copy(&from, &to, change)?;
        } else {
            let text = fs::read_to_string(&from).with_context(|| format!("failed to read {}", from.display()))?;
            fs::write(to, change(text)?)?;
        }
    }
    Ok(())
}
