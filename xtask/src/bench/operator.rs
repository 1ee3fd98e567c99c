//! The operator as it is installed, running as a process of this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::api_server::{ApiServer, fetch};
use crate::cluster::{self, Processes, write_private};
use crate::target::NAMESPACE;
use crate::{checkout, command};

/// What it is called in the manifests, and by the API server's audit log.
const NAME: &str = "beam-operator";
pub(super) const USER: &str = "system:serviceaccount:beam-operator:beam-operator";

/// How long it may take to give its Lease back when it is stopped.
const GRACE: Duration = Duration::from_secs(5);

/// The operator, running or not.
pub(super) struct Operator {
    processes: Processes,
    command: Vec<String>,
    metrics: String,
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    /// What of it is in RAM now.
    pub(super) resident: u64,
    /// What of that is its own, neither its program's nor a file's.
    pub(super) anonymous: u64,
    /// The most that was ever resident.
    pub(super) peak: u64,
}

impl Operator {
    /// Applies the manifests, which make the operator's permissions, and takes the identity that they give to its pod.
    pub(super) fn install(api_server: &ApiServer, binary: &Path) -> Result<Self> {
        let manifests = checkout::root().join("deploy/manifests/install.yaml");
        api_server.kubectl(&["apply", "--server-side", "--filename", &manifests.to_string_lossy()])?;
        let crd = "customresourcedefinition/elixirreleases.beam-operator.io";
        api_server.kubectl(&["wait", "--for=condition=Established", crd, "--timeout=60s"])?;
        let directory = &api_server.cluster().directory;
        // A build that goes on meanwhile must not change what is measured.
        let program = directory.join(NAME);
        fs::copy(binary, &program)?;
        let [metrics, health] = cluster::free_ports()?.map(|port| format!("127.0.0.1:{port}"));
        let mut command = vec![program.display().to_string()];
        command.extend(installed_arguments(&fs::read_to_string(&manifests)?)?);
        command.extend([format!("--metrics-address={metrics}"), format!("--health-address={health}")]);
        command.push(format!("--pod-namespace={NAMESPACE}"));
        let processes = Processes::of(directory)
            .with_variable("KUBECONFIG", write_kubeconfig(api_server)?)
            .with_variable("WATCH_NAMESPACE", "");
        Ok(Self { processes, command, metrics: format!("http://{metrics}/metrics") })
    }

    pub(super) fn start(&self) -> Result<()> {
        self.processes.ensure(NAME, &self.command)
    }

    /// Ends it as the kubelet does.
    pub(super) fn stop(&self) -> Result<()> {
        self.processes.stop(NAME, GRACE)
    }

    /// Fails if it has ended.
    pub(super) fn check(&self) -> Result<()> {
        self.processes.check(NAME)
    }

    pub(super) fn memory(&self) -> Result<Memory> {
        Memory::of(&self.process_status()?).context("the kernel tells no memory of the operator")
    }

    pub(super) fn threads(&self) -> Result<u64> {
        threads(&self.process_status()?).context("the kernel tells no threads of the operator")
    }

    /// The text of its metrics.
    pub(super) fn metrics(&self) -> Result<String> {
        fetch(&self.metrics)
    }

    /// How many reconciles have ended since it was started.
    pub(super) fn reconciles(&self) -> Result<u64> {
        Ok(reconciles(&self.metrics()?))
    }

    /// `/proc/PID/status`, see proc_pid_status(5).
    fn process_status(&self) -> Result<String> {
        let pid = self.processes.pid(NAME).context("the operator does not run")?;
        Ok(fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid()))?)
    }

    /// How many children it says that it makes for a release.
    pub(super) fn children_of(&self, release: &Path) -> Result<usize> {
        let render = ["render", "--filename"];
        let rendered = command::output(Command::new(&self.command[0]).args(render).arg(release))?;
        Ok(serde_yaml::Deserializer::from_str(&rendered).count())
    }
}

impl Memory {
    /// Reads `/proc/PID/status`.
    fn of(status: &str) -> Option<Self> {
        let bytes = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
        };
        Some(Self { resident: bytes("VmRSS")?, anonymous: bytes("RssAnon")?, peak: bytes("VmHWM")? })
    }
}

/// Reads how many threads there are in `/proc/PID/status`.
fn threads(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}

/// A kubeconfig with a token of the operator's ServiceAccount, which is what its pod would have.
fn write_kubeconfig(api_server: &ApiServer) -> Result<PathBuf> {
    let token = api_server.kubectl(&["create", "token", NAME, "--namespace", NAMESPACE, "--duration=24h"])?;
    let administrator = api_server.cluster().kubeconfig();
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&administrator)?)?;
    config["users"][0]["user"] = json!({"token": token.trim()});
    let kubeconfig = administrator.with_file_name("operator.kubeconfig");
    write_private(&kubeconfig, &config.to_string())?;
    Ok(kubeconfig)
}

/// The arguments that the manifests give to the operator, but for the addresses: the pod's may be in use on this machine.
fn installed_arguments(manifests: &str) -> Result<Vec<String>> {
    for document in serde_yaml::Deserializer::from_str(manifests) {
        let object = Value::deserialize(document)?;
        if object["kind"] == "Deployment" {
            let arguments = &object["spec"]["template"]["spec"]["containers"][0]["args"];
            let arguments: Vec<String> = serde_json::from_value(arguments.clone())?;
            return Ok(arguments.into_iter().filter(|argument| !argument.contains("-address=")).collect());
        }
    }
    bail!("the manifests have no Deployment")
}

/// Adds up the results of `beam_operator_reconciles_total`.
fn reconciles(metrics: &str) -> u64 {
    let counters = metrics.lines().filter(|line| line.starts_with("beam_operator_reconciles_total{"));
    counters.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_bytes() {
        let memory = Memory::of("Name:\tx\nVmHWM:\t   12 kB\nVmRSS:\t   10 kB\nRssAnon:\t    3 kB\n").unwrap();
        assert_eq!((memory.resident, memory.anonymous, memory.peak), (10_240, 3_072, 12_288));
        assert!(Memory::of("Name:\tx\n").is_none());
    }

    #[test]
    fn threads_are_counted_by_the_kernel() {
        assert_eq!(threads("Name:\tx\nThreads:\t3\n"), Some(3));
    }

    #[test]
    fn reconciles_of_every_result_count() {
        let metrics = "# TYPE beam_operator_reconciles counter\n\
            beam_operator_reconciles_total{result=\"changed\"} 7\n\
            beam_operator_reconciles_total{result=\"unchanged\"} 5\n\
            beam_operator_reconciles_in_flight 1\n";
        assert_eq!(reconciles(metrics), 12);
    }

    #[test]
    fn the_installed_operator_elects_a_leader() {
        let manifests = fs::read_to_string(checkout::root().join("deploy/manifests/install.yaml")).unwrap();
        let arguments = installed_arguments(&manifests).unwrap();
        assert_eq!(arguments[0], "run");
        assert!(arguments.iter().any(|argument| argument == "--leader-elect"), "{arguments:?}");
        assert!(!arguments.iter().any(|argument| argument.contains("address")), "{arguments:?}");
    }
}
