//! `cargo xtask deny`: licenses, sources and bans of every dependency, as deny.toml says, by cargo-deny.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cargo_tools::CARGO_DENY;
use crate::checkout::root;
use crate::command;

/// Checks licenses, bans and sources, and known vulnerabilities where the database of them can be had.
pub(crate) fn run() -> Result<()> {
    let cargo_deny = CARGO_DENY.path()?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

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
