//! A control plane for one test, made and ended by `cargo xtask cluster`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// An API server of its own. It ends with the test, also when that fails.
pub struct Cluster {
    name: String,
    kubeconfig: String,
    /// For files of the test.
    pub directory: PathBuf,
}

/// The root of the checkout, which paths in tests are relative to.
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

impl Cluster {
    /// Brings it up with the admission plugin that is strictest about owner references.
    pub fn up(test: &str) -> Self {
        let name = format!("chart-{test}-{}", std::process::id());
        let directory = std::env::temp_dir().join(format!("beam-operator-{name}"));
        fs::create_dir_all(&directory).unwrap();
        let mut cluster = Self { name, kubeconfig: String::new(), directory };
        let strict = "--apiserver-arg=--enable-admission-plugins=OwnerReferencesPermissionEnforcement";
        xtask(&["cluster", "up", "--name", &cluster.name, "--control-plane-only", "--with-controller-manager", strict]);
        cluster.kubeconfig = xtask(&["cluster", "kubeconfig", "--name", &cluster.name]);
        cluster
    }

    /// What kubectl printed; it has to succeed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        succeeded(&mut self.tool("kubectl", arguments))
    }

    /// The same for what becomes possible within a minute.
    pub fn eventually(&self, arguments: &[&str]) -> String {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !run(&mut self.tool("kubectl", arguments)).status.success() && Instant::now() < deadline {
            thread::sleep(Duration::from_secs(1));
        }
        self.kubectl(arguments)
    }

    /// What kubectl printed, whether it was content or not.
    pub fn says(&self, arguments: &[&str]) -> String {
        String::from_utf8(run(&mut self.tool("kubectl", arguments)).stdout).unwrap()
    }

    /// What kubectl complained about; it has to fail.
    pub fn refused(&self, arguments: &[&str]) -> String {
        failed(&mut self.tool("kubectl", arguments))
    }

    /// What Helm complained about; it has to fail.
    pub fn helm_refused(&self, arguments: &[&str]) -> String {
        failed(&mut self.tool("helm", arguments))
    }

    /// Installs the CRDs of Prometheus Operator, as its Go module has them.
    pub fn install_prometheus_operator(&self) {
        let mut go = Command::new("go");
        go.current_dir(checkout().join("xtask/tools/prometheus-operator")).env("GOFLAGS", "").env("GOWORK", "off");
        let told =
            succeeded(go.args(["mod", "download", "-json", "github.com/prometheus-operator/prometheus-operator"]));
        let module: serde_json::Value = serde_json::from_str(&told).unwrap();
        for plural in ["servicemonitors", "podmonitors", "prometheusrules"] {
            let file = format!(
                "{}/example/prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml",
                module["Dir"].as_str().unwrap()
            );
            self.kubectl(&["create", "-f", &file]);
            self.kubectl(&["wait", "--for=condition=Established", &format!("crd/{plural}.monitoring.coreos.com")]);
        }
    }

    /// What Helm printed; it has to succeed.
    pub fn helm(&self, arguments: &[&str]) -> String {
        succeeded(&mut self.tool("helm", arguments))
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(xtask(&["tool", name]));
        command.current_dir(checkout()).env("KUBECONFIG", &self.kubeconfig).args(arguments);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // While a test fails, a second panic would hide why.
        let _ = Command::new(env!("CARGO_BIN_EXE_xtask")).args(["cluster", "down", "--name", &self.name]).output();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What a task of the checkout prints.
pub fn xtask(arguments: &[&str]) -> String {
    succeeded(Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments)).trim().to_owned()
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn failed(command: &mut Command) -> String {
    let output = run(command);
    assert!(!output.status.success(), "{command:?} was not refused");
    String::from_utf8(output.stderr).unwrap()
}

fn succeeded(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
