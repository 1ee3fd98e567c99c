//! kubectl, with the kubeconfig of one cluster.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{command, tools};

/// Talks to one cluster.
pub(crate) struct Kubectl {
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// With this kubeconfig.
    pub(crate) fn new(kubeconfig: PathBuf) -> Self {
        Self { kubeconfig }
    }

    /// The kubeconfig.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Prints a command, runs it and shows what it prints.
    pub(crate) fn show(&self, arguments: &[&str]) -> Result<()> {
        command::run(&mut self.command(arguments)?)
    }

    /// What a command prints.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<String> {
        command::output(&mut self.command(arguments)?)
    }

    /// Passes objects to a command that reads them, such as `apply --filename -`. What it prints goes to the terminal.
    pub(crate) fn pass(&self, objects: &[Value], arguments: &[&str]) -> Result<()> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
        let mut command = self.command(arguments)?;
        // Standard output is for what a task tells other programs.
        let mut child =
            command.stdin(Stdio::piped()).stdout(std::io::stderr()).spawn().context("failed to start kubectl")?;
        child.stdin.take().context("kubectl reads nothing")?.write_all(list.as_bytes())?;
        let status = child.wait()?;
        ensure!(status.success(), "`kubectl {}` failed: {status}", arguments.join(" "));
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let kubectl = tools::KUBECTL.path().context("kubectl is needed to talk to the cluster")?;
        let mut command = Command::new(kubectl);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig);
        Ok(command)
    }
}
