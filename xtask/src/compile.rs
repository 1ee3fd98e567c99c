//! Static binaries of the workspace's packages, for this machine's architecture and for another.
//!
//! The flags are those of the Dockerfile. Besides, the home directory, in which cargo keeps the sources of crates, is
//! replaced in what a panic would tell, so that a binary does not depend on whose it is. A target of its own keeps the
//! flags from rebuilding everything else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::architecture::Architecture;
use crate::{checkout, command, debian, progress};

/// A binary, and what it was linked from.
pub(crate) struct Compiled {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The packages that were compiled for the target, by the ids that cargo gives them: what only runs during the
    /// build is not among them.
    pub(crate) packages: BTreeSet<String>,
}

/// Compiles the only binary of a package, which is called like it.
pub(crate) fn binary(package: &str, architecture: Architecture) -> Result<Compiled> {
    let target = architecture.target();
    let mut cargo = command::cargo();
    if architecture != Architecture::NATIVE {
        prepare_for_another(architecture)?;
        let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
        cargo.env(linker, architecture.linker());
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(&cargo_home()?).join("\u{1f}"));
    cargo.args(["build", "--release", "--locked", "--package", package, "--bin", package, "--target", target]);
    let messages = command::run_for_output(cargo.args(["--message-format", "json-render-diagnostics"]))?;
    let compiled = Compiled::read(&messages, package, target)?;
    let path = &compiled.path;
    ensure!(is_static(path)?, "{} needs shared libraries, and an image from scratch has none", path.display());
    Ok(compiled)
}

/// What a compilation for another architecture takes: Rust's standard library for it, and a C compiler that links.
fn prepare_for_another(architecture: Architecture) -> Result<()> {
    let target = architecture.target();
    if !has_standard_library(target)? {
        let mut rustup = Command::new("rustup");
        let add = rustup.current_dir(checkout::root()).args(["target", "add", target]);
        let what = format!("adding Rust's standard library for {target}");
        progress::step(&what, "once per toolchain", || command::run(add)).with_context(|| {
            format!(
                "Rust's standard library for {target} is not installed: get it by `rustup target add {target}`, or \
                 leave {architecture} out by --arch {}",
                Architecture::NATIVE
            )
        })?;
    }
    if !command::is_installed(architecture.linker()) {
        debian::ensure(architecture.cross_packages())?;
    }
    Ok(())
}

/// Asks the compiler that cargo would use in the checkout.
fn has_standard_library(target: &str) -> Result<bool> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(checkout::root()).args(["--print", "target-libdir", "--target", target]);
    Ok(Path::new(command::output(&mut rustc)?.trim()).is_dir())
}

/// Where cargo keeps the sources of crates.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    Ok(std::env::home_dir().context("there is no home directory: set CARGO_HOME")?.join(".cargo"))
}

/// The paths of the workspace's own sources need no flag: they are relative to it.
fn flags(cargo_home: &Path) -> Vec<String> {
    let fixed = ["-C", "target-feature=+crt-static"].map(ToOwned::to_owned);
    [fixed.to_vec(), vec![format!("--remap-path-prefix={}=/cargo", cargo_home.display())]].concat()
}

impl Compiled {
    /// Reads cargo's messages, one JSON object a line.
    fn read(messages: &str, binary: &str, target: &str) -> Result<Self> {
        let of_target = format!("/{target}/");
        let mut packages = BTreeSet::new();
        let mut path = None;
        for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let mut files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let Some(package) = message["package_id"].as_str().filter(|_| files.any(|file| file.contains(&of_target)))
            else {
                continue;
            };
            packages.insert(package.to_owned());
            if message["target"]["name"] == binary {
                path = message["executable"].as_str().map(PathBuf::from).or(path);
            }
        }
        let path = path.with_context(|| format!("cargo did not say where the binary {binary} is"))?;
        Ok(Self { path, packages })
    }
}

fn is_static(binary: &Path) -> Result<bool> {
    let headers = command::output(Command::new("readelf").args(["--program-headers", "--wide"]).arg(binary))?;
    Ok(!headers.contains("INTERP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"
{"reason":"compiler-artifact","package_id":"serde@1","target":{"name":"serde"},"filenames":["/t/x/release/deps/a.rlib"],"executable":null}
{"reason":"compiler-artifact","package_id":"derive@1","target":{"name":"derive"},"filenames":["/t/release/deps/d.so"],"executable":null}
{"reason":"build-script-executed","package_id":"ring@1"}
{"reason":"compiler-artifact","package_id":"own@1","target":{"name":"own"},"filenames":["/t/x/release/own"],"executable":"/t/x/release/own"}
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn the_binary_and_what_it_is_linked_from_are_read_from_the_messages() {
        let compiled = Compiled::read(MESSAGES, "own", "x").unwrap();
        assert_eq!(compiled.path, PathBuf::from("/t/x/release/own"));
        assert_eq!(compiled.packages.into_iter().collect::<Vec<_>>(), ["own@1", "serde@1"]);
        assert!(Compiled::read(MESSAGES, "other", "x").is_err());
    }

    #[test]
    fn a_binary_is_static_and_does_not_tell_whose_home_it_was_made_in() {
        let flags = flags(Path::new("/home/me/.cargo"));
        assert_eq!(flags, ["-C", "target-feature=+crt-static", "--remap-path-prefix=/home/me/.cargo=/cargo"]);
    }

    #[test]
    fn the_compiler_knows_what_it_has_a_standard_library_for() {
        assert!(has_standard_library(Architecture::NATIVE.target()).unwrap());
        assert!(has_standard_library("no-such-target").is_err());
    }
}
