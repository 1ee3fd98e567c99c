//! `cargo xtask bench`: what a thousand releases cost, measured on a real API server.
//!
//! The cluster is etcd and the API server alone, so that nobody but the operator writes. Its audit log, which loses
//! nothing, says what the operator asked for; the kernel says what memory it has; and the same objects, made by plain
//! requests in the same run, say how fast this machine is. The operator is the binary of the image, with the permissions
//! and arguments of the manifests that people install.

mod api_server;
mod audit;
mod bodies;
mod operator;
mod phases;
mod plain;
mod report;
mod requests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::api_server::ApiServer;
use self::operator::Operator;
use self::phases::Phases;
use self::report::{Measured, Report};
use crate::{cluster, debian, image};

/// A cluster of its own, made anew for each run.
const CLUSTER: &str = "bench";

/// What `cargo xtask bench` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// ElixirReleases to make, of seven children each
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=9999))]
    releases: u32,
    /// Objects of others to make before, Secrets and ConfigMaps by turns
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=99_999))]
    foreign: u32,
    /// Write the figures to this file too, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, prints the figures and takes everything down, whatever came of it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    debian::ensure(&["curl"])?;
    let binary = image::compile_operator()?;
    // What a run left that was interrupted would be measured as well.
    if cluster::exists(CLUSTER)? {
        cluster::down(CLUSTER)?;
    }
    let measured = measure(arguments, &binary);
    let removed = cluster::down(CLUSTER);
    let report = measured?;
    print!("{}", report.table());
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(file, text).with_context(|| format!("failed to write {}", file.display()))?;
    }
    removed
}

/// The phases in their order: each begins where the one before has come to rest.
fn measure(arguments: &Arguments, binary: &Path) -> Result<Report> {
    let load_before = report::load()?;
    let api_server = ApiServer::start(CLUSTER)?;
    let operator = Operator::install(&api_server, binary)?;
    let mut phases = Phases::begin(api_server, operator, arguments.releases)?;
    phases.make_foreign_objects(arguments.foreign)?;
    let start = phases.start()?;
    let creation = phases.create()?;
    let copies = phases.copied_children()?;
    let children = copies[0].len();
    let rest = phases.rest()?;
    let restart = phases.restart()?;
    let update = phases.update()?;
    let plain = phases.create_plainly(copies)?;
    let load = [load_before, report::load()?];
    Ok(Report::of(arguments, load, &Measured { start, creation, rest, restart, update, children, plain }))
}
