//! `cargo xtask release`: everything that a version is published as, in `target/release-artifacts`.
//!
//! The version is that of the workspace, and every time in an archive is that of the last commit: the same commit makes
//! the same files. Nothing is published. Without `--dry-run` the commit gets its tag, and the commands that would publish
//! are printed.

mod addresses;
pub(crate) mod check;
mod checksums;
mod git;
mod notes;
mod packages;
mod plugin;
mod publish;
mod sbom;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::architecture::Architecture;
use crate::checkout::root;
use crate::compile::{self, Compiled};
use crate::{codegen, command, debian, progress};
use addresses::Addresses;
use notes::Notes;
use publish::Facts;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where the files of a release are put, in the checkout.
const DIRECTORY: &str = "target/release-artifacts";
/// What is put together there is here first.
const SCRATCH: &str = "target/release-scratch";

const OPERATOR: &str = "beam-operator";
const NOTES: &str = "release-notes.md";

/// What `cargo xtask release` is told.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Arguments {
    /// Only make the files: take the checkout and its changelog as they are, and tag nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The architectures to compile for, separated by commas. Default: all
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) arch: Vec<Architecture>,
    /// Where the operator's image will be, without a tag; the bundle's goes beside it. Default in a dry run: the image
    /// of the local cluster
    #[arg(long, value_name = "REGISTRY/NAME")]
    pub(crate) repository: Option<String>,
    /// Where the files will be downloaded from; the directory of a version is below it. Default in a dry run: a domain
    /// that does not exist
    #[arg(long, value_name = "URL")]
    pub(crate) downloads: Option<String>,
}

/// A version that is being put together.
struct Release {
    version: String,
    /// When its commit was made, in seconds since 1970.
    time: u64,
    directory: PathBuf,
    architectures: Vec<Architecture>,
    addresses: Addresses,
}

/// Makes the files of this version and, unless it is a dry run, tags it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).context("failed to read CHANGELOG.md")?;
    let notes = Notes::of(VERSION, &changelog)?;
    let tag = format!("v{VERSION}");
    if arguments.dry_run {
        if let Some(unfinished) = &notes.unfinished {
            eprintln!("only in a dry run: {unfinished}");
        }
    } else {
        refuse_unless_ready(arguments, &notes, &tag)?;
    }
    codegen::run(true)?;
    let release = Release::begin(arguments)?;
    release.make(&notes)?;
    println!("{}", table(&release.directory)?);
    if !arguments.dry_run {
        git::tag(&tag, &format!("{OPERATOR} {VERSION}"))?;
        println!("\n{}", publish::instructions(DIRECTORY, VERSION, &release.addresses));
    }
    Ok(())
}

fn refuse_unless_ready(arguments: &Arguments, notes: &Notes, tag: &str) -> Result<()> {
    let facts = Facts {
        tag,
        tag_exists: git::has_tag(tag)?,
        changes: &git::changes()?,
        unfinished: notes.unfinished.as_deref(),
        repository: arguments.repository.as_deref(),
        downloads: arguments.downloads.as_deref(),
    };
    let problems = facts.problems();
    ensure!(
        problems.is_empty(),
        "{VERSION} cannot be released yet; --dry-run makes its files all the same\n  - {}",
        problems.join("\n  - ")
    );
    Ok(())
}

impl Release {
    fn begin(arguments: &Arguments) -> Result<Self> {
        let mut architectures = arguments.arch.clone();
        if architectures.is_empty() {
            architectures = Architecture::ALL.to_vec();
        }
        architectures.sort();
        architectures.dedup();
        let addresses = Addresses::new(arguments.repository.as_deref(), arguments.downloads.as_deref())?;
        let time = match git::time_of_commit() {
            // An archive of the sources has no commit.
            Err(error) if arguments.dry_run => {
                eprintln!("only in a dry run: the files are of 1970, since {error:#}");
                0
            }
            time => time?,
        };
        let directory = empty(DIRECTORY)?;
        Ok(Self { version: VERSION.to_owned(), time, directory, architectures, addresses })
    }

