//! Builds the images that the local clusters run, on a machine with neither Docker nor a registry.
//!
//! What a Dockerfile would pull, Debian's packages provide: `mmdebstrap` makes the root file system that the sample
//! application is built in and the small one it runs on, and `buildah` turns directories into layers. The images end
//! up as OCI archives, which `containerd` imports.
//!
//! Everything is kept in the cache under the hash of what it was made from, so that only what changed is made again
//! and a second run makes nothing: [`Fingerprint`](crate::fingerprint::Fingerprint) says what counts as a change.

mod buildah;
mod foreign;
pub(crate) mod layouts;
mod operator;
mod rootfs;
mod shop;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

pub(crate) use buildah::Recipe;
pub(crate) use foreign::{by_recipe, of_programs};
pub(crate) use operator::{compile as compile_operator, reference as operator_reference};

use crate::cluster::{self, Manifest};
use crate::refusal::{self, IMAGES_FROM_ELSEWHERE};
use crate::{debian, progress, tools};

const PACKAGES: &[&str] = &["buildah", "debian-archive-keyring", "iproute2", "mmdebstrap", "util-linux"];

/// What `cargo xtask image` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which images to build
    #[arg(value_enum, default_value_t = Selection::All)]
    which: Selection,
    /// The cluster whose nodes get the images; none is needed to build them
    #[arg(long, value_name = "NAME", default_value = "dev")]
    cluster: String,
}

/// Some of the images.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Selection {
    /// The sample application as a mix release: versions 1 and 2, each on OTP 27 and on OTP 25, and one without EPMD
    Shop,
    /// The sample application behind a start script in the manner of Distillery
    Distillery,
    /// The sample application as a release of rebar3, on OTP 25
    Relx,
    /// The operator: the last stage of the Dockerfile
    Operator,
    /// All of these
    All,
}

/// An image as a file.
struct Archive {
    /// The name under which pods refer to it, such as `localhost/shop:1`.
    reference: String,
    /// The OCI archive.
    path: PathBuf,
}

/// Builds the images that were asked for and, if there is such a cluster, puts them on its nodes.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if cluster::exists(&arguments.cluster)? {
        return provide(arguments.which, &arguments.cluster).map(drop);
    }
    build(arguments.which)?;
    eprintln!("there is no cluster {}: the images stay in the cache", arguments.cluster);
    Ok(())
}

/// Puts images on the nodes of a cluster, and builds those that have changed first.
pub(crate) fn provide(which: Selection, cluster: &str) -> Result<Vec<Manifest>> {
    let load = |Archive { reference, path }| {
        let what = format!("importing {reference} into the nodes of cluster {cluster}");
        progress::step(&what, "", || cluster::load_image(cluster, &path))
    };
    build(which)?.into_iter().map(load).collect()
}

const LINUX_FOR: &str = "an image is built in a Debian root file system";
const ROOT_FOR: &str = "make root file systems and build in them (mmdebstrap, chroot)";

fn explain(problems: &[String]) -> String {
    refusal::explain("images need", problems, &[IMAGES_FROM_ELSEWHERE])
}

/// Root file systems with Erlang, one for each OTP release that images are built for.
pub(crate) fn otp_roots() -> Result<Vec<PathBuf>> {
    let cache = prepare()?;
    let roots = [&rootfs::BOOKWORM, &rootfs::TRIXIE].map(|suite| rootfs::BuildRoot::of(suite, &cache));
    roots.into_iter().map(|root| Ok(root?.path().to_owned())).collect()
}

fn build(which: Selection) -> Result<Vec<Archive>> {
    let cache = prepare()?;
    match which {
        Selection::Shop => shop::mix(&cache),
        Selection::Distillery => shop::distillery(&cache),
        Selection::Relx => shop::relx(&cache),
        Selection::Operator => Ok(vec![operator::build(&cache)?]),
        Selection::All => {
            let mut archives = shop::mix(&cache)?;
            archives.extend(shop::distillery(&cache)?);
            archives.extend(shop::relx(&cache)?);
            archives.push(operator::build(&cache)?);
            Ok(archives)
        }
    }
}

/// What every build needs: the right to enter root file systems, Debian's packages, the cache.
fn prepare() -> Result<Cache> {
    let problems = refusal::without_linux_or_root(LINUX_FOR, ROOT_FOR);
    ensure!(problems.is_empty(), "{}", explain(&problems));
    debian::ensure(PACKAGES)?;
    Cache::lock()
}

/// The directory of everything this module keeps, locked: two builds of one thing would meet in it.
struct Cache {
    directory: PathBuf,
    _lock: File,
}

impl Cache {
    fn lock() -> Result<Self> {
        let directory = tools::cache()?.join("images");
        fs::create_dir_all(&directory).with_context(|| format!("failed to create {}", directory.display()))?;
        let lock = File::open(&directory)?;
        if lock.try_lock().is_err() {
            eprintln!("==> waiting for another task that builds images");
            lock.lock()?;
        }
        Ok(Self { directory, _lock: lock })
    }

    /// The archive of an image, built by `build` unless the one with this fingerprint is there already.
    ///
    /// Only the latest archive of an image is kept.
    fn archive(&self, reference: &str, fingerprint: &str, build: impl FnOnce(&Path) -> Result<()>) -> Result<Archive> {
        let name = reference.replace(['/', ':'], "-");
        let directory = self.directory.join(&name);
        let path = directory.join(format!("{fingerprint}.tar"));
        let archive = Archive { reference: reference.to_owned(), path };
        if archive.path.exists() {
            eprintln!("==> {reference} is up to date: {}", archive.path.display());
            return Ok(archive);
        }
        let unfinished = self.directory.join(format!("{name}.unfinished"));
        remove_if_present(&unfinished)?;
        fs::create_dir_all(&unfinished)?;
        build(&unfinished.join(format!("{fingerprint}.tar")))?;
        remove_if_present(&directory)?;
        fs::rename(&unfinished, &directory)?;
        Ok(archive)
    }
}

/// Removes a directory that an earlier run may have left.
fn remove_if_present(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("failed to remove {}", directory.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_root_the_way_around_images_is_told() {
        let text = explain(&refusal::missing("linux", false, LINUX_FOR, ROOT_FOR));
        for word in ["images need", "root", "--kubeconfig FILE", "docker build ."] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
        refusal::assert_commands_are_accepted(&text);
    }
}
