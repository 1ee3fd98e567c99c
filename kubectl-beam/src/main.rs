//! `kubectl beam`, the kubectl plugin of beam-operator: it shows what the operator tells of releases, and asks for what their
//! rollouts are to do.
//!
//! What is asked for is an annotation of the release, as `docs/upgrades.md` tells; the spec is never written. So there is
//! nothing here that kubectl could not do with longer words.
//!
//! | file | subject |
//! |---|---|
//! | `cli` | the command line |
//! | `cluster`, `error` | every request to the API server, and what is told when one fails |
//! | `ask`, `answer` | asking for something, and what became of it |
//! | `status`, `nodes`, `conditions`, `history` | what is shown, as pure functions |
//! | `text` | tables, ages, and what may be printed |

mod answer;
mod ask;
mod cli;
mod cluster;
mod conditions;
mod error;
mod history;
mod nodes;
mod status;
mod text;

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use beam_operator::operator::client::install_crypto;
use clap::Parser as _;
use jiff::Timestamp;

use self::cli::{Cli, Command};
use self::cluster::Cluster;

/// The operator has not answered in time. What was asked for stands.
const NOT_ANSWERED: u8 = 3;

fn main() -> ExitCode {
    install_crypto();
    let cli = Cli::parse();
    match start(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", text::printable(&format!("{error:#}")));
            let is_open = error.downcast_ref().is_some_and(ask::Failure::is_open);
            if is_open { ExitCode::from(NOT_ANSWERED) } else { ExitCode::FAILURE }
        }
    }
}

fn start(cli: &Cli) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("requests cannot be sent")?.block_on(run(cli))
}

async fn run(cli: &Cli) -> Result<()> {
    let now = Timestamp::now();
    let connect = async || Cluster::connect(&cli.target).await;
    match &cli.command {
        Command::Status { names, all_namespaces } => {
            let told = status::run(&connect().await?, names, *all_namespaces, now).await?;
            print(&told.text)?;
            told.failures()
        }
        Command::History { name } => print(&history::run(&connect().await?, name, now).await?),
        Command::Ask(request) => {
            let told = ask::run(&connect().await?, request, now).await?;
            for warning in &told.warnings {
                eprintln!("warning: {}", text::printable(warning));
            }
            print(&told.text)
        }
        Command::Version { client } => {
            print(&format!("kubectl-beam: {}\n", env!("CARGO_PKG_VERSION")))?;
            if *client {
                return Ok(());
            }
            print(&format!("cluster: {}\n", connect().await?.served().await?))
        }
    }
}

fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text::printable(text).as_bytes()) {
        // A reader that goes away early, as `head` does, has what it wanted.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("the answer cannot be printed"),
        _ => Ok(()),
    }
}
