//! The ClusterServiceVersion: what OLM installs, and what a console tells of it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{CAPABILITIES, NAME, Sources, VERSION, csv_name, descriptors, skip_range};
use crate::architecture::Architecture;
use crate::chart;

/// The install modes of OLM, all of which work: the operator takes a list of namespaces, and an empty one for all.
pub(super) const INSTALL_MODES: [&str; 4] = ["OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces"];

/// Where OLM writes the namespaces to look in, separated by commas; empty for all of them.
pub(super) const TARGET_NAMESPACES: &str = "metadata.annotations['olm.targetNamespaces']";

/// What the operator writes or reads for a release, by its plural in the rules of the chart. Only the version has to be
/// told here: rules have none.
pub(super) const CHILDREN: [(&str, &str, &str); 13] = [
    ("deployments", "Deployment", "v1"),
    ("statefulsets", "StatefulSet", "v1"),
    ("controllerrevisions", "ControllerRevision", "v1"),
    ("jobs", "Job", "v1"),
    ("services", "Service", "v1"),
    ("secrets", "Secret", "v1"),
    ("serviceaccounts", "ServiceAccount", "v1"),
    ("poddisruptionbudgets", "PodDisruptionBudget", "v1"),
    ("networkpolicies", "NetworkPolicy", "v1"),
    ("horizontalpodautoscalers", "HorizontalPodAutoscaler", "v2"),
    ("roles", "Role", "v1"),
    ("rolebindings", "RoleBinding", "v1"),
    ("pods", "Pod", "v1"),
];

pub(super) fn build(sources: &Sources) -> Result<Value> {
    let image = sources.image()?;
    Ok(json!({
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {
            "name": csv_name(),
            "labels": platforms(),
            "annotations": {
                "alm-examples": alm_examples(sources)?,
                "capabilities": CAPABILITIES,
                "categories": "Application Runtime",
                "containerImage": image,
                "description": sources.summary,
                "olm.skipRange": skip_range(),
                "operatorframework.io/suggested-namespace": NAME,
                "support": NAME,
            },
        },
        "spec": {
            "displayName": NAME,
            "description": sources.description,
            "version": VERSION,
            "maturity": super::CHANNEL,
            "minKubeVersion": chart::KUBERNETES,
            "icon": [sources.encoded_icon()],
            "keywords": ["elixir", "erlang", "beam", "otp", "phoenix"],
            "provider": {"name": NAME},
            "installModes": INSTALL_MODES.map(|mode| json!({"type": mode, "supported": true})),
            "install": {"strategy": "deployment", "spec": {
                "deployments": [deployment(sources)?],
                "permissions": [{"serviceAccountName": NAME, "rules": rules(sources)?}],
            }},
            "customresourcedefinitions": {"owned": [owned(sources)?]},
            "relatedImages": [{"name": NAME, "image": image}],
        },
    }))
}

/// What a release has images for. Without these labels a console takes the operator for one of amd64 only.
fn platforms() -> Value {
    let architectures = Architecture::ALL.iter().map(|it| format!("operatorframework.io/arch.{it}"));
    let all = architectures.chain(["operatorframework.io/os.linux".to_owned()]);
    all.map(|label| (label, "supported")).collect()
}

/// The examples that are one ElixirRelease, as JSON. Consoles offer them as templates.
fn alm_examples(sources: &Sources) -> Result<String> {
    let examples: Vec<_> = sources.examples.iter().filter_map(super::examples::Example::template).collect();
    ensure!(!examples.is_empty(), "no example is a single ElixirRelease");
    Ok(serde_json::to_string_pretty(&examples)?)
}

/// The chart's Deployment, which takes its namespaces from where OLM writes them.
fn deployment(sources: &Sources) -> Result<Value> {
    let mut deployment = sources.object("Deployment", NAME)?.clone();
    let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
    let environment = container["env"].as_array_mut().context("the operator has no environment")?;
    environment
        .insert(0, json!({"name": "WATCH_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": TARGET_NAMESPACES}}}));
    let labels = super::beside_the_csv(&deployment)["metadata"]["labels"].take();
    Ok(json!({"name": NAME, "label": labels, "spec": deployment["spec"].take()}))
}

/// The rules of the chart, all of them as permissions of a namespace: OLM makes a Role of them in each namespace that the
/// operator looks in, and a ClusterRole where it looks in all.
fn rules(sources: &Sources) -> Result<Vec<Value>> {
    let mut rules = Vec::new();
    for (kind, name) in [("ClusterRole", "beam-operator"), ("Role", "beam-operator-election")] {
        let found = sources.object(kind, name)?["rules"].as_array();
        rules.extend(found.with_context(|| format!("the {kind} {name} has no rules"))?.iter().cloned());
    }
    Ok(rules)
}

/// What is told of the custom resource.
fn owned(sources: &Sources) -> Result<Value> {
    let (names, version) = (&sources.crd["spec"]["names"], &sources.crd["spec"]["versions"][0]);
    let schema = &version["schema"]["openAPIV3Schema"];
    let description = schema["description"].as_str().context("the CRD has no description")?;
    let releases = sources.examples.iter().flat_map(super::examples::Example::releases);
    Ok(json!({
        "name": sources.crd["metadata"]["name"],
        "kind": names["kind"],
        "version": version["name"],
        "displayName": names["kind"],
        "description": description,
        "resources": CHILDREN.map(|(_, kind, version)| json!({"kind": kind, "version": version})),
        "specDescriptors": descriptors::of_spec(&schema["properties"]["spec"], releases)?,
        "statusDescriptors": descriptors::of_status(&schema["properties"]["status"])?,
    }))
}
