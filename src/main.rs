//! The `beam-operator` program: reads the command line, and turns how the operator ended into an exit code.

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use beam_operator::cli::{Cli, Command};
use beam_operator::operator::settings::Settings;
use beam_operator::operator::{self, limits, telemetry};
use beam_operator::{api, controller, render};
use clap::{CommandFactory, Parser};

/// The process lost its Lease: another one may be leading.
const LOST_LEADERSHIP: u8 = 3;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(settings) => run(*settings),
        Command::Check(options) => print(check(&options)),
        Command::Crd => print(serde_yaml::to_string(&api::crd()).map_err(anyhow::Error::from)),
        Command::Render(render::Options { file, facts }) => {
            let rendered = render::file(&file, &facts.into());
            for warning in rendered.iter().flat_map(|rendered| &rendered.warnings) {
                eprintln!("{warning}");
            }
            print(rendered.map(|rendered| rendered.documents))
        }
    }
}

/// Prints the text, or what is wrong to standard error.
fn print(text: anyhow::Result<String>) -> ExitCode {
    match text {
        // A reader that goes away early, as `head` does, has what it wanted.
        Ok(text) => match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        },
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A line about everything that is as it should be.
fn check(options: &operator::check::Options) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(operator::check::run(options))?.join("\n") + "\n")
}

fn run(settings: Settings) -> ExitCode {
    if let Err(invalid) = settings.validate() {
        Cli::command().error(clap::error::ErrorKind::ValueValidation, invalid).exit();
    }
    match start(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            let lost = matches!(error.downcast_ref(), Some(operator::Error::Lost(_)));
            if lost { ExitCode::from(LOST_LEADERSHIP) } else { ExitCode::FAILURE }
        }
    }
}

fn start(settings: Settings) -> anyhow::Result<()> {
    telemetry::init(settings.log_format, &settings.log_level)?;
    if let Err(error) = limits::raise_open_files() {
        tracing::warn!(%error, "the limit of open files cannot be raised, which limits how many nodes can be watched");
    }
    let threads = usize::from(settings.worker_threads);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let ended = runtime.block_on(operator::run(settings, controller::run));
    // Tasks that do not notice the end must not delay it.
    runtime.shutdown_background();
    Ok(ended?)
}
