//! What a person does with Helm.

use super::cluster::{Cluster, output};
use super::operator::NAMESPACE;

/// The operator's chart, and the name of the Helm release that it is installed as.
pub const CHART: &str = "deploy/helm/beam-operator";
const NAME: &str = "beam-operator";

/// Helm in one namespace.
pub struct Helm<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
}

impl<'a> Helm<'a> {
    /// Where the operator is installed.
    pub fn of_operator(cluster: &'a Cluster) -> Self {
        Self::new(cluster, NAMESPACE)
    }

    /// In another namespace.
    pub fn new(cluster: &'a Cluster, namespace: &'a str) -> Self {
        Self { cluster, namespace }
    }

    /// What it prints.
    pub async fn run(&self, arguments: &[&str]) -> String {
        self.try_run(arguments).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, or what it says when it fails.
    pub async fn try_run(&self, arguments: &[&str]) -> Result<String, String> {
        let arguments = [&["--namespace", self.namespace], arguments].concat();
        output(&mut self.cluster.helm(&arguments).into(), "").await
    }
}

/// Sees to it that the operator is installed as `cargo xtask test` does it, whatever became of the test.
pub struct Installed<'a>(pub &'a Cluster);

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        let upgrade = ["upgrade", "--install", NAME, CHART, "--namespace", NAMESPACE, "--reset-values"];
        let mut helm = self.0.helm(&[&upgrade[..], &["--take-ownership", "--wait", "--timeout=3m"]].concat());
        let done = helm.output().map(|output| output.status.success());
        assert!(matches!(done, Ok(true)) || std::thread::panicking(), "the operator is not installed again: {done:?}");
    }
}
