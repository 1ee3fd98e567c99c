//! The Kubernetes cluster that a task deploys to: one of ours, or one that exists already.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::checkout::root;
use crate::cluster::{self, Cluster, Wanted};
use crate::image::{self, Selection};
use crate::{command, tools};

/// Where the operator runs in the demo and in tests.
pub(crate) const NAMESPACE: &str = "beam-operator";

/// A cluster with the images on its nodes.
pub(crate) struct Target {
    kubeconfig: PathBuf,
}

impl Target {
    /// Our own cluster of this name, made or repaired, with the images on its nodes.
    pub(crate) fn own(name: &str, nodes: u8, images: &[Selection]) -> Result<Self> {
        let wanted = Wanted { nodes: Some(nodes), ..Wanted::default() };
        let cluster: Cluster = cluster::up(name, &wanted)?;
        for image in images {
            image::provide(*image, name)?;
        }
        Ok(Self { kubeconfig: cluster.kubeconfig() })
    }

    /// A cluster that exists, whose nodes can pull the images or have them.
    pub(crate) fn existing(kubeconfig: &Path) -> Result<Self> {
        ensure!(kubeconfig.is_file(), "there is no kubeconfig {}", kubeconfig.display());
        Ok(Self { kubeconfig: kubeconfig.to_owned() })
    }

    /// Its administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Installs the operator by the chart, or upgrades it, and waits until it is ready.
    pub(crate) fn install_operator(&self) -> Result<()> {
        let chart = root().join("deploy/helm/beam-operator");
        let mut helm = Command::new(tools::HELM.path()?);
        helm.args(["upgrade", "--install", "beam-operator"]).arg(chart);
        helm.args(["--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout", "3m"]);
        command::run(helm.env("KUBECONFIG", &self.kubeconfig))
    }

    /// Prints a kubectl command, runs it and shows what it prints.
    pub(crate) fn show(&self, arguments: &[&str]) -> Result<()> {
        command::run(&mut self.kubectl(arguments)?)
    }

    /// What a kubectl command prints.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<String> {
        command::output(&mut self.kubectl(arguments)?)
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<Command> {
        let kubectl = tools::KUBECTL.path().context("kubectl is needed to talk to the cluster")?;
        let mut command = Command::new(kubectl);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig);
        Ok(command)
    }
}
