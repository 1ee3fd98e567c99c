//! What `beam-operator render` says.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// A release as a file, and its end as a process: exit code and what it wrote to standard error.
pub fn render(releases: &[(&str, &str)]) -> (i32, String) {
    let documents = releases.iter().map(|(name, spec)| {
        let spec: Value = serde_yaml::from_str(spec).unwrap();
        json!({"apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "metadata": {"name": name}, "spec": spec})
    });
    let file = documents.map(|document| format!("---\n{document}\n")).collect::<String>();
    let mut process = Command::new(env!("CARGO_BIN_EXE_beam-operator"))
        .args(["render", "--filename", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(file.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    if !output.status.success() {
        assert_eq!(output.stdout, b"", "children of a release that is not valid were printed");
    }
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}
