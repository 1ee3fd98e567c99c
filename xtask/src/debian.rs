//! Debian packages that a task needs: installed once, and only those that are missing.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::command;
use crate::progress;

/// Installs those of `packages` that are not installed yet.
///
/// # Errors
/// On a system without apt, or without root, the error names the packages to install by hand.
pub(crate) fn ensure(packages: &[&str]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !command::is_installed("apt-get") {
        bail!("this needs the Debian packages {list}, and this system has no apt-get: install their like by hand");
    }
    if !rustix::process::geteuid().is_root() {
        bail!("this needs packages that only root can install; run: apt-get install --no-install-recommends {list}");
    }
    progress::step(&format!("installing the Debian packages {list}"), "once per machine", || {
        if install(&missing).is_ok() {
            return Ok(());
        }
        // The usual reason is a package list that is missing or names a version the mirror no longer has.
        command::run(apt().arg("update"))?;
        install(&missing)
    })
}

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages.iter().copied().filter(|package| !is_package_installed(package)).collect()
}

fn is_package_installed(package: &str) -> bool {
    let query = ["--show", "--showformat=${db:Status-Status}", package];
    command::output(Command::new("dpkg-query").args(query)).is_ok_and(|status| status == "installed")
}

fn install(packages: &[&str]) -> Result<()> {
    // Never at the price of something that is installed, such as Docker's containerd for Debian's.
    command::run(
        apt().args(["install", "--yes", "--no-install-recommends", "--no-remove"]).args(packages).stdout(Stdio::null()),
    )
}

/// apt-get that asks nothing, and waits while another one runs instead of failing.
fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "DPkg::Lock::Timeout=600"]);
    apt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dpkg_does_not_know_is_missing() {
        assert_eq!(missing(&["beam-operator-no-such-package"]), ["beam-operator-no-such-package"]);
    }
}
