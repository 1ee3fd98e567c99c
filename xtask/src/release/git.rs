//! What git knows of the checkout, and the tag of a release.

use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::root;
use crate::command;

fn git(arguments: &[&str]) -> Result<String> {
    let output = command::output(Command::new("git").current_dir(root()).args(arguments));
    Ok(output.context("a release is made in a git checkout")?.trim_end().to_owned())
}

/// When the last commit was made, in seconds since 1970.
pub(super) fn time_of_commit() -> Result<u64> {
    git(&["log", "-1", "--format=%ct"])?.parse().context("git did not tell when the last commit was made")
}

/// What differs from the last commit, a line a file.
pub(super) fn changes() -> Result<String> {
    git(&["status", "--porcelain"])
}

/// Whether there is a tag of this name.
pub(super) fn has_tag(name: &str) -> Result<bool> {
    Ok(!git(&["tag", "--list", name])?.is_empty())
}

/// Puts an annotated tag on the last commit, here and nowhere else.
pub(super) fn tag(name: &str, message: &str) -> Result<()> {
    command::run(Command::new("git").current_dir(root()).args(["tag", "--annotate", name, "--message", message]))
}
