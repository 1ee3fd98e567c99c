//! `cargo xtask demo`: from a bare machine to three meshed nodes of a real Elixir release.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::checkout::root;
use crate::image::Selection;
use crate::progress;
use crate::target::Target;

const NODES: u8 = 3;

/// What `cargo xtask demo` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The cluster to run in, made if there is none of this name
    #[arg(long, default_value = "dev")]
    name: String,
    /// Run in a cluster that exists instead, whose nodes have localhost/shop:1 and localhost/beam-operator
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// Runs the demo and leaves everything up for a closer look.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let target = match &arguments.kubeconfig {
        Some(kubeconfig) => Target::existing(kubeconfig)?,
        None => Target::own(&arguments.name, NODES, &[Selection::Shop, Selection::Operator])?,
    };
    progress::step("installing the operator by its Helm chart", "", || target.install_operator())?;
    let example = root().join("examples/shop.yaml");
    target.show(&["apply", "-f", &example.to_string_lossy()])?;
    target.show(&["wait", "--for=condition=Ready", "elixirrelease/shop", "--timeout=180s"])?;
    target.show(&["get", "elixirreleases,pods,services", "-o", "wide"])?;
    show_mesh(&target)?;
    eprintln!("\nThree nodes, one cluster, one resource. To look further:");
    eprintln!("  export KUBECONFIG={}", target.kubeconfig().display());
    eprintln!("  kubectl scale elixirrelease/shop --replicas 5");
    if arguments.kubeconfig.is_none() {
        eprintln!("and to end it: cargo xtask cluster down --name {}", arguments.name);
    }
    Ok(())
}

/// Asks each node whom it is connected to, and fails unless it is every other one.
fn show_mesh(target: &Target) -> Result<()> {
    let selector = "beam-operator.io/release=shop";
    let pods = target.ask(&["get", "pods", "--selector", selector, "--output", "name"])?;
    let pods: Vec<_> = pods.lines().collect();
    for pod in &pods {
        let question = "IO.puts([to_string(node()), \" sees \", Enum.join(Node.list(), \", \")])";
        let answer = target.ask(&["exec", pod, "--", "/app/bin/shop", "rpc", question])?;
        eprint!("{answer}");
        let peers = answer.matches('@').count().saturating_sub(1);
        ensure!(peers + 1 == pods.len(), "{pod} sees {peers} peers of {}", pods.len() - 1);
    }
    Ok(())
}
