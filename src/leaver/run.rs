//! One run of a command in a pod.
//!
//! Source: <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/> (`pods/exec`).

use std::time::Duration;

use http::StatusCode;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{AttachParams, AttachedProcess};
use kube::client::UpgradeConnectionError;
use kube::{Api, Client, Error};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::operator::client::describe;
use crate::resources::names;

/// How long it may take until the command runs.
const START: Duration = Duration::from_secs(15);
/// The command ends itself at its limit; how much later it is given up for lost.
const LATE: Duration = Duration::from_secs(15);
/// How much of the end of what it says is kept, in bytes.
const KEPT: usize = 256;

/// Runs a command in the release's container of a pod.
///
/// # Errors
/// Why it did not end well, in words that follow "spec.shutdown.leave".
pub(super) async fn run(
    client: Client,
    namespace: &str,
    pod: &str,
    command: Vec<String>,
    limit: Duration,
) -> Result<(), String> {
    let api = Api::<Pod>::namespaced(client, namespace);
    let params = AttachParams::default().container(names::CONTAINER).stdin(false).stdout(true).stderr(true);
    let started = timeout(START, api.exec(pod, command, &params)).await;
    let process = started.map_err(|_| "could not be run: the API server did not answer in time".to_owned())?;
    let process = process.map_err(|error| refusal(&error))?;
    let limit = limit.saturating_add(LATE);
    let Ok((status, said)) = timeout(limit, end(process)).await else {
        return Err(format!("did not end within {} s", limit.as_secs()));
    };
    verdict(status.as_ref(), &said)
}

/// The end of a process, and the end of what it said.
async fn end(mut process: AttachedProcess) -> (Option<Status>, String) {
    let (output, errors) = (process.stdout(), process.stderr());
    let status = process.take_status();
    let status = async move {
        match status {
            Some(status) => status.await,
            None => None,
        }
    };
    let (status, mut said, errors) = futures::join!(status, tail(output), tail(errors));
    said.extend(errors);
    (status, String::from_utf8_lossy(&said).into_owned())
}

/// The last bytes of a stream.
async fn tail(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(mut stream) = stream else { return Vec::new() };
    let (mut kept, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..count]);
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    kept
}

/// What an end means. <https://pkg.go.dev/k8s.io/apimachinery/pkg/util/remotecommand> names the reason of an exit code.
fn verdict(status: Option<&Status>, said: &str) -> Result<(), String> {
    let Some(status) = status else {
        return Err("was cut off from the operator before it ended".to_owned());
    };
    if status.status.as_deref() == Some("Success") {
        return Ok(());
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code =
        causes.filter(|cause| cause.reason.as_deref() == Some("ExitCode")).find_map(|cause| cause.message.clone());
    let said: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(" / ")) };
    match code.as_deref() {
        // The shell's own words for SIGKILL, by which the command is ended at its limit.
        Some("137") => Err(format!("was killed, as after spec.shutdown.leave.timeoutSeconds{said}")),
        Some(code) => Err(format!("ended with exit code {code}{said}")),
        None => Err(format!("could not be run: {}{said}", status.message.as_deref().unwrap_or("no reason given"))),
    }
}

fn refusal(error: &Error) -> String {
    let is_forbidden = match error {
        Error::Api(status) => status.is_forbidden(),
        Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) => *code == StatusCode::FORBIDDEN,
        _ => false,
    };
    match error {
        _ if is_forbidden => {
            "could not be run: the operator may not run commands in pods here. Allow it with the value rbac.execIntoPods of its \
             chart"
                .to_owned()
        }
        error => format!("could not be run: {}", describe(error)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn exit(code: &str) -> Value {
        json!({"status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with non-zero exit code",
            "details": {"causes": [{"reason": "ExitCode", "message": code}]}})
    }

    #[rstest]
    #[case::well(json!({"status": "Success"}), "whatever", Ok(()))]
    #[case::not_yet(exit("3"), "two queues left\n\n  wait\n", Err("ended with exit code 3: two queues left / wait"))]
    #[case::silent(exit("1"), "\n", Err("ended with exit code 1"))]
    #[case::too_long(exit("137"), "", Err("was killed, as after spec.shutdown.leave.timeoutSeconds"))]
    #[case::no_shell(
        json!({"status": "Failure", "message": "exec: \"sh\": executable file not found"}),
        "",
        Err("could not be run: exec: \"sh\": executable file not found")
    )]
    fn ends(#[case] status: Value, #[case] said: &str, #[case] expected: Result<(), &str>) {
        let status: Status = serde_json::from_value(status).unwrap();
        assert_eq!(verdict(Some(&status), said), expected.map_err(ToOwned::to_owned));
    }

    #[test]
    fn an_end_that_nobody_saw_is_none() {
        assert_eq!(verdict(None, ""), Err("was cut off from the operator before it ended".to_owned()));
    }

    #[test]
    fn who_may_not_is_told_what_to_do() {
        let switch = Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(StatusCode::FORBIDDEN));
        let answer = Error::Api(kube::core::Status::failure("no", "Forbidden").with_code(403).boxed());
        for forbidden in [switch, answer] {
            assert!(refusal(&forbidden).contains("rbac.execIntoPods"), "{forbidden}");
        }
        let other = Error::Api(kube::core::Status::failure("no", "BadRequest").with_code(400).boxed());
        assert!(!refusal(&other).contains("rbac.execIntoPods"));
    }

    #[tokio::test]
    async fn only_the_end_of_much_is_kept() {
        let much = [b"a".repeat(5000), b"the end".to_vec()].concat();
        let kept = tail(Some(&much[..])).await;
        assert!(kept.len() == KEPT && kept.ends_with(b"the end"));
        assert_eq!(tail(None::<&[u8]>).await, b"");
    }
}
