//! The Rust programs that the tasks use, built from their crates.
//!
//! Each is in the cache that holds the Go tools, in a directory named by its version. Speed is worth nothing for programs
//! that run for a second, so they are built without optimisation across crates.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{command, progress, tools};

/// A crate with a program of its name.
pub(crate) struct CargoTool {
    name: &'static str,
    version: &'static str,
    /// How long a first build took on two cores.
    duration: &'static str,
}

/// Checks licenses, bans, sources and known vulnerabilities.
pub(crate) const CARGO_DENY: CargoTool =
    CargoTool { name: "cargo-deny", version: "0.20.2", duration: "about two minutes" };
/// Tells in CycloneDX what a binary is made of.
pub(crate) const CARGO_CYCLONEDX: CargoTool =
    CargoTool { name: "cargo-cyclonedx", version: "0.5.9", duration: "about a minute and a half" };

impl CargoTool {
    /// The program, built first if the cache does not have it.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        let Self { name, version, duration } = self;
        let directory = tools::cache()?.join("tools").join(format!("{name}-{version}"));
        let program = directory.join("bin").join(name);
        if !program.exists() {
            let what = format!("building {name} {version} from source");
            let why = format!("{duration} on two cores, once; kept in {}", directory.display());
            progress::step(&what, &why, || self.install(&directory))?;
        }
        Ok(program)
    }

    /// `cargo install` puts the program in place only when it is whole, and locks its root against a second one.
    fn install(&self, directory: &Path) -> Result<()> {
        let build = directory.join("build");
        let mut install = command::cargo();
        install.args(["install", "--quiet", "--locked", "--no-default-features", self.name, "--version", self.version]);
        install.arg("--root").arg(directory).arg("--target-dir").arg(&build);
        install.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
        command::run(&mut install)?;
        fs::remove_dir_all(&build).with_context(|| format!("failed to remove {}", build.display()))
    }
}
