//! The Kubernetes cluster that a task deploys to: one of ours, or one that exists already.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::checkout::root;
use crate::cluster::{self, Cluster, Wanted};
use crate::image::{self, Selection};
use crate::kubectl::Kubectl;
use crate::{command, tools};

/// Where the operator runs in the demo and in tests.
pub(crate) const NAMESPACE: &str = "beam-operator";
/// The least number of nodes of a cluster of ours.
const NODES: u8 = 3;

/// A cluster with the images on its nodes.
pub(crate) struct Target {
    /// Its administrator's.
    pub(crate) kubectl: Kubectl,
    operator: OperatorImage,
}

/// The image of the operator that is installed.
enum OperatorImage {
    /// The one that was built last, with its digest: its name is the same each time.
    Built { digest: String },
    /// One that the nodes have or can pull.
    Named { repository: String, tag: String },
}

impl Target {
    /// Our own cluster of this name, made or repaired, with the images on its nodes.
    pub(crate) fn own(name: &str, images: &[Selection]) -> Result<Self> {
        let nodes = cluster::size(name)?.max(NODES);
        let cluster: Cluster = cluster::up(name, &Wanted { nodes: Some(nodes), ..Wanted::default() })?;
        let mut provided = Vec::new();
        for image in images {
            provided.extend(image::provide(*image, name)?);
        }
        let reference = image::operator_reference();
        let operator = provided.into_iter().find(|image| image.reference == reference);
        let digest = operator.context("the operator's image is not among those asked for")?.digest;
        Ok(Self { kubectl: Kubectl::new(cluster.kubeconfig()), operator: OperatorImage::Built { digest } })
    }

    /// A cluster that exists, whose nodes have the operator's image or can pull it.
    pub(crate) fn existing(kubeconfig: &Path, operator: &str) -> Result<Self> {
        ensure!(kubeconfig.is_file(), "there is no kubeconfig {}", kubeconfig.display());
        let operator = OperatorImage::named(operator)?;
        Ok(Self { kubectl: Kubectl::new(kubeconfig.to_owned()), operator })
    }

    /// Installs the operator by the chart, or upgrades it, and waits until it is ready.
    pub(crate) fn install_operator(&self) -> Result<()> {
        let chart = root().join("deploy/helm/beam-operator");
        let mut helm = Command::new(tools::HELM.path()?);
        helm.args(["upgrade", "--install", "beam-operator"]).arg(chart);
        helm.args(["--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout", "3m"]);
        // What plain manifests installed before becomes the chart's.
        helm.arg("--take-ownership");
        helm.args(["--set", "rbac.httpRoutes=true"]);
        helm.args(self.operator.values());
        command::run(helm.env("KUBECONFIG", self.kubectl.kubeconfig()))
    }

    /// Removes what the chart installed, but for the CRD, and installs the operator by plain manifests instead.
    pub(crate) fn install_operator_by_manifests(&self) -> Result<()> {
        let mut helm = Command::new(tools::HELM.path()?);
        helm.args(["uninstall", "beam-operator", "--namespace", NAMESPACE, "--wait", "--timeout", "3m"]);
        command::run(helm.env("KUBECONFIG", self.kubectl.kubeconfig()))?;
        let manifests = root().join("deploy/manifests/install.yaml");
        self.kubectl.show(&["apply", "-f", &manifests.to_string_lossy()])?;
        self.kubectl.show(&["-n", NAMESPACE, "rollout", "status", "deployment/beam-operator", "--timeout=3m"])
    }
}

impl OperatorImage {
    /// An image by a reference that ends in a tag.
    fn named(reference: &str) -> Result<Self> {
        let parts = reference.rsplit_once(':').filter(|(_, tag)| !tag.is_empty() && !tag.contains('/'));
        let (repository, tag) = parts.with_context(|| format!("{reference} has no tag: write REPOSITORY:TAG"))?;
        Ok(Self::Named { repository: repository.to_owned(), tag: tag.to_owned() })
    }

    /// The chart's values for it.
    fn values(&self) -> Vec<String> {
        let set = |value: String| ["--set-string".to_owned(), value];
        match self {
            // The name of the image does not change when its content does; an annotation that does starts a new pod.
            Self::Built { digest } => set(format!(r"podAnnotations.beam-operator\.io/image={digest}")).into(),
            Self::Named { repository, tag } => {
                [set(format!("image.repository={repository}")), set(format!("image.tag={tag}"))].concat()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_repository_and_a_tag() {
        let values = OperatorImage::named("registry.example.com:5000/beam-operator:1").unwrap().values();
        let expected =
            ["--set-string", "image.repository=registry.example.com:5000/beam-operator", "--set-string", "image.tag=1"];
        assert_eq!(values, expected);
        for without in ["beam-operator", "registry.example.com:5000/beam-operator", "beam-operator:"] {
            assert!(OperatorImage::named(without).is_err(), "{without}");
        }
    }

    #[test]
    fn a_new_build_under_the_same_name_starts_a_new_pod() {
        let values = |digest: &str| OperatorImage::Built { digest: digest.to_owned() }.values();
        assert_ne!(values("sha256:1"), values("sha256:2"));
    }
}
