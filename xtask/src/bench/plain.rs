//! Plain concurrent requests: what a client does that neither looks nor thinks.
//!
//! curl sends them, over as many connections as the operator reconciles releases at the same time, so that nothing of
//! the operator's own is in the measure that it is held against.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::api_server::ApiServer;
use crate::cluster::write_private;
use crate::command;

/// How many requests are under way at the same time: the operator's own default.
const CONCURRENCY: u8 = 16;

/// A request that changes something.
pub(super) struct PlainRequest {
    verb: Verb,
    pub(super) path: String,
    body: Value,
}

/// What a request does.
#[derive(Clone, Copy)]
enum Verb {
    Create,
    Change,
    Apply,
}

/// Requests that are ready to be sent.
pub(super) struct Batch {
    config: PathBuf,
    size: usize,
}

impl PlainRequest {
    /// Creates an object at the path of its kind.
    pub(super) fn create(path: String, body: Value) -> Self {
        Self { verb: Verb::Create, path, body }
    }

    /// Changes the parts of an object that the body has.
    pub(super) fn change(path: String, body: Value) -> Self {
        Self { verb: Verb::Change, path, body }
    }

    /// Makes the same object by server-side apply, so that it says whose its fields are.
    pub(super) fn into_apply(self) -> Self {
        let name = self.body["metadata"]["name"].as_str().unwrap_or_default();
        // What the operator asks for as well.
        let path = format!("{}/{name}?fieldManager=plain&fieldValidation=Ignore", self.path);
        Self { verb: Verb::Apply, path, body: self.body }
    }

    /// Whether it makes an object of this kind, as in its path.
    pub(super) fn is_about(&self, plural: &str) -> bool {
        self.path.rsplit('/').next() == Some(plural)
    }

    #[cfg(test)]
    pub(super) fn body(&self) -> &Value {
        &self.body
    }

    fn method(&self) -> &'static str {
        if matches!(self.verb, Verb::Create) { "POST" } else { "PATCH" }
    }

    fn content_type(&self) -> &'static str {
        match self.verb {
            Verb::Create => "application/json",
            Verb::Change => "application/merge-patch+json",
            Verb::Apply => "application/apply-patch+yaml",
        }
    }
}

impl Batch {
    /// Writes down what to send as the administrator, so that sending is all that takes time later.
    pub(super) fn prepare(api_server: &ApiServer, name: &str, requests: &[PlainRequest]) -> Result<Self> {
        let mut text =
            format!("parallel\nparallel-immediate\nparallel-max = {CONCURRENCY}\nno-progress-meter\nshow-error\n");
        for (position, request) in requests.iter().enumerate() {
            text.push_str(if position == 0 { "" } else { "next\n" });
            writeln!(text, "url = {}", quoted(&format!("{}{}", api_server.cluster().server(), request.path)))?;
            writeln!(text, "request = {}\nhttp1.1\nmax-time = 60", request.method())?;
            writeln!(text, "header = \"Content-Type: {}\"", request.content_type())?;
            for (option, file) in [("cacert", "ca.crt"), ("cert", "admin.crt"), ("key", "admin.key")] {
                writeln!(text, "{option} = {}", quoted(&api_server.pki(file)))?;
            }
            writeln!(text, "output = /dev/null\nwrite-out = \"%{{http_code}} %{{url}}\\n\"")?;
            writeln!(text, "data-binary = {}", quoted(&request.body.to_string()))?;
        }
        let config = api_server.cluster().directory.join(format!("{name}.curl"));
        write_private(&config, &text)?;
        Ok(Self { config, size: requests.len() })
    }

    /// Sends all of it and fails unless every request was granted.
    pub(super) fn send(&self) -> Result<Duration> {
        if self.size == 0 {
            return Ok(Duration::ZERO);
        }
        let started = Instant::now();
        let answers = command::output(Command::new("curl").arg("--disable").arg("--config").arg(&self.config))?;
        let took = started.elapsed();
        let refused: Vec<_> = answers.lines().filter(|line| !line.starts_with('2')).collect();
        ensure!(refused.is_empty(), "{} plain requests were refused, the first: {}", refused.len(), refused[0]);
        ensure!(answers.lines().count() == self.size, "not every plain request was sent: {answers}");
        Ok(took)
    }
}

/// A string in curl's notation. None here has control characters: JSON escapes them itself.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_survives_the_notation_of_curl() {
        assert_eq!(quoted(&json!({"a": "say \"hi\"\n"}).to_string()), r#""{\"a\":\"say \\\"hi\\\"\\n\"}""#);
    }

    #[test]
    fn what_a_request_says_it_is() {
        let create = || PlainRequest::create("/api/v1/secrets".to_owned(), json!({"metadata": {"name": "a"}}));
        assert_eq!((create().method(), create().content_type()), ("POST", "application/json"));
        let change = PlainRequest::change(String::new(), json!({}));
        assert_eq!((change.method(), change.content_type()), ("PATCH", "application/merge-patch+json"));
        let apply = create().into_apply();
        assert_eq!((apply.method(), apply.content_type()), ("PATCH", "application/apply-patch+yaml"));
        assert!(apply.path.starts_with("/api/v1/secrets/a?fieldManager="), "{}", apply.path);
    }
}
