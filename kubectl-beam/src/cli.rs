//! The command line, in kubectl's manner.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;

/// Looks at Elixir and Erlang releases on Kubernetes, and asks for what their rollouts are to do.
#[derive(Debug, Parser)]
#[command(name = "kubectl-beam", bin_name = "kubectl beam", version)]
pub struct Cli {
    /// Where to look.
    #[command(flatten)]
    pub target: Target,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The cluster and the namespace.
#[derive(Args, Debug)]
pub struct Target {
    /// Namespace of the release [default: that of the context]
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig [default: the current one]
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Kubeconfig [default: those of $KUBECONFIG, or ~/.kube/config, or the ServiceAccount of the pod]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how a release is, its rollout and its nodes; several, or all of the namespace, as a table
    Status {
        /// Releases [default: all of the namespace]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// All of all namespaces
        #[arg(short = 'A', long, conflicts_with = "names")]
        all_namespaces: bool,
    },
    /// Show the revisions of a release, those that can be gone back to
    History {
        /// The release
        name: String,
    },
    /// What is asked of the operator.
    #[command(flatten)]
    Ask(Request),
    /// Print the version of this plugin, and what the cluster serves
    Version {
        /// Only that of this plugin, without asking the cluster
        #[arg(long)]
        client: bool,
    },
}

/// What can be asked of the operator.
#[derive(Clone, Debug, Subcommand)]
pub enum Request {
    /// Hold the rollouts of a release where they are; all else goes on
    Pause(Options),
    /// Let rollouts go on that were paused
    Resume(Options),
    /// Restart all nodes, as the rollout strategy says
    Restart(Options),
    /// Run an earlier revision until the spec asks for something else
    Undo {
        /// Name or number of the revision [default: the newest other one that was not rejected]
        #[arg(long, value_name = "REVISION", value_parser = revision)]
        to: Option<String>,
        /// How it is asked for.
        #[command(flatten)]
        options: Options,
    },
    /// Let a rollout go on that waits for it: switch traffic, or take the next step
    Promote(Options),
    /// Give up the rollout that is under way, and run the last revision that ran completely
    Abort(Options),
    /// Try the revision that failed, or its failed migration, again
    Retry(Options),
}

impl Request {
    /// How it is asked for.
    pub fn options(&self) -> &Options {
        match self {
            Self::Pause(options)
            | Self::Resume(options)
            | Self::Restart(options)
            | Self::Undo { options, .. }
            | Self::Promote(options)
            | Self::Abort(options)
            | Self::Retry(options) => options,
        }
    }
}

/// How something is asked for.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The release
    pub name: String,
    /// Do not wait for the operator's answer
    #[arg(long, conflicts_with = "timeout")]
    pub no_wait: bool,
    /// How long to wait for the operator's answer, such as 90s or 2m
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub timeout: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<SignedDuration>().map_err(|_| "must be a duration such as 90s or 2m".to_owned())?;
    Duration::try_from(duration).map_err(|_| "must not be negative".to_owned())
}

/// The annotation takes what follows an `@` for something else.
fn revision(text: &str) -> Result<String, String> {
    let is_one = !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '.');
    is_one
        .then(|| text.to_owned())
        .ok_or_else(|| "must be the name or number of a revision: kubectl beam history NAME lists them".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use rstest::rstest;

    use super::*;

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[rstest]
    #[case("30s", Some(30))]
    #[case("2m", Some(120))]
    #[case("1m30s", Some(90))]
    #[case("0s", Some(0))]
    #[case("30", None)]
    #[case("-1s", None)]
    #[case("soon", None)]
    fn durations_have_a_unit(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(duration(text).ok(), seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case("12", true)]
    #[case("shop-9d0c71c327", true)]
    #[case("previous@2", false)]
    #[case("", false)]
    fn a_revision_is_a_name_or_a_number(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(revision(text).is_ok(), is_one);
    }

    #[test]
    fn where_to_look_may_be_said_before_and_after_the_command() {
        for line in ["beam -n store status shop", "beam status shop --namespace store"] {
            assert_eq!(parse(line).unwrap().target.namespace.as_deref(), Some("store"), "{line}");
        }
    }

    #[test]
    fn half_a_minute_is_waited_unless_told_otherwise() {
        let Command::Ask(request) = parse("beam restart shop").unwrap().command else { panic!("not a request") };
        assert_eq!((request.options().timeout, request.options().no_wait), (Duration::from_secs(30), false));
    }

    #[rstest]
    #[case::names_of_all("beam status shop -A")]
    #[case::no_name("beam pause")]
    #[case::two_names("beam pause shop blog")]
    #[case::both("beam pause shop --no-wait --timeout 3s")]
    #[case::nothing("beam")]
    fn what_makes_no_sense_is_refused(#[case] line: &str) {
        parse(line).unwrap_err();
    }
}
