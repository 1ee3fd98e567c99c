//! `kubectl beam`, the kubectl plugin of beam-operator.

use clap::{Parser, Subcommand};

/// Looks at Elixir and Erlang releases on Kubernetes, and asks for what their rollouts are to do.
#[derive(Debug, Parser)]
#[command(name = "kubectl-beam", bin_name = "kubectl beam", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the version of this plugin
    Version,
}

fn main() {
    match Cli::parse().command {
        Command::Version => println!("kubectl-beam {}", env!("CARGO_PKG_VERSION")),
    }
}
