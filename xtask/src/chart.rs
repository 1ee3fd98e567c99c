//! The Helm charts, rendered and linted by the Helm that the project builds.

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use serde::Deserialize as _;
use serde_json::Value;

use crate::checkout::root;
use crate::{command, tools};

/// A chart of the project, by its files.
pub(crate) struct Chart {
    directory: &'static str,
    files: [&'static str; 3],
}

/// Installs the operator.
pub(crate) const OPERATOR: Chart = Chart {
    directory: "deploy/helm/beam-operator",
    files: [
        "deploy/helm/beam-operator/Chart.yaml",
        "deploy/helm/beam-operator/README.md",
        "deploy/helm/beam-operator/values.yaml",
    ],
};

/// Makes one ElixirRelease.
pub(crate) const RELEASE: Chart = Chart {
    directory: "deploy/helm/beam-release",
    files: [
        "deploy/helm/beam-release/Chart.yaml",
        "deploy/helm/beam-release/README.md",
        "deploy/helm/beam-release/values.yaml",
    ],
};

/// The Kubernetes that the charts are rendered for, the oldest that their `kubeVersion` admits. Without a cluster Helm has
/// to be told one: built from source, it takes its own for 1.20.
pub(crate) const KUBERNETES: &str = "1.31.0";

impl Chart {
    pub(crate) fn directory(&self) -> &'static str {
        self.directory
    }

    pub(crate) fn chart(&self) -> &'static str {
        self.files[0]
    }

    pub(crate) fn readme(&self) -> &'static str {
        self.files[1]
    }

    pub(crate) fn values(&self) -> &'static str {
        self.files[2]
    }

    /// Fails on anything that `helm lint` has to say, with these files of values.
    pub(crate) fn lint(&self, values: &[PathBuf]) -> Result<()> {
        let mut helm = Command::new(tools::HELM.path()?);
        helm.current_dir(root()).args(["lint", "--strict", "--quiet", "--kube-version", KUBERNETES, self.directory]);
        for file in values {
            helm.arg("--values").arg(file);
        }
        command::run(&mut helm)
    }
}

/// One rendering of a chart, without a cluster.
pub(crate) struct Rendering {
    chart: &'static str,
    release: &'static str,
    namespace: &'static str,
    arguments: Vec<String>,
}

impl Rendering {
    /// One of the operator's chart.
    pub(crate) fn new(release: &'static str, namespace: &'static str) -> Self {
        Self { chart: OPERATOR.directory, release, namespace, arguments: Vec::new() }
    }

    /// One of another chart.
    pub(crate) fn of(self, chart: &Chart) -> Self {
        Self { chart: chart.directory, ..self }
    }

    /// Sets a value, as `helm --set-json` for JSON values (`replicas=2`, `log.level="info"`).
    pub(crate) fn set(self, value: impl Into<String>) -> Self {
        self.with(["--set-json".to_owned(), value.into()])
    }

    /// Takes values from a file.
    pub(crate) fn values(self, file: &std::path::Path) -> Self {
        self.with(["--values".to_owned(), file.to_string_lossy().into_owned()])
    }

    /// Leaves out what only `helm test` uses.
    pub(crate) fn without_tests(self) -> Self {
        self.with(["--skip-tests".to_owned()])
    }

    fn with<const N: usize>(mut self, arguments: [String; N]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// What `helm install` would send, as a stream of YAML documents.
    pub(crate) fn yaml(&self) -> Result<String> {
        let mut helm = Command::new(tools::HELM.path()?);
        helm.current_dir(root()).args(["template", self.release, self.chart, "--namespace", self.namespace]);
        command::output(helm.args(["--kube-version", KUBERNETES]).args(&self.arguments))
    }

    /// The same as objects.
    pub(crate) fn objects(&self) -> Result<Vec<Value>> {
        let yaml = self.yaml()?;
        let documents = serde_yaml::Deserializer::from_str(&yaml).map(|document| Ok(Value::deserialize(document)?));
        let documents: Vec<Value> = documents.collect::<Result<_>>()?;
        Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
    }
}
