//! The Go programs that the tasks use, built from source.
//!
//! Nothing is downloaded but Go modules: each group of tools has a `go.mod` and `go.sum` in `xtask/tools`, which are
//! the only place that names a version. What was built is kept outside the checkout, in a directory named by the hash
//! of these two files, so a changed version never meets an old binary, and every checkout shares what another built.
//!
//! A build happens in a directory of its own and is renamed into place when it is whole; an interrupted one leaves
//! nothing that could be taken for a tool.

mod groups;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) use groups::*;

use crate::{checkout, command, progress};

/// A directory of `xtask/tools`: commands that are built together because they share their modules.
struct Group {
    directory: &'static str,
    /// The module whose version is the version of the group.
    module: &'static str,
    /// What the Go linker sets in the program, so that it reports its version.
    variables: &'static [(&'static str, Part)],
    /// Build tags, separated by commas: they leave out what takes C libraries.
    tags: &'static str,
    /// How long a first build took on two cores.
    duration: &'static str,
    tools: &'static [Tool],
}

/// A part of a version, `v1.35.4`.
#[derive(Clone, Copy)]
enum Part {
    Whole,
    Major,
    Minor,
}

/// A command and the Go package it is built from.
pub(crate) struct Tool {
    name: &'static str,
    package: &'static str,
}

/// The start of the name of a directory that is being built in.
const UNFINISHED: &str = "unfinished-";

/// The tool of this name.
pub(crate) fn by_name(name: &str) -> Result<&'static Tool> {
    GROUPS.iter().flat_map(|group| group.tools).find(|tool| tool.name == name).ok_or_else(|| {
        let names: Vec<_> = GROUPS.iter().flat_map(|group| group.tools).map(|tool| tool.name).collect();
        anyhow!("there is no tool {name}; there are {}", names.join(", "))
    })
}

/// The directory outside the checkout that keeps what takes long to make: `BEAM_OPERATOR_CACHE`, or the user's cache.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(cache) = std::env::var_os("BEAM_OPERATOR_CACHE") {
        return Ok(cache.into());
    }
    if let Some(cache) = std::env::var_os("XDG_CACHE_HOME") {
        return Ok(Path::new(&cache).join("beam-operator"));
    }
    let home = std::env::home_dir().context("there is no home directory: set BEAM_OPERATOR_CACHE")?;
    Ok(home.join(".cache/beam-operator"))
}

/// Where Go's module cache has a module, downloaded if need be, in the version that a directory of `xtask/tools` names.
pub(crate) fn module(directory: &str, path: &str) -> Result<PathBuf> {
    let mut go = Command::new("go");
    go.current_dir(checkout::root().join("xtask/tools").join(directory)).env("GOFLAGS", "").env("GOWORK", "off");
    let told: Value = serde_json::from_str(&command::output(go.args(["mod", "download", "-json", path]))?)?;
    told["Dir"].as_str().map(PathBuf::from).with_context(|| format!("go does not say where {path} is"))
}

impl Tool {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The program, built first if the cache does not have it.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        let group = GROUPS
            .iter()
            .find(|group| group.tools.iter().any(|tool| tool.name == self.name))
            .with_context(|| format!("{} is in no group of tools", self.name))?;
        Ok(group.directory_of_programs()?.join(self.name))
    }
}

impl Group {
    fn directory_of_programs(&self) -> Result<PathBuf> {
        let tools = cache()?.join("tools");
        let built = tools.join(self.key()?);
        if built.exists() {
            return Ok(built.join("bin"));
        }
        fs::create_dir_all(&tools)?;
        let lock = File::open(&tools)?;
        if lock.try_lock().is_err() {
            eprintln!("==> waiting for another task that builds tools");
            lock.lock()?;
        }
        if !built.exists() {
            let version = self.version()?;
            let what = format!("building {} {version} from source", self.directory);
            let why = format!("{} on two cores, once; kept in {}", self.duration, built.display());
            remove_unfinished(&tools)?;
            let unfinished = tools.join(format!("{UNFINISHED}{}", std::process::id()));
            progress::step(&what, &why, || self.build(&version, &unfinished, &built))?;
        }
        Ok(built.join("bin"))
    }

