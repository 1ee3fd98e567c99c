//! Debian root file systems: a whole one to build releases in, and a small one for releases to run on.
//!
//! A Debian release settles the OTP release, so each OTP release that images are built for has a suite here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use super::buildah::Store;
use super::{Cache, remove_if_present};
use crate::fingerprint::Fingerprint;
use crate::{command, progress};

/// A Debian release and the packages that it calls by names of its own.
pub(super) struct Suite {
    pub(super) name: &'static str,
    /// The OTP release that it ships.
    pub(super) otp: &'static str,
    ssl: &'static str,
    /// What releases are built with besides [`BUILD_PACKAGES`].
    tools: &'static [&'static str],
}

pub(super) const TRIXIE: Suite = Suite { name: "trixie", otp: "27", ssl: "libssl3t64", tools: &[] };
pub(super) const BOOKWORM: Suite = Suite { name: "bookworm", otp: "25", ssl: "libssl3", tools: &["rebar3"] };

/// Elixir, and the parts of OTP that a release may include.
const BUILD_PACKAGES: &[&str] = &[
    "elixir",
    "erlang-asn1",
    "erlang-crypto",
    "erlang-dev",
    "erlang-eunit",
    "erlang-inets",
    "erlang-os-mon",
    "erlang-parsetools",
    "erlang-public-key",
    "erlang-runtime-tools",
    "erlang-ssl",
    "erlang-syntax-tools",
    "erlang-tools",
];

/// What the emulator of a release links against, besides [`Suite::ssl`].
const RUNTIME_PACKAGES: &[&str] = &["libncurses6", "libstdc++6", "libtinfo6", "zlib1g"];

/// What nobody reads in a container. Copyright files stay: the licences ask for it.
const RUNTIME_OPTIONS: &[&str] = &[
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
];

/// Runs a script in a root file system, with namespaces of its own so that neither mounts nor processes outlive it
/// and nothing it starts meets a port of this machine. `/source` is read-only, `/out` is for what shall stay.
const ENTER: &str = r#"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/tmp"
mount -o bind,ro "$2" "$1/source"
mount --bind "$3" "$1/out"
ip link set lo up
exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 MIX_BUILD_ROOT=/tmp/build \
    sh -ec "cd /source; $4"
"#;

/// What mmdebstrap is told of a root file system, but for where it goes.
struct Recipe {
    suite: &'static Suite,
    options: Vec<String>,
}

impl Recipe {
    fn build(suite: &'static Suite) -> Self {
        let include = format!("--include={}", [BUILD_PACKAGES, suite.tools].concat().join(","));
        Self { suite, options: vec!["--variant=minbase".to_owned(), include] }
    }

    fn runtime(suite: &'static Suite) -> Self {
        let include = format!("--include={},{}", RUNTIME_PACKAGES.join(","), suite.ssl);
        let options = ["--variant=essential", &include].into_iter().chain(RUNTIME_OPTIONS.iter().copied());
        Self { suite, options: options.map(ToOwned::to_owned).collect() }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new().words([self.suite.name]).words(self.options.iter().map(String::as_str))
    }

    fn make(&self, destination: &Path) -> Result<()> {
        let mut mmdebstrap = Command::new("mmdebstrap");
        mmdebstrap.arg("--quiet").args(&self.options).arg(self.suite.name).arg(destination);
        command::run(&mut mmdebstrap)
    }
}

/// A root file system to build releases in.
pub(super) struct BuildRoot(PathBuf);

impl BuildRoot {
    /// The build root of a suite, made first if the cache does not have it.
    pub(super) fn of(suite: &'static Suite, cache: &Cache) -> Result<Self> {
        let recipe = Recipe::build(suite);
        let root = cache.directory.join(format!("{}-build-{}", suite.name, recipe.fingerprint().finish()));
        if root.exists() {
            return Ok(Self(root));
        }
        let unfinished = cache.directory.join(format!("{}-build.unfinished", suite.name));
        remove_if_present(&unfinished)?;
        let what = format!("making a root file system with Elixir on OTP {} from Debian {}", suite.otp, suite.name);
        let why = format!("about 15 s, once; kept in {}", root.display());
        progress::step(&what, &why, || recipe.make(&unfinished))?;
        for mount_point in ["source", "out"] {
            fs::create_dir_all(unfinished.join(mount_point))?;
        }
        fs::rename(&unfinished, &root)?;
        Ok(Self(root))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The fingerprint of what a script that runs in the root of a suite makes of nothing but itself.
    pub(super) fn fingerprint(suite: &'static Suite, script: &str) -> String {
        Recipe::build(suite).fingerprint().words([ENTER, script]).finish()
    }

    /// Runs a shell script in it, in the directory of the sources.
    pub(super) fn run(&self, source: &Path, out: &Path, script: &str) -> Result<()> {
        let root = self.0.file_name().unwrap_or_default().to_string_lossy();
        eprintln!("+ [{root}] {script}");
        let mut enter = Command::new("unshare");
        enter.args(["--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-ec", ENTER, "sh"]);
        let status = enter.arg(&self.0).arg(source).arg(out).arg(script).stdin(Stdio::null()).status()?;
        ensure!(status.success(), "`{script}` failed in {root}: {status}");
        Ok(())
    }
}

/// The fingerprint of the root file system that releases run on.
pub(super) fn runtime_fingerprint(suite: &'static Suite) -> String {
    Recipe::runtime(suite).fingerprint().finish()
}

/// The image that all images of a suite share as their first layer, which is made but once.
pub(super) fn runtime_image(suite: &'static Suite, store: &Store, cache: &Cache) -> Result<String> {
    let name = format!("localhost/{}-runtime:{}", suite.name, runtime_fingerprint(suite));
    if !store.has(&name) {
        let tar = cache.directory.join(format!("{}-runtime.tar", suite.name));
        runtime(suite, &tar)?;
        let container = store.from("scratch")?;
        container.unpack(&tar)?;
        container.commit(&name)?;
        fs::remove_file(tar)?;
    }
    Ok(name)
}

/// Makes the root file system that releases run on, as a tar file.
fn runtime(suite: &'static Suite, tar: &Path) -> Result<()> {
    let what = format!("making a root file system to run on from Debian {}", suite.name);
    progress::step(&what, "about 15 s, once", || Recipe::runtime(suite).make(tar))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_package_and_option_counts() {
        let recipe = || Recipe::build(&TRIXIE);
        let mut more = recipe();
        more.options[1].push_str(",git");
        let mut other = recipe();
        other.options[0] = "--variant=standard".to_owned();
        let all = [recipe(), more, other, Recipe::build(&BOOKWORM), Recipe::runtime(&TRIXIE)];
        let fingerprints: BTreeSet<_> = all.iter().map(|recipe| recipe.fingerprint().finish()).collect();
        assert_eq!(fingerprints.len(), all.len());
    }

    #[test]
    fn packages_are_in_the_recipe() {
        let included = |recipe: Recipe| recipe.options.iter().any(|option| option.contains("=elixir,"));
        assert!(included(Recipe::build(&TRIXIE)) && !included(Recipe::runtime(&TRIXIE)));
        assert!(Recipe::runtime(&BOOKWORM).options[1].ends_with(",libssl3"));
    }

    #[test]
    fn what_runs_in_a_build_root_counts() {
        let of = |suite, script| BuildRoot::fingerprint(suite, script);
        assert_ne!(of(&TRIXIE, "mix release"), of(&TRIXIE, "mix release --quiet"));
        assert_ne!(of(&TRIXIE, "mix release"), of(&BOOKWORM, "mix release"));
    }
}
