//! The cluster that the tests run on, as `cargo xtask test` made it: nodes, images and the operator are there.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const KUBECONFIG: &str = "BEAM_OPERATOR_E2E_KUBECONFIG";
const NAME: &str = "BEAM_OPERATOR_E2E_CLUSTER";

/// The cluster, with the rights of its administrator.
#[derive(Clone)]
pub struct Cluster {
    /// Talks to the API server.
    pub client: Client,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    name: String,
}

impl Cluster {
    /// The cluster that the environment names.
    pub async fn of_environment() -> Self {
        let kubeconfig = PathBuf::from(variable(KUBECONFIG));
        let client = Client::try_from(config(&kubeconfig).await).unwrap();
        Self { client, kubectl: kubectl(), name: variable(NAME), kubeconfig }
    }

    /// A client of the API server that shows this token instead of the administrator's certificate.
    pub async fn as_bearer_of(&self, token: &str) -> Client {
        let mut config = config(&self.kubeconfig).await;
        config.auth_info = serde_json::from_value(serde_json::json!({"token": token})).unwrap();
        Client::try_from(config).unwrap()
    }

    /// A kubectl command for this cluster.
    pub fn kubectl(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(&self.kubectl);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// A Helm command for this cluster, in the checkout.
    pub fn helm(&self, arguments: &[&str]) -> std::process::Command {
        static PATH: OnceLock<PathBuf> = OnceLock::new();
        let mut command = std::process::Command::new(PATH.get_or_init(|| tool("helm")));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// Pulls the plug of a node ("stop") or starts it again ("start").
    pub async fn change_node(&self, action: &str, node: &str) {
        let told = output(&mut self.node_change(action, node).into(), "").await;
        told.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Cuts the link of a node that goes on running ("cut"), or restores it ("restore").
    pub async fn change_link(&self, action: &str, node: &str) {
        let told = output(&mut self.link_change(action, node).into(), "").await;
        told.unwrap_or_else(|error| panic!("{error}"));
    }

    /// The command that does so.
    pub fn link_change(&self, action: &str, node: &str) -> std::process::Command {
        xtask(&["cluster", "link", "--name", &self.name, action, node])
    }

    /// What a command prints that runs in a node's namespaces.
    pub async fn on_node(&self, node: &str, command: &[&str]) -> String {
        let arguments = [&["cluster", "exec", "--name", &self.name, node, "--"], command].concat();
        let told = output(&mut xtask(&arguments).into(), "").await;
        told.unwrap_or_else(|error| panic!("{error}"))
    }

    /// OLM on this cluster: `cargo xtask olm`.
    pub fn olm(&self, arguments: &[&str]) -> std::process::Command {
        xtask(&[&["olm", "--cluster", &self.name], arguments].concat())
    }

    /// The command that does so.
    pub fn node_change(&self, action: &str, node: &str) -> std::process::Command {
        xtask(&["cluster", "node", "--name", &self.name, action, node])
    }
}

/// What a command prints, or what it says when it fails.
pub async fn output(command: &mut Command, input: &str) -> Result<String, String> {
    let line = format!("{:?}", command.as_std());
    let failed = |why: &str| format!("{line} failed: {why}");
    let told = |error: std::io::Error| failed(&error.to_string());
    let (stdin, stdout) = (Stdio::piped(), Stdio::piped());
    let mut child = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn().map_err(told)?;
    // Dropped at the end of the statement, which ends the input.
    child.stdin.take().expect("a piped input").write_all(input.as_bytes()).await.map_err(told)?;
    let output = child.wait_with_output().await.map_err(told)?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set. `cargo xtask test --only nodes` makes the cluster and sets it. By hand: {KUBECONFIG} is \
             the kubeconfig and {NAME} the name of a cluster of `cargo xtask cluster up` in which the operator is \
             installed and whose nodes have the images of `cargo xtask image all`"
        )
    })
}

async fn config(kubeconfig: &PathBuf) -> Config {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    // The tests look at refusals, an eviction that has to wait for instance, which are not to be retried.
    config.default_retry = false;
    config
}

/// The kubectl that belongs to the clusters of xtask.
fn kubectl() -> PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| tool("kubectl")).clone()
}

/// Where xtask has a tool.
fn tool(name: &str) -> PathBuf {
    let output = xtask(&["tool", name]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn xtask(arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("xtask").args(arguments);
    command
}
