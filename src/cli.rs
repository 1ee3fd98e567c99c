//! The command line of `beam-operator`.

use clap::{Parser, Subcommand};

use crate::operator::check;
use crate::operator::settings::Settings;
use crate::render;

/// Runs Elixir and Erlang releases on Kubernetes as BEAM clusters.
#[derive(Debug, Parser)]
#[command(name = "beam-operator", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until it is told to stop.
    Run(Box<Settings>),
    /// Ask whether the operator that is installed is complete and at work, as `helm test` does
    Check(check::Options),
    /// Print the CustomResourceDefinition
    Crd,
    /// Print the children that ElixirReleases would get, without a cluster
    Render(render::Options),
}
