//! The Operator Lifecycle Manager on a local cluster, with the operator in its catalog.
//!
//! Both of OLM's own operators run in pods, as its chart installs them, and the catalog offers the bundle of this checkout.
//! What is left out is what a cluster without a registry and without users has no use for: the community's catalog,
//! and the API server for package manifests, which consoles ask.

mod earlier;
mod images;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::kubectl::Kubectl;
use crate::{command, tools};

/// The workspace has one version; this crate's is the operator's too.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where OLM runs, and where its catalogs are offered to all namespaces from.
const NAMESPACE: &str = "olm";
/// Where OLM has an OperatorGroup for operators that serve all namespaces.
const OPERATORS: &str = "operators";
/// What has its place in the community's clusters only.
const LEFT_OUT: [&str; 2] = ["packageserver", "operatorhubio-catalog"];

/// What `cargo xtask olm` is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The local cluster that gets it
    #[arg(long, value_name = "NAME", default_value = "dev")]
    cluster: String,
    /// Remove it again, with its CRDs and everything that was installed by it
    #[arg(long)]
    remove: bool,
}

/// Installs OLM, or removes it. What is printed are the catalogs' images, by the version of the operator that each offers.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let name = &arguments.cluster;
    let kubectl = Kubectl::new(Cluster::open(name)?.kubeconfig());
    if arguments.remove {
        return remove(&kubectl);
    }
    let images = images::provide(name)?;
    install(&kubectl, &images.manager)?;
    println!("{}", json!(images.catalogs));
    Ok(())
}

fn install(kubectl: &Kubectl, image: &str) -> Result<()> {
    let chart = chart()?;
    let crds = chart.join("crds");
    kubectl.show(&["apply", "--server-side", "--filename", &crds.to_string_lossy()])?;
    kubectl.show(&["wait", "--for=condition=Established", "--filename", &crds.to_string_lossy()])?;
    kubectl.pass(&objects(&chart, image)?, &["apply", "--server-side", "--filename=-"])?;
    for operator in ["deployment/olm-operator", "deployment/catalog-operator"] {
        kubectl.show(&["--namespace", NAMESPACE, "rollout", "status", operator, "--timeout=3m"])?;
    }
    Ok(())
}

/// Operators go before OLM, which cleans up behind them; OLM before its CRDs.
fn remove(kubectl: &Kubectl) -> Result<()> {
    let chart = chart()?;
    if kubectl.ask(&["get", "crd/clusterserviceversions.operators.coreos.com", "--ignore-not-found"])?.is_empty() {
        return Ok(());
    }
    // OLM copies what is installed into the namespaces that it serves, and takes the copies away itself.
    let originals = "--selector=!olm.copiedFrom";
    for installed in ["subscriptions", "clusterserviceversions"] {
        let kind = format!("{installed}.operators.coreos.com");
        kubectl.show(&["delete", &kind, "--all-namespaces", originals, "--timeout=2m"])?;
    }
    // Garbage is collected only as long as the kind of its owner is known.
    let gone =
        ["wait", "--for=delete", "deployment", "--all-namespaces", "--selector=olm.managed=true", "--timeout=2m"];
    kubectl.show(&gone)?;
    let delete = ["delete", "--filename=-", "--ignore-not-found", "--wait=false"];
    kubectl.pass(&objects(&chart, "none")?, &delete)?;
    let crds = chart.join("crds");
    kubectl.show(&["delete", "--filename", &crds.to_string_lossy(), "--ignore-not-found", "--timeout=2m"])
}

/// OLM's own chart, as its Go module has it.
fn chart() -> Result<PathBuf> {
    let module = "github.com/operator-framework/operator-lifecycle-manager";
    Ok(tools::module("operator-framework", module)?.join("deploy/chart"))
}

/// What the chart installs, but for the CRDs and what is left out.
fn objects(chart: &Path, image: &str) -> Result<Vec<Value>> {
    let mut helm = Command::new(tools::HELM.path()?);
    helm.args(["template", "olm"]).arg(chart);
    for value in [
        format!("namespace={NAMESPACE}"),
        format!("catalog_namespace={NAMESPACE}"),
        format!("operator_namespace={OPERATORS}"),
        format!("olm.image.ref={image}"),
        "olm.image.pullPolicy=IfNotPresent".to_owned(),
        format!("catalog.image.ref={image}"),
        "catalog.image.pullPolicy=IfNotPresent".to_owned(),
        format!("catalog.opmImageArgs=--opmImage={image}"),
    ] {
        helm.args(["--set", &value]);
    }
    let text = command::output(&mut helm)?;
    let documents = serde_yaml::Deserializer::from_str(&text).map(Value::deserialize);
    let mut objects = documents.collect::<Result<Vec<_>, _>>().context("OLM's chart does not make YAML")?;
    let is_left_out = |object: &Value| {
        let kind = &object["kind"];
        object.is_null() || kind != "NetworkPolicy" && LEFT_OUT.iter().any(|name| object["metadata"]["name"] == *name)
    };
    objects.retain(|object| !is_left_out(object));
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_runs_the_one_image() {
        let objects = objects(&chart().unwrap(), "localhost/olm@sha256:1").unwrap();
        let deployments: Vec<_> = objects.iter().filter(|object| object["kind"] == "Deployment").collect();
        assert_eq!(deployments.len(), 2);
        for deployment in deployments {
            let container = &deployment["spec"]["template"]["spec"]["containers"][0];
            assert_eq!(container["image"], "localhost/olm@sha256:1");
            assert_eq!(container["imagePullPolicy"], "IfNotPresent");
        }
        let text = serde_json::to_string(&objects).unwrap();
        assert!(text.contains("--opmImage=localhost/olm@sha256:1"));
        assert!(!objects.iter().any(|object| object["kind"] == "CatalogSource"));
        assert!(!objects.iter().any(|object| object["kind"] == "ClusterServiceVersion"));
    }
}
