//! `cargo xtask test`: every check there is, in the order in which a failure costs the least time.
//!
//! A step that cannot run where it is fails and says why; none is skipped. What the steps start is taken down again,
//! also after a failure: clusters by their records, processes by the tests that started them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::cluster::{self, Wanted};
use crate::codegen;
use crate::gateway;
use crate::image::{self, Selection};
use crate::target::Target;
use crate::{command, demo, deny, manifests, progress, release};

/// The clusters of the tests, so that they never meet somebody's development cluster.
const API_CLUSTER: &str = "test-api";
const NODES_CLUSTER: &str = "test-nodes";

/// Names the file with the CRD of HTTPRoutes to the tests.
const ROUTES: &str = "BEAM_OPERATOR_TEST_HTTPROUTES";

/// The plugin, which the tests run as people do.
const PLUGIN: &str = "kubectl-beam";

/// Which of the checks to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this step
    #[arg(long, value_enum)]
    only: Option<Step>,
    /// Leave the clusters of the tests up, for a closer look or a faster second run
    #[arg(long)]
    keep: bool,
    /// Passed on to the test programs, such as the name of a test
    #[arg(trailing_var_arg = true)]
    filter: Vec<String>,
}

/// A step of the test command.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Step {
    /// Format, lints, generated files, licenses, manifests
    Lint,
    /// Everything that needs no cluster
    Unit,
    /// The operator against a real API server
    Api,
    /// The client of Erlang's distribution against nodes of every OTP release that there are images for
    Beam,
    /// The files of a release for this machine's architecture, each looked at and made twice
    Release,
    /// The local cluster itself: links cut, nodes lost, repair, and that nothing is left behind
    Cluster,
    /// The operator on real nodes
    Nodes,
}

const STEPS: [(Step, &str); 7] = [
    (Step::Lint, "format, lints, generated files, licenses and manifests"),
    (Step::Unit, "what needs no cluster"),
    (Step::Api, "the operator against a real API server"),
    (Step::Beam, "the distribution client against BEAM nodes"),
    (Step::Release, "the files of a release"),
    (Step::Cluster, "the local cluster itself"),
    (Step::Nodes, "the operator on real nodes"),
];

/// Runs the steps that were asked for.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    for (step, what) in STEPS.iter().filter(|(step, _)| arguments.only.is_none_or(|only| only == *step)) {
        progress::step(&format!("checking {what}"), "", || match step {
            Step::Lint => lint(),
            Step::Unit => cargo(&["test", "--workspace", "--quiet", "--"], &arguments.filter, &[]),
            Step::Api => in_cluster(API_CLUSTER, arguments.keep, || api(&arguments.filter)),
            Step::Beam => beam(&arguments.filter),
            Step::Release => release::check::run(),
            Step::Cluster => cluster::cli::run(cluster::cli::Task::Check),
            Step::Nodes => in_cluster(NODES_CLUSTER, arguments.keep, || nodes(&arguments.filter)),
        })
        .with_context(|| format!("the check of {what} failed"))?;
    }
    Ok(())
}

fn lint() -> Result<()> {
    cargo(&["fmt", "--all", "--check"], &[], &[])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"], &[], &[])?;
    codegen::run(true)?;
    deny::run()?;
    manifests::run()
}

fn api(filter: &[String]) -> Result<()> {
    let wanted = Wanted { control_plane_only: true, controller_manager: true, ..Wanted::default() };
    let kubeconfig = cluster::up(API_CLUSTER, &wanted)?.kubeconfig();
    let (routes, plugin) = (gateway::http_routes()?, plugin()?);
    let variables = [
        ("BEAM_OPERATOR_TEST_KUBECONFIG", kubeconfig.as_path()),
        ("BEAM_OPERATOR_TEST_PLUGIN", plugin.as_path()),
        (ROUTES, routes.as_path()),
    ];
    let run = |threads, more: &[String]| {
        let run = ["test", "--quiet", "--test", "api", "--", "--include-ignored", "--test-threads", threads];
        cargo(&run, more, &variables)
    };
    // They mostly wait, so that six at a time keep two cores busy.
    let at_a_time = "6";
    if !filter.is_empty() {
        return run(at_a_time, filter);
    }
    // Of some it is measured how long they take, which must not depend on what else runs.
    let alone = "alone::".to_owned();
    run(at_a_time, &["--skip".to_owned(), alone.clone()])?;
    run("1", &[alone])
}

/// Compiles the plugin. Cargo puts all programs of a profile beside each other, so it is where this one is.
fn plugin() -> Result<PathBuf> {
    command::run(command::cargo().args(["build", "--quiet", "--package", PLUGIN]))?;
    let path = std::env::current_exe()?.with_file_name(PLUGIN);
    ensure!(path.is_file(), "cargo put no {PLUGIN} at {}: run this by `cargo xtask`", path.display());
    Ok(path)
}

fn beam(filter: &[String]) -> Result<()> {
    let roots = std::env::join_paths(image::otp_roots()?)?;
    let run = ["test", "--quiet", "--test", "beam", "--", "--include-ignored", "--test-threads", "4"];
    cargo(&run, filter, &[("BEAM_OPERATOR_TEST_OTP", Path::new(&roots))])
}

fn nodes(filter: &[String]) -> Result<()> {
    let target = Target::own(NODES_CLUSTER, &[Selection::All])?;
    target.install_operator()?;
    if filter.is_empty() {
        demo::check(&target)?;
    }
    let variables = [
        ("BEAM_OPERATOR_E2E_KUBECONFIG", target.kubectl.kubeconfig()),
        ("BEAM_OPERATOR_E2E_CLUSTER", Path::new(NODES_CLUSTER)),
        (ROUTES, &gateway::http_routes()?),
    ];
    let run = ["test", "--quiet", "--test", "e2e", "--", "--include-ignored", "--test-threads", "4"];
    cargo(&run, filter, &variables)?;
    if filter.is_empty() {
        target.install_operator_by_manifests()?;
        demo::check(&target)?;
    }
    Ok(())
}

/// Runs tests against a cluster and takes it down afterwards, whatever came of them.
fn in_cluster(name: &str, keep: bool, tests: impl FnOnce() -> Result<()>) -> Result<()> {
    let outcome = tests();
    if keep {
        eprintln!("cluster {name} stays up; to end it: cargo xtask cluster down --name {name}");
        return outcome;
    }
    let removed = cluster::down(name);
    outcome.and(removed)
}

fn cargo(words: &[&str], filter: &[String], variables: &[(&str, &Path)]) -> Result<()> {
    let mut cargo = command::cargo();
    cargo.args(words).args(filter).envs(variables.iter().copied());
    command::run(&mut cargo)
}
