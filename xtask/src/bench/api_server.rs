//! The API server that is measured against, and the log of what it was asked.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::audit::AuditLog;
use crate::cluster::{self, Cluster, Wanted};
use crate::command;
use crate::image::operator_reference;
use crate::target::Target;

/// Every request when it has been answered, without bodies. A request is logged before its answer is sent.
const POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [{"level": "Metadata"}]
}"#;

/// A log that never begins a second file.
const MAX_LOG_MEGABYTES: u32 = 100_000;

/// etcd and an API server with an audit log.
pub(super) struct ApiServer {
    cluster: Cluster,
    target: Target,
    log: PathBuf,
}

impl ApiServer {
    pub(super) fn start(name: &str) -> Result<Self> {
        let directory = cluster::directory(name)?;
        std::fs::create_dir_all(&directory)?;
        let (policy, log) = (directory.join("audit-policy.json"), directory.join("audit.log"));
        std::fs::write(&policy, POLICY)?;
        let api_server_arguments = vec![
            format!("--audit-policy-file={}", policy.display()),
            format!("--audit-log-path={}", log.display()),
            format!("--audit-log-maxsize={MAX_LOG_MEGABYTES}"),
        ];
        let cluster =
            cluster::up(name, &Wanted { control_plane_only: true, api_server_arguments, ..Wanted::default() })?;
        let target = Target::existing(&cluster.kubeconfig(), &operator_reference())?;
        Ok(Self { cluster, target, log })
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What a kubectl command of the administrator prints.
    pub(super) fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.target.kubectl.ask(arguments)
    }

    /// The object or list at a path of the API.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        let text = self.kubectl(&["get", "--raw", path])?;
        serde_json::from_str(&text).with_context(|| format!("{path} is not JSON"))
    }

    pub(super) fn audit_log(&self, user: &str) -> Result<AuditLog> {
        AuditLog::open(&self.log, user)
    }

    /// The path of one of the cluster's certificates and keys.
    pub(super) fn pki(&self, file: &str) -> String {
        self.cluster.directory.join("pki").join(file).display().to_string()
    }
}

/// What is answered at an address on loopback, if it comes within five seconds.
pub(super) fn fetch(url: &str) -> Result<String> {
    command::output(Command::new("curl").args(["--silent", "--show-error", "--fail", "--max-time", "5", url]))
}