    fn make(&self, notes: &Notes) -> Result<()> {
        let mut operators = Vec::new();
        for architecture in &self.architectures {
            operators.push((*architecture, self.binary(OPERATOR, *architecture)?.path));
            let plugin = self.binary(plugin::BINARY, *architecture)?;
            plugin::archive(self, *architecture, &plugin.path)?;
        }
        plugin::manifest(self)?;
        progress::step("packing images, charts and manifests", "", || {
            packages::operator(self, &operators)?;
            packages::charts(self)?;
            packages::bundle(self)?;
            packages::files(self)
        })?;
        self.write(NOTES, notes.text.as_bytes())?;
        self.write(checksums::FILE, checksums::of(&self.directory)?.as_bytes())
    }

    /// Compiles a binary, has it say its version, and writes what it is made of.
    fn binary(&self, package: &str, architecture: Architecture) -> Result<Compiled> {
        let what = format!("compiling {package} for {architecture}");
        let compiled =
            progress::step(&what, "minutes, if much has changed", || compile::binary(package, architecture))?;
        let said = command::output(starting(&compiled.path, architecture)?.arg("--version"))?;
        let expected = format!("{package} {}", self.version);
        ensure!(said.trim() == expected, "{} says that it is {said:?}, not {expected}", compiled.path.display());
        let bom = sbom::of(package, architecture, &compiled, self.time)?;
        self.write(&file_name(package, &self.version, architecture, ".cdx.json"), &bom)?;
        Ok(compiled)
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.directory.join(name);
        fs::write(&path, content).with_context(|| format!("failed to write {}", path.display()))
    }
}

/// An empty directory for what becomes an archive, or is taken out of one.
fn scratch(name: &str) -> Result<PathBuf> {
    empty(&format!("{SCRATCH}/{name}"))
}

/// A command that starts a binary of an architecture on this machine.
fn starting(binary: &Path, architecture: Architecture) -> Result<Command> {
    if architecture == Architecture::NATIVE {
        return Ok(Command::new(binary));
    }
    if !command::is_installed(architecture.emulator()) {
        debian::ensure(&["qemu-user-static"])?;
    }
    let mut emulator = Command::new(architecture.emulator());
    emulator.arg(binary);
    Ok(emulator)
}

/// A directory of the checkout, emptied.
fn empty(path: &str) -> Result<PathBuf> {
    let directory = root().join(path);
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("failed to remove {path}"))?;
    }
    fs::create_dir_all(&directory).with_context(|| format!("failed to create {path}"))?;
    Ok(directory)
}

/// The name of a file that is of one version and one architecture.
fn file_name(what: &str, version: &str, architecture: Architecture, suffix: &str) -> String {
    format!("{what}_{version}_linux_{architecture}{suffix}")
}

/// The names of the files right in a directory, sorted.
fn files(directory: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(directory).with_context(|| format!("failed to list {}", directory.display()))?;
    let mut names =
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// The files of a directory with their sizes.
fn table(directory: &Path) -> Result<String> {
    let names = files(directory)?;
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let rows = names.iter().map(|name| {
        let size = fs::metadata(directory.join(name))?.len();
        Ok(format!("{name:width$}  {:>7} KiB", size.div_ceil(1024)))
    });
    Ok(rows.collect::<Result<Vec<_>>>()?.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_is_and_what_it_runs_on() {
        assert_eq!(
            file_name("kubectl-beam", "9.2.0", Architecture::Arm64, ".tar.gz"),
            "kubectl-beam_9.2.0_linux_arm64.tar.gz"
        );
    }

    #[test]
    fn the_table_has_a_row_for_each_file_in_the_order_of_names() {
        let directory = std::env::temp_dir().join(format!("beam-operator-table-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("bb"), [0; 1025]).unwrap();
        fs::write(directory.join("a"), "1").unwrap();
        let table = table(&directory).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(table, "a         1 KiB\nbb        2 KiB");
    }
}
