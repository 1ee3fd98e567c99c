//! Reads an API server's audit log as it grows.
//!
//! Format: <https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event>, one a line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::requests::Request;

/// The requests of one user, from when the log was opened.
pub(super) struct AuditLog {
    reader: BufReader<File>,
    user: String,
    /// The beginning of a line that is still being written.
    partial: String,
}

impl AuditLog {
    /// Opens the log at its beginning.
    pub(super) fn open(path: &Path, user: &str) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("there is no audit log {}", path.display()))?;
        Ok(Self { reader: BufReader::new(file), user: user.to_owned(), partial: String::new() })
    }

    /// What the user has asked for since the last call.
    pub(super) fn read(&mut self) -> Result<Vec<Request>> {
        let mut requests = Vec::new();
        while self.reader.read_line(&mut self.partial)? > 0 && self.partial.ends_with('\n') {
            // Most lines are somebody else's, and parsing takes time away from what is measured.
            if self.partial.contains(&self.user) {
                requests.extend(self.request(&self.partial)?);
            }
            self.partial.clear();
        }
        Ok(requests)
    }

    fn request(&self, line: &str) -> Result<Option<Request>> {
        let event: Event = serde_json::from_str(line).with_context(|| format!("not an audit event: {line}"))?;
        Ok((event.user.username == self.user && event.is_counted()).then(|| event.into_request()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    response_status: Status,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

impl Event {
    /// A watch is logged when it begins and again when it ends, which may be much later: it counts when it begins.
    fn is_counted(&self) -> bool {
        let counts_at = if self.verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
        self.stage == counts_at
    }

    fn into_request(self) -> Request {
        let Object { mut resource, subresource, namespace, name } = self.object_ref;
        if !subresource.is_empty() {
            resource = format!("{resource}/{subresource}");
        }
        Request { verb: self.verb, resource, object: format!("{namespace}/{name}"), code: self.response_status.code }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn event(user: &str, verb: &str, stage: &str) -> String {
        format!(
            r#"{{"stage":"{stage}","verb":"{verb}","user":{{"username":"{user}"}},"responseStatus":{{"code":200}},
            "objectRef":{{"resource":"elixirreleases","subresource":"status","namespace":"store","name":"shop"}}}}"#
        )
        .replace('\n', "")
    }

    #[test]
    fn requests_of_one_user_are_read_once_and_only_whole_lines() {
        let path = std::env::temp_dir().join(format!("beam-operator-audit-{}", std::process::id()));
        let mut file = File::create(&path).unwrap();
        let mut log = AuditLog::open(&path, "us").unwrap();
        let (ours, theirs) = (event("us", "patch", "ResponseComplete"), event("them", "patch", "ResponseComplete"));
        let (begun, half) = (event("us", "watch", "ResponseStarted"), ours.split_at(20));
        let ended = event("us", "watch", "ResponseComplete");

        write!(file, "{theirs}\n{begun}\n{ended}\n{}", half.0).unwrap();
        let first: Vec<_> = log.read().unwrap().into_iter().map(|request| request.verb).collect();
        writeln!(file, "{}", half.1).unwrap();
        let second = log.read().unwrap();

        std::fs::remove_file(&path).unwrap();
        assert_eq!(first, ["watch"]);
        assert_eq!(second[0].to_string(), "patch elixirreleases/status");
        assert_eq!((second.len(), second[0].object.as_str(), second[0].code), (1, "store/shop", 200));
        assert!(log.read().unwrap().is_empty());
    }
}
