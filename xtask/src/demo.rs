//! `cargo xtask demo`: from a bare machine to three meshed nodes of a real Elixir release.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::checkout::root;
use crate::image::{Selection, operator_reference};
use crate::progress;
use crate::target::Target;

const EXAMPLE: &str = "examples/shop.yaml";
/// The image in it.
const SHOP: &str = "localhost/shop:1";
/// How long nodes may take to find each other once all are ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// What `cargo xtask demo` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The cluster to run in, made if there is none of this name
    #[arg(long, default_value = "dev", conflicts_with = "kubeconfig")]
    name: String,
    /// Run in a cluster that exists instead, whose nodes have the two images or can pull them
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The operator's image in a cluster that exists
    #[arg(long, value_name = "REPOSITORY:TAG", requires = "kubeconfig", default_value_t = operator_reference())]
    operator_image: String,
    /// The sample application's image in a cluster that exists
    #[arg(long, value_name = "IMAGE", requires = "kubeconfig", default_value = SHOP)]
    shop_image: String,
}

/// Runs the demo and leaves everything up for a closer look.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let target = match &arguments.kubeconfig {
        Some(kubeconfig) => Target::existing(kubeconfig, &arguments.operator_image)?,
        None => Target::own(&arguments.name, &[Selection::Shop, Selection::Operator])?,
    };
    progress::step("installing the operator by its Helm chart", "", || target.install_operator())?;
    show(&target, &arguments.shop_image)?;
    eprintln!("\nThree nodes, one cluster, one resource. To look further:");
    eprintln!("  export KUBECONFIG={}", target.kubectl.kubeconfig().display());
    eprintln!("  kubectl scale elixirrelease/shop --replicas 5");
    if arguments.kubeconfig.is_none() {
        eprintln!("and to end it: cargo xtask cluster down --name {}", arguments.name);
    }
    Ok(())
}

/// Shows the example twice, in between with nodes that are on their way out, and removes it.
pub(crate) fn check(target: &Target) -> Result<()> {
    show(target, SHOP)?;
    target.kubectl.show(&["scale", "elixirrelease/shop", "--replicas=5"])?;
    target.kubectl.show(&[
        "wait",
        "--for=jsonpath={.status.readyReplicas}=5",
        "elixirrelease/shop",
        "--timeout=180s",
    ])?;
    show(target, SHOP)?;
    target.kubectl.show(&["delete", "elixirrelease/shop", "--wait", "--cascade=foreground", "--timeout=180s"])
}

/// Applies the example to a cluster in which the operator runs, and shows what becomes of it.
fn show(target: &Target, image: &str) -> Result<()> {
    let example = example(image)?;
    target.kubectl.show(&["apply", "-f", &example.to_string_lossy()])?;
    target.kubectl.show(&["wait", "--for=condition=Ready", "elixirrelease/shop", "--timeout=180s"])?;
    target.kubectl.show(&["get", "elixirreleases,pods,services", "-o", "wide"])?;
    let began = Instant::now();
    let mesh = loop {
        match mesh(target) {
            Err(_) if began.elapsed() < PATIENCE => thread::sleep(Duration::from_secs(1)),
            mesh => break mesh?,
        }
    };
    eprint!("{mesh}");
    Ok(())
}

/// The example's file, or a copy of it with another image.
fn example(image: &str) -> Result<PathBuf> {
    let path = root().join(EXAMPLE);
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let mut release: Value = serde_yaml::from_str(&text).with_context(|| format!("{EXAMPLE} is not YAML"))?;
    if release["spec"]["image"] == image {
        return Ok(path);
    }
    release["spec"]["image"] = image.into();
    let copy = root().join("target/demo-shop.json");
    fs::write(&copy, release.to_string()).with_context(|| format!("failed to write {}", copy.display()))?;
    Ok(copy)
}

/// What each node says of whom it is connected to; an error unless that is every other one.
fn mesh(target: &Target) -> Result<String> {
    let pods =
        target.kubectl.ask(&["get", "pods", "--selector", "beam-operator.io/release=shop", "--output", "json"])?;
    let pods = staying(&serde_json::from_str(&pods)?);
    let mut told = String::new();
    for pod in &pods {
        let question = "IO.puts([to_string(node()), \" sees \", Enum.join(Node.list(), \", \")])";
        let answer = target.kubectl.ask(&["exec", pod, "--", "/app/bin/shop", "rpc", question])?;
        let peers = answer.matches('@').count().saturating_sub(1);
        ensure!(peers + 1 == pods.len(), "{pod} sees {peers} peers of {}: {answer}", pods.len() - 1);
        told.push_str(&answer);
    }
    if told.is_empty() {
        bail!("there are no pods");
    }
    Ok(told)
}

/// The names of the pods that are not on their way out.
fn staying(list: &Value) -> Vec<String> {
    let pods = list["items"].as_array().into_iter().flatten().map(|pod| &pod["metadata"]);
    let staying = pods.filter(|metadata| metadata["deletionTimestamp"].is_null());
    staying.filter_map(|metadata| metadata["name"].as_str()).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn pods_that_end_are_not_asked() {
        let list = json!({"items": [
            {"metadata": {"name": "a"}},
            {"metadata": {"name": "b", "deletionTimestamp": "2026-11-23T04:42:32Z"}},
        ]});
        assert_eq!(staying(&list), ["a"]);
    }

    #[test]
    fn images_are_named_for_a_cluster_that_exists() {
        let parse = |words: &[&str]| Line::try_parse_from([&["demo"], words].concat()).map(|line| line.arguments);
        let images = ["--operator-image", "r/o:1", "--shop-image", "r/s:1"];
        let arguments = parse(&[&["--kubeconfig", "f"], &images[..]].concat()).unwrap();
        assert_eq!((&*arguments.operator_image, &*arguments.shop_image), ("r/o:1", "r/s:1"));
        assert!(parse(&images).is_err());
        assert!(parse(&["--kubeconfig", "f", "--name", "dev"]).is_err());
    }

    #[test]
    fn the_example_is_applied_as_it_is_or_with_another_image() {
        assert!(example("localhost/shop:1").unwrap().ends_with(EXAMPLE));
        let copy: Value = serde_json::from_str(&fs::read_to_string(example("r/s:1").unwrap()).unwrap()).unwrap();
        assert_eq!(copy["spec"]["image"], "r/s:1");
    }
}
