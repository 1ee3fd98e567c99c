//! `cargo xtask deny`: licenses, sources and bans of every dependency, as deny.toml says, by cargo-deny.
//!
//! cargo-deny is built from its crate into the cache that holds the Go tools, in a directory named by its version. Speed
//! is worth nothing for a program that runs for a second, so it is built without optimisation across crates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::root;
use crate::{command, progress, tools};

const VERSION: &str = "0.20.2";

/// Checks licenses, bans and sources, and known vulnerabilities where the database of them can be had.
pub(crate) fn run() -> Result<()> {
    let cargo_deny = path()?;
    command::run(deny(&cargo_deny).args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))?;
    if let Err(error) = command::output(deny(&cargo_deny).args(["fetch", "db"])) {
        eprintln!(
            "SKIPPED: known vulnerabilities were not checked, because the advisory database cannot be had: {error:#}"
        );
        return Ok(());
    }
    command::run(deny(&cargo_deny).args(["check", "--disable-fetch", "advisories"]))
}

fn deny(cargo_deny: &Path) -> Command {
    let mut command = Command::new(cargo_deny);
    command.current_dir(root());
    command
}

/// The program, built first if the cache does not have it.
fn path() -> Result<PathBuf> {
    let directory = tools::cache()?.join("tools").join(format!("cargo-deny-{VERSION}"));
    let program = directory.join("bin/cargo-deny");
    if !program.exists() {
        let what = format!("building cargo-deny {VERSION} from source");
        let why = format!("about two minutes on two cores, once; kept in {}", directory.display());
        progress::step(&what, &why, || install(&directory))?;
    }
    Ok(program)
}

/// `cargo install` puts the program in place only when it is whole, and locks its root against a second one.
fn install(directory: &Path) -> Result<()> {
    let build = directory.join("build");
    let mut install = command::cargo();
    install.args(["install", "--quiet", "--locked", "--no-default-features", "cargo-deny", "--version", VERSION]);
    install.arg("--root").arg(directory).arg("--target-dir").arg(&build);
    install.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    command::run(&mut install)?;
    fs::remove_dir_all(&build).with_context(|| format!("failed to remove {}", build.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The names by which the manifests of the workspace call their dependencies.
    fn dependencies() -> BTreeSet<String> {
        let mut cargo = command::cargo();
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&command::output(&mut cargo).unwrap()).unwrap();
        let packages = metadata["packages"].as_array().unwrap().iter();
        let dependencies = packages.flat_map(|package| package["dependencies"].as_array().unwrap());
        // One that is a path is a crate of the workspace itself.
        let foreign = dependencies.filter(|dependency| dependency["path"].is_null());
        foreign.map(|it| it["rename"].as_str().or(it["name"].as_str()).unwrap().to_owned()).collect()
    }

    /// The names in the first column of the page's tables.
    fn explained() -> BTreeSet<String> {
        let page = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
        let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
        rows.flat_map(|names| names.split('`').skip(1).step_by(2)).map(ToOwned::to_owned).collect()
    }

    #[test]
    fn every_dependency_is_explained() {
        assert_eq!(dependencies(), explained());
    }
}
