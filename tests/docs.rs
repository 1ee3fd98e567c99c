//! What users read agrees with what the operator does: examples run as they are, and pages leave nothing out.

use std::fs;
use std::path::Path;

use beam_operator::api::ElixirRelease;
use beam_operator::controller::validate::{References, validate};
use beam_operator::resources::reference::Contents;
use beam_operator::resources::{Facts, pod};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Every variable that the operator sets for some release is named where people look for it.
#[test]
fn the_page_on_releases_names_every_variable() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/releases.md");
    let page = fs::read_to_string(page).unwrap();
    for tool in ["Mix", "Distillery", "Relx", "None"] {
        for cluster in [
            "{}",
            "{tls: {mode: Managed}}",
            "{epmd: Disabled}",
            "{ports: {epmd: 4370}}",
            "{discovery: Kubernetes}",
            "{distribution: Disabled}",
            "{host: PodFQDN}",
        ] {
            let kind = if cluster.contains("PodFQDN") { "StatefulSet" } else { "Deployment" };
            let release = format!(
                "{{apiVersion: beam-operator.io/v1alpha1, kind: ElixirRelease, metadata: {{name: shop, namespace: store}}, \
                 spec: {{image: a, release: {{tool: {tool}}}, cluster: {cluster}, \
                 workload: {{kind: {kind}}}, vm: {{flags: +P 1000000}}, \
                 resources: {{limits: {{cpu: 2}}}}}}}}"
            );
            let release: ElixirRelease = serde_yaml::from_str(&release).unwrap();
            let draft = pod::draft(&release).unwrap();
            let template = pod::template(&release, &draft, &Facts::default(), &Contents::new());
            let variables = template.spec.unwrap().containers[0].env.clone().unwrap();
            for variable in variables {
                assert!(page.contains(&format!("`{}`", variable.name)), "{} of {tool} with {cluster}", variable.name);
            }
        }
    }
}

#[test]
fn every_example_is_valid_without_a_warning() {
    let mut releases = 0;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let documents = serde_yaml::Deserializer::from_str(&text).map(|it| Value::deserialize(it).unwrap());
        let found = documents.filter(|document| document["kind"] == "ElixirRelease");
        let found: Vec<ElixirRelease> = found.map(|document| serde_json::from_value(document).unwrap()).collect();
        let members: Vec<_> = found.iter().collect();
        for release in &found {
            let valid = validate(release, &members, References::Unknown, &Facts::default(), Timestamp::now());
            let warnings = valid.unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display())).warnings;
            assert!(warnings.is_empty(), "{}: {warnings:?}", path.display());
            releases += 1;
        }
    }
    assert!(releases > 4, "only {releases} releases were found");
}

#[test]
fn the_page_on_conditions_names_every_reason_of_the_mesh() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conditions.md")).unwrap();
    for reason in beam_operator::controller::conditions::Reason::OF_CLUSTERED {
        assert!(page.contains(&format!("| {reason} |")), "{reason}");
    }
}
