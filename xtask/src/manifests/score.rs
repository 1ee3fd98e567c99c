//! What kube-score makes of the operator's chart: its opinions on how to run things well, a warning of which is a failure.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::{chart, command, tools};

/// Opinions that are not ours, as arguments, and why.
pub(super) const NOT_OURS: [(&str, &str); 3] = [
    (
        "--ignore-container-cpu-limit",
        "a limit would throttle the operator while its Lease waits to be renewed; the request is enough",
    ),
    (
        "--ignore-test=container-ephemeral-storage-request-and-limit",
        "the operator writes no file; its logs would count, and the kubelet limits these by itself",
    ),
    (
        "--ignore-test=deployment-has-host-podantiaffinity",
        "the pods are spread by topologySpreadConstraints, which do not keep one of them from starting",
    ),
];

/// Checks a rendering, but for what its values do without.
pub(super) fn run(file: &Path, without: &[&str]) -> Result<()> {
    score(file, &NOT_OURS, without)
}

/// The same with other opinions left out, each with a reason.
pub(super) fn score(file: &Path, not_ours: &[(&str, &str)], without: &[&str]) -> Result<()> {
    let mut score = Command::new(tools::KUBE_SCORE.path()?);
    let (version, _) = chart::KUBERNETES.rsplit_once('.').unwrap_or((chart::KUBERNETES, ""));
    score.args(["score", "--exit-one-on-warning", "--output-format", "ci", "--kubernetes-version"]);
    score.arg(format!("v{version}"));
    score.args(not_ours.iter().map(|(argument, _)| argument));
    score.args(without.iter().map(|test| format!("--ignore-test={test}")));
    command::output(score.arg(file)).map(drop)
}
