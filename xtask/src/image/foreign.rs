//! Images of what is not ours: programs that were built from source, and what a recipe says.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::buildah::{Recipe, Store};
use super::rootfs::{self, TRIXIE};
use super::{prepare, remove_if_present};
use crate::fingerprint::Fingerprint;
use crate::tools::Tool;

/// Numeric, so that Kubernetes can see that it is not root.
const USER: &str = "1001";

/// An image with programs in `/bin`, beside those that Debian has there, and the path of its archive.
pub(crate) fn of_programs(reference: &str, programs: &[&Tool]) -> Result<PathBuf> {
    // Before the lock: a build of tools takes long, and has a lock of its own.
    let programs = programs.iter().map(|tool| Ok((tool.name(), tool.path()?))).collect::<Result<Vec<_>>>()?;
    let cache = prepare()?;
    let mut made_from = Fingerprint::new().words([rootfs::runtime_fingerprint(&TRIXIE).as_str(), USER]);
    for (name, path) in &programs {
        made_from = made_from.words([*name]).file(path)?;
    }
    let image = cache.archive(reference, &made_from.finish(), |archive| {
        let stage = cache.directory.join("programs");
        remove_if_present(&stage)?;
        fs::create_dir_all(&stage)?;
        for (name, path) in &programs {
            fs::copy(path, stage.join(name))?;
        }
        let store = Store::of(&cache)?;
        let container = store.from(&rootfs::runtime_image(&TRIXIE, &store, &cache)?)?;
        container.copy(&stage, "/bin", "0:0")?;
        container.configure(&[format!("--user={USER}")])?;
        container.commit(&format!("oci-archive:{}:{reference}", archive.display()))?;
        remove_if_present(&stage)
    })?;
    Ok(image.path)
}

/// An image by a Dockerfile, made again when that or a file in one of the directories has changed, and the path of its archive.
pub(crate) fn by_recipe(reference: &str, recipe: &Recipe<'_>, directories: &[&Path]) -> Result<PathBuf> {
    let cache = prepare()?;
    let mut made_from = Fingerprint::new().file(recipe.dockerfile)?;
    for directory in directories {
        made_from = made_from.directory(directory)?;
    }
    let image = cache.archive(reference, &made_from.finish(), |archive| {
        let destination = format!("oci-archive:{}:{reference}", archive.display());
        Store::of(&cache)?.build(recipe, &[], &destination)
    })?;
    Ok(image.path)
}