    /// Where `go.mod` and `go.sum` are.
    fn source(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(self.directory)
    }

    fn key(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for file in ["go.mod", "go.sum"] {
            let path = self.source().join(file);
            hash.update(fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?);
        }
        let mut key = String::new();
        for byte in &hash.finalize()[..8] {
            write!(key, "{byte:02x}")?;
        }
        Ok(key)
    }

    fn version(&self) -> Result<String> {
        let go_mod = fs::read_to_string(self.source().join("go.mod"))?;
        let version = required_version(&go_mod, self.module);
        Ok(version
            .with_context(|| format!("go.mod of {} does not require {}", self.directory, self.module))?
            .to_owned())
    }

    fn build(&self, version: &str, unfinished: &Path, built: &Path) -> Result<()> {
        if !command::is_installed("go") {
            bail!(
                "Go is not installed; it builds etcd, Kubernetes and the other tools (1.26 or newer, https://go.dev)"
            );
        }
        let linker_flags = self
            .variables
            .iter()
            .fold("-s -w".to_owned(), |flags, (variable, part)| format!("{flags} -X {variable}={}", part.of(version)));
        for tool in self.tools {
            let program = unfinished.join("bin").join(tool.name);
            let mut go = Command::new("go");
            go.current_dir(self.source()).env("CGO_ENABLED", "0").env("GOFLAGS", "").env("GOWORK", "off");
            go.args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-tags", self.tags]);
            go.args(["-ldflags", &linker_flags]);
            command::run(go.arg("-o").arg(program).arg(tool.package))?;
        }
        fs::rename(unfinished, built).with_context(|| format!("failed to move the tools to {}", built.display()))
    }
}

/// Removes what interrupted builds left behind; the caller holds the lock, so none is going on.
fn remove_unfinished(tools: &Path) -> Result<()> {
    for entry in fs::read_dir(tools)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

impl Part {
    fn of(self, version: &str) -> &str {
        let mut numbers = version.trim_start_matches('v').split('.');
        match self {
            Self::Whole => version,
            Self::Major => numbers.next().unwrap_or_default(),
            Self::Minor => numbers.nth(1).unwrap_or_default(),
        }
    }
}

/// The version that a `go.mod` requires of a module, whether in a block or on a line of its own.
fn required_version<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().map(|line| line.trim().trim_start_matches("require ")).find_map(|line| {
        let version = line.strip_prefix(module)?.strip_prefix(' ')?;
        version.starts_with('v').then(|| version.split(' ').next().unwrap_or(version))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_pins_the_version_of_its_module() {
        for group in GROUPS {
            assert!(group.version().unwrap().starts_with('v'), "{}", group.directory);
            assert_eq!(group.key().unwrap().len(), 16);
        }
    }

    #[test]
    fn the_version_is_found_in_a_block_and_on_its_own() {
        let block = "require (\n\ta.org/a/b v0.9.0\n\ta.org/a v1.2.3 // indirect\n)\nreplace a.org/a => a.org/a v9.9.9";
        assert_eq!(required_version(block, "a.org/a"), Some("v1.2.3"));
        assert_eq!(required_version("require a.org/a v1.2.3\n", "a.org/a"), Some("v1.2.3"));
        assert_eq!(required_version("require a.org/ab v1.2.3\n", "a.org/a"), None);
    }

    #[test]
    fn a_version_has_a_major_and_a_minor_part() {
        assert_eq!((Part::Major.of("v1.35.4"), Part::Minor.of("v1.35.4")), ("1", "35"));
    }

    #[test]
    fn a_tool_is_found_by_its_name() {
        assert_eq!(by_name("kubectl").unwrap().name, "kubectl");
        assert!(by_name("docker").is_err_and(|error| error.to_string().contains("kubectl")));
    }
}
