//! `cargo xtask bench`: what a thousand releases cost, and a thousand nodes, measured on a real API server.
//!
//! The cluster is etcd and the API server alone, so that nobody but the operator writes. Its audit log, which loses
//! nothing, says what the operator asked for; the kernel says what memory it has; and the same objects, made by plain
//! requests in the same run, say how fast this machine is. The operator is the binary of the image, with the permissions
//! and arguments of the manifests that people install.

mod api_server;
mod audit;
mod bed;
mod bodies;
mod figures;
mod nodes;
mod operator;
mod phases;
mod plain;
mod report;
mod requests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::bed::Bed;
use self::figures::Measured;
use self::phases::Phases;
use self::report::Report;
use crate::{cluster, debian, image};

/// A cluster of its own, made anew for each measurement.
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
    /// Simulated BEAM nodes to watch, in releases of twenty
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=9999))]
    nodes: u32,
    /// Measure only what releases cost, or only what nodes cost
    #[arg(long, value_enum)]
    only: Option<Measurement>,
    /// Write the figures to this file too, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// What releases cost the API server, and the operator in memory and time
    Releases,
    /// What it costs to watch nodes
    Nodes,
}

/// Measures, prints the figures and takes everything down, whatever came of it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    debian::ensure(&["curl"])?;
    let binary = image::compile_operator()?;
    let mut reports = Vec::new();
    for measurement in [Measurement::Releases, Measurement::Nodes] {
        if arguments.only.is_some_and(|only| only != measurement) {
            continue;
        }
        let report = on_a_cluster_of_its_own(|| match measurement {
            Measurement::Releases => measure_releases(arguments, &binary),
            Measurement::Nodes => measure_nodes(arguments, &binary),
        })?;
        println!("{}", report.table());
        reports.push(report);
    }
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&reports)?;
        fs::write(file, text).with_context(|| format!("failed to write {}", file.display()))?;
    }
    Ok(())
}

fn on_a_cluster_of_its_own(measure: impl FnOnce() -> Result<Report>) -> Result<Report> {
    // What a run left that was interrupted would be measured as well.
    if cluster::exists(CLUSTER)? {
        cluster::down(CLUSTER)?;
    }
    let measured = measure();
    let removed = cluster::down(CLUSTER);
    let report = measured?;
    removed?;
    Ok(report)
}

/// The phases in their order: each begins where the one before has come to rest.
fn measure_releases(arguments: &Arguments, binary: &Path) -> Result<Report> {
    let load_before = report::load()?;
    let mut phases = Phases::begin(Bed::make(CLUSTER, binary, &bodies::namespaces())?, arguments.releases);
    phases.make_foreign_objects(arguments.foreign)?;
    let start = phases.start()?;
    let creation = phases.create()?;
    let copies = phases.copies()?;
    let children = copies.children();
    let rest = phases.rest()?;
    let restart = phases.restart()?;
    let update = phases.update()?;
    let plain = phases.create_plainly(copies)?;
    let load = [load_before, report::load()?];
    Ok(figures::report(arguments, load, &Measured { start, creation, rest, restart, update, children, plain }))
}

fn measure_nodes(arguments: &Arguments, binary: &Path) -> Result<Report> {
    let load_before = report::load()?;
    let watched = nodes::measure(CLUSTER, binary, arguments.nodes)?;
    Ok(nodes::report([load_before, report::load()?], &watched))
}
