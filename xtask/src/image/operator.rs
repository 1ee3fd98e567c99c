//! The operator's image: the last stage of the project's Dockerfile around a binary that was built here.
//!
//! The first stage of the Dockerfile compiles on the official Rust image, which takes a registry. Here the toolchain
//! of this machine compiles instead, with the same flags, and takes the place of that stage; everything that makes up
//! the image is the Dockerfile's own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::buildah::{Recipe, Store};
use super::{Archive, Cache, remove_if_present};
use crate::architecture::Architecture;
use crate::checkout;
use crate::compile;
use crate::fingerprint::Fingerprint;

const BINARY: &str = "beam-operator";
/// What the Dockerfile calls the stage that has the binary at its root.
const BUILD_STAGE: &str = "build";
/// The workspace has one version; this crate's is the operator's too.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name of the operator's image.
pub(crate) fn reference() -> String {
    format!("localhost/{BINARY}:{VERSION}")
}

/// The image of the operator as it is in this checkout.
pub(super) fn build(cache: &Cache) -> Result<Archive> {
    let reference = reference();
    eprintln!("==> compiling the operator into a static binary");
    let binary = compile()?;
    let fingerprint = fingerprint(&binary, &dockerfile(), &build_options())?;
    cache.archive(&reference, &fingerprint, |archive| {
        let destination = format!("oci-archive:{}:{reference}", archive.display());
        around(&binary, cache, &Store::of(cache)?, &[], &destination)
    })
}

/// The operator's binary for this machine.
pub(crate) fn compile() -> Result<PathBuf> {
    Ok(compile::binary(BINARY, Architecture::NATIVE)?.path)
}

/// Builds the image around a binary, with more options of `buildah build`.
pub(super) fn around(binary: &Path, cache: &Cache, store: &Store, more: &[String], destination: &str) -> Result<()> {
    let stage = cache.directory.join("operator");
    remove_if_present(&stage)?;
    fs::create_dir_all(&stage)?;
    fs::copy(binary, stage.join(BINARY))?;
    let recipe = Recipe { dockerfile: &dockerfile(), context: &stage, stage: Some((BUILD_STAGE, &stage)) };
    store.build(&recipe, &[build_options(), more.to_vec()].concat(), destination)
}

fn dockerfile() -> PathBuf {
    checkout::root().join("Dockerfile")
}

/// What the Dockerfile's last stage is told.
fn build_options() -> Vec<String> {
    vec!["--build-arg".to_owned(), format!("VERSION={VERSION}")]
}

fn fingerprint(binary: &Path, dockerfile: &Path, options: &[String]) -> Result<String> {
    let stage = Fingerprint::new().words([BUILD_STAGE, BINARY]).words(options.iter().map(String::as_str));
    Ok(stage.file(binary)?.file(dockerfile)?.finish())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everything_that_the_image_is_made_of_counts() {
        let (one, two) = (checkout::root().join("Dockerfile"), checkout::root().join("Cargo.toml"));
        let of = |binary, dockerfile, options: &[String]| fingerprint(binary, dockerfile, options).unwrap();
        let (now, other) = (build_options(), vec!["--build-arg".to_owned(), "VERSION=9.9.9".to_owned()]);
        let fingerprints = [of(&one, &one, &now), of(&two, &one, &now), of(&one, &two, &now), of(&one, &one, &other)];
        assert_eq!(fingerprints.iter().collect::<BTreeSet<_>>().len(), fingerprints.len());
    }

    #[test]
    fn the_dockerfile_names_the_stage_that_is_replaced() {
        let dockerfile = fs::read_to_string(checkout::root().join("Dockerfile")).unwrap();
        assert!(dockerfile.contains(&format!(" AS {BUILD_STAGE}\n")));
        assert!(dockerfile.contains(&format!("COPY --from={BUILD_STAGE} /{BINARY} ")));
    }

    #[test]
    fn the_dockerfile_compiles_with_the_toolchain_of_the_checkout() {
        let toolchain = fs::read_to_string(checkout::root().join("rust-toolchain.toml")).unwrap();
        let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
        let dockerfile = fs::read_to_string(checkout::root().join("Dockerfile")).unwrap();
        assert!(dockerfile.contains(&format!("rust:{channel}-")), "{channel} is not the Dockerfile's");
    }
}
