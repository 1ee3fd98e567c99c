//! The program as somebody runs it, against an API server that is played or is not there.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

/// Runs the program with these variables and nothing else of the environment; its exit code, output and complaints.
fn run(line: &str, variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kubectl-beam"));
    let output = program.args(line.split(' ')).env_clear().envs(variables.iter().copied()).output().unwrap();
    let [told, complaint] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), told, complaint)
}

/// An API server with one release in each namespace, named like it.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            let request = String::from_utf8(request).unwrap();
            let path = request.split(' ').nth(1).unwrap().split('?').next().unwrap().to_owned();
            let namespace = path.split('/').nth(5).unwrap_or_default();
            let body = list(namespace).to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    address
}

fn list(namespace: &str) -> Value {
    let metadata = json!({"name": format!("of-{namespace}"), "namespace": namespace});
    let (version, kind) = ("beam-operator.io/v1alpha1", "ElixirRelease");
    let item = json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {"image": "a\u{1b}[2J"}});
    json!({"apiVersion": version, "kind": "ElixirReleaseList", "metadata": {}, "items": [item]})
}

/// A kubeconfig whose contexts `first` and `other` lead to a server, with namespaces of these names.
fn kubeconfig(name: &str, server: SocketAddr) -> PathBuf {
    let context = |name: &str| json!({"name": name, "context": {"cluster": "it", "user": "me", "namespace": name}});
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "first",
        "clusters": [{"name": "it", "cluster": {"server": format!("http://{server}")}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [context("first"), context("other")],
    });
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// The name of the only release that is shown.
fn shown(line: &str, variables: &[(&str, &str)]) -> String {
    let (code, told, complaint) = run(line, variables);
    assert_eq!((code, complaint.as_str()), (Some(0), ""), "{line}");
    let row = told.lines().nth(1).unwrap();
    row.split(' ').next().unwrap().to_owned()
}

#[test]
fn kubeconfig_context_and_namespace_are_found_as_kubectl_finds_them() {
    let path = kubeconfig("found", server());
    let path = path.to_str().unwrap();
    let variable = [("KUBECONFIG", path)];
    assert_eq!(shown("status", &variable), "of-first");
    assert_eq!(shown("status --context other", &variable), "of-other");
    assert_eq!(shown("status -n third", &variable), "of-third");
    assert_eq!(shown("--namespace third --context other status", &variable), "of-third");
    assert_eq!(shown(&format!("status --kubeconfig {path}"), &[]), "of-first");
    assert_eq!(
        shown(&format!("status --kubeconfig {path} --context other"), &[("KUBECONFIG", "/nowhere")]),
        "of-other"
    );
    // The stand-in takes the list of all namespaces for that of one without a name.
    let (_, told, _) = run("status -A", &variable);
    assert!(told.starts_with("NAMESPACE "), "{told}");
}

#[test]
fn what_a_terminal_would_obey_is_not_printed() {
    let (_, told, _) = run("status", &[("KUBECONFIG", kubeconfig("printed", server()).to_str().unwrap())]);
    assert!(told.contains("a\u{fffd}[2J"), "{told:?}");
}

#[test]
fn the_version_of_the_plugin_takes_no_cluster() {
    let own = format!("kubectl-beam: {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run("version --client", &[]), (Some(0), own.clone(), String::new()));
    let (code, told, complaint) = run("version", &[]);
    assert_eq!((code, told), (Some(1), own));
    assert!(complaint.starts_with("error: no cluster can be addressed: "), "{complaint}");
}

#[test]
fn what_keeps_it_from_the_cluster_is_told() {
    // Nobody listens any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let path = kubeconfig("gone", gone);
    let variable = ("KUBECONFIG", path.to_str().unwrap());
    for (line, variables, told) in [
        ("status", vec![variable], format!("the API server http://{gone}/ cannot be reached: ")),
        ("pause shop", vec![variable], format!("the API server http://{gone}/ cannot be reached: ")),
        ("status --context nothing", vec![variable], "no cluster can be addressed: ".to_owned()),
        ("status --kubeconfig /nowhere", vec![variable], "no cluster can be addressed: ".to_owned()),
        (
            "status",
            vec![variable, ("HTTPS_PROXY", "http://127.0.0.1:1")],
            format!("the API server http://{gone}/ is configured behind a proxy, "),
        ),
    ] {
        let (code, nothing, complaint) = run(line, &variables);
        assert_eq!((code, nothing.as_str()), (Some(1), ""), "{line}");
        assert!(complaint.starts_with(&format!("error: {told}")), "{line}: {complaint}");
    }
    let (_, _, complaint) = run("status --context nothing", &[variable]);
    assert!(complaint.contains("nothing"), "{complaint}");
}

#[test]
fn it_calls_itself_as_it_is_typed() {
    for line in ["undo --help", "help undo"] {
        let (code, told, _) = run(line, &[]);
        assert!(code == Some(0) && told.contains("Usage: kubectl beam undo "), "{told}");
    }
    assert_eq!(run("--version", &[]).1, format!("kubectl-beam {}\n", env!("CARGO_PKG_VERSION")));
}
