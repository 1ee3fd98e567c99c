//! What `beam-operator render` says.
//!
//! Its own tests need nothing but the program.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rstest::rstest;
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

/// The end of `render` with a file of this content: exit code, standard output and standard error.
fn render_file(name: &str, content: &str) -> (Option<i32>, String, String) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, content).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_beam-operator")).args(["render", "-f"]).arg(&file).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_valid_file_is_printed_as_children() {
    let (code, printed, told) = render_file("valid.yaml", include_str!("../../../examples/minimal.yaml"));
    assert_eq!((code, told.as_str()), (Some(0), ""));
    let kinds: Vec<_> = printed.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
    assert!(kinds.contains(&"Deployment") && kinds.contains(&"Service"), "{printed}");
}

#[test]
fn a_warning_stands_beside_the_children() {
    let content =
        "{kind: ElixirRelease, metadata: {name: shop}, spec: {image: a, env: [{name: URL, value: $(HOST)/x}]}}";
    let (code, printed, told) = render_file("warning.yaml", content);
    let warning = "warning: ElixirRelease shop: spec.env[0]: URL refers to $(HOST), which is defined nowhere: define it, or \
                   write $$ for a literal $\n";
    assert_eq!((code, told.as_str()), (Some(0), warning));
    assert!(printed.contains("kind: Deployment") && !printed.contains("warning"), "{printed}");
}

#[rstest]
#[case::several(
    "several.yaml",
    "{kind: ElixirRelease, metadata: {name: web}, spec: {image: a, clutser: {}, replicas: -1}}\n---\n{kind: ElixirRelease, metadata: {name: shop}, spec: {image: a, replicas: -1}}",
    "ElixirRelease web: spec.clutser: is not a field of this API: check its spelling and place\nElixirRelease web: spec.replicas: must be 0 or more, not -1\nElixirRelease shop: spec.replicas: must be 0 or more, not -1\n"
)]
#[case::no_release("empty.yaml", "", "no ElixirRelease in it\n")]
#[case::another_kind(
    "kind.yaml",
    "kind: Deployment",
    "a document is of kind \"Deployment\", and only ElixirRelease can be rendered\n"
)]
#[case::misspelt(
    "misspelt.yaml",
    "{kind: ElixirRelease, metadata: {name: shop}, spec: {image: a, clutser: {}}}",
    "ElixirRelease shop: spec.clutser: is not a field of this API: check its spelling and place\n"
)]
fn a_file_that_cannot_be_rendered_is_told(#[case] name: &str, #[case] content: &str, #[case] words: &str) {
    assert_eq!(render_file(name, content), (Some(1), String::new(), words.to_owned()));
}
