//! The kubectl plugin, as somebody runs it.

use std::path::PathBuf;

use tokio::process::Command;

const PLUGIN: &str = "BEAM_OPERATOR_TEST_PLUGIN";

/// A person with the plugin.
pub struct Plugin {
    kubeconfig: PathBuf,
    namespace: String,
}

impl Plugin {
    /// Somebody who asks the API server that this leads to about this namespace.
    pub fn new(kubeconfig: PathBuf, namespace: &str) -> Self {
        Self { kubeconfig, namespace: namespace.to_owned() }
    }

    /// The exit code of a command, what it prints, and what it prints as an error or a warning.
    pub async fn run(&self, line: &str) -> (Option<i32>, String, String) {
        let program = std::env::var(PLUGIN).unwrap_or_else(|_| {
            panic!(
                "{PLUGIN} must be the path of kubectl-beam; `cargo xtask test` builds it, sets it and runs these tests"
            )
        });
        let output = Command::new(program)
            .args(line.split(' '))
            .args(["--namespace", &self.namespace])
            .env_clear()
            .env("KUBECONFIG", &self.kubeconfig)
            .output()
            .await
            .unwrap();
        let [told, complaint] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), told, complaint)
    }

    /// What a command prints that succeeds without a warning.
    pub async fn does(&self, line: &str) -> String {
        let (code, told, complaint) = self.run(line).await;
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{line}: {told}");
        told
    }

    /// What a command complains about that fails with this exit code and prints nothing.
    pub async fn fails(&self, line: &str, expect: i32) -> String {
        let (code, told, complaint) = self.run(line).await;
        assert_eq!((code, told.as_str()), (Some(expect), ""), "{line}: {complaint}");
        complaint
    }
}
