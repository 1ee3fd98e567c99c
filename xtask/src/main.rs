//! Development tasks of beam-operator: `cargo xtask help` lists them.
//!
//! They are written in Rust rather than in shell, so that every failure carries what was tried, and so that what a
//! task starts can be recorded, repaired and taken down again.

mod architecture;
mod bench;
mod cargo_tools;
mod changelog;
mod chart;
mod checkout;
mod cluster;
mod codegen;
mod command;
mod compile;
mod debian;
mod demo;
mod deny;
mod fingerprint;
mod gateway;
mod image;
mod kubectl;
mod manifests;
mod olm;
mod progress;
mod refusal;
mod release;
mod target;
mod test;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks of beam-operator")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// A real Kubernetes cluster on this machine
    #[command(subcommand)]
    Cluster(cluster::cli::Task),
    /// Build the images of the sample application and of the operator, and put them on a cluster's nodes
    Image(image::Arguments),
    /// Write the CRD, the chart's copy of it, the plain manifests and the chart's table of values from their sources
    Codegen {
        /// Write nothing, and fail if a file no longer follows from its source
        #[arg(long)]
        check: bool,
    },
    /// Check licenses, sources and bans of the dependencies by cargo-deny
    Deny,
    /// Check the chart, the CRD, the manifests and the examples against the schemas of their kinds
    Manifests,
    /// Install OLM on a local cluster, with a catalog that offers the operator of this checkout
    Olm(olm::Arguments),
    /// Three meshed nodes of a real release on a real cluster, from nothing
    Demo(demo::Arguments),
    /// Every check there is: lints, units, a real API server, real nodes
    Test(test::Arguments),
    /// What a thousand releases cost in memory, requests and time, on a real API server
    ///
    /// Fails only if something could not be measured, not because a goal is missed: the table says which are met.
    Bench(bench::Arguments),
    /// Everything that a version is published as, in target/release-artifacts
    Release(release::Arguments),
    /// Build a tool of the cluster into the cache, unless it is there, and print its path
    Tool {
        /// The command's name, such as kubectl or helm
        name: String,
    },
    /// Print the path of the CRD of HTTPRoutes, as the Gateway API publishes it
    HttpRoutes,
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Cluster(task) => cluster::cli::run(task),
        Task::Image(arguments) => image::run(&arguments),
        Task::Codegen { check } => codegen::run(check),
        Task::Deny => deny::run(),
        Task::Manifests => manifests::run(),
        Task::Olm(arguments) => olm::run(&arguments),
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Test(arguments) => test::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Release(arguments) => release::run(&arguments),
        Task::Tool { name } => {
            println!("{}", tools::by_name(&name)?.path()?.display());
            Ok(())
        }
        Task::HttpRoutes => {
            println!("{}", gateway::http_routes()?.display());
            Ok(())
        }
    }
}
