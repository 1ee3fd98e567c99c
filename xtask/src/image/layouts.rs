//! The images of a release, each as a directory in the layout of OCI.
//!
//! All times in them are that of the commit, so that the same commit makes the same images.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::buildah::{Recipe, Store};
use super::{operator, prepare};
use crate::architecture::Architecture;

/// What a platform-independent image calls its platform: that of most nodes, because there has to be one.
const ANY: Architecture = Architecture::Amd64;

/// The operator's image around each binary as `out/NAME` of its architecture, and the index of all as `out/index`.
pub(crate) fn operator(binaries: &[(Architecture, PathBuf)], reference: &str, created: u64, out: &Path) -> Result<()> {
    let cache = prepare()?;
    let store = Store::of(&cache)?;
    let mut images = Vec::new();
    for (architecture, binary) in binaries {
        let image = format!("localhost/release-operator:{architecture}");
        operator::around(binary, &cache, &store, &options(*architecture, created), &image)?;
        store.push(&image, &layout(out, architecture.name(), reference))?;
        images.push(image);
    }
    store.push_index(&images, &layout(out, "index", reference))?;
    images.iter().try_for_each(|image| store.remove(image))
}

/// The image that a recipe makes of files only, as `out/NAME`.
pub(crate) fn files(recipe: &Recipe<'_>, reference: &str, created: u64, out: &Path, name: &str) -> Result<()> {
    let store = Store::of(&prepare()?)?;
    let image = "localhost/release-files";
    store.build(recipe, &options(ANY, created), image)?;
    store.push(image, &layout(out, name, reference))?;
    store.remove(image)
}

fn options(architecture: Architecture, created: u64) -> Vec<String> {
    vec![format!("--platform=linux/{architecture}"), format!("--timestamp={created}")]
}

fn layout(out: &Path, name: &str, reference: &str) -> String {
    format!("oci:{}:{reference}", out.join(name).display())
}
