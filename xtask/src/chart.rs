//! The Helm chart, rendered and linted by the Helm that the project builds.

#[cfg(test)]
mod tests;

use std::process::Command;

use anyhow::Result;

use crate::checkout::root;
use crate::{command, tools};

const DIRECTORY: &str = "deploy/helm/beam-operator";
pub(crate) const README: &str = "deploy/helm/beam-operator/README.md";
pub(crate) const VALUES: &str = "deploy/helm/beam-operator/values.yaml";

/// The Kubernetes that the chart is rendered for, the oldest that its `kubeVersion` admits. Without a cluster Helm has to
/// be told one: built from source, it takes its own for 1.20.
const KUBERNETES: &str = "1.31.0";

/// One rendering of the chart, without a cluster.
pub(crate) struct Rendering {
    release: &'static str,
    namespace: &'static str,
    set: Vec<String>,
}

impl Rendering {
    pub(crate) fn new(release: &'static str, namespace: &'static str) -> Self {
        Self { release, namespace, set: Vec::new() }
    }

    /// Sets a value, as `helm --set-json` for JSON values (`replicas=2`, `log.level="info"`).
    pub(crate) fn set(mut self, value: impl Into<String>) -> Self {
        self.set.push(value.into());
        self
    }

    /// What `helm install` would send, as a stream of YAML documents.
    pub(crate) fn yaml(&self) -> Result<String> {
        let mut helm = Command::new(tools::HELM.path()?);
        helm.current_dir(root()).args(["template", self.release, DIRECTORY, "--namespace", self.namespace]);
        helm.args(["--kube-version", KUBERNETES]);
        for value in &self.set {
            helm.args(["--set-json", value]);
        }
        command::output(&mut helm)
    }
}

/// Fails on anything that `helm lint` has to say.
pub(crate) fn lint() -> Result<()> {
    let mut helm = Command::new(tools::HELM.path()?);
    helm.current_dir(root()).args(["lint", "--strict", "--quiet", "--kube-version", KUBERNETES, DIRECTORY]);
    command::run(&mut helm)
}
