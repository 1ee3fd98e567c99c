//! What the check refuses, tried with kubeconform itself: a check that lets everything pass would look the same.

use super::*;

/// Runs the check over one document.
fn check(name: &str, document: &str) -> Result<()> {
    let scratch = std::env::temp_dir().join(format!("beam-operator-manifests-{}-{name}", std::process::id()));
    fs::create_dir_all(&scratch)?;
    schemas::write(&scratch, &root().join("crds"))?;
    let file = scratch.join("document.yaml");
    fs::write(&file, document)?;
    let result = conform(&scratch, &[file]);
    fs::remove_dir_all(&scratch)?;
    result
}

fn release(spec: &str) -> String {
    format!("apiVersion: beam-operator.io/v1alpha1\nkind: ElixirRelease\nmetadata: {{name: shop}}\nspec: {spec}\n")
}

#[test]
fn a_valid_release_passes() {
    let spec =
        "{image: a, resources: {limits: {cpu: 2, memory: 1Gi}}, rollout: {maxSurge: 25%}, podTemplate: {spec: {}}}";
    check("valid", &release(spec)).unwrap();
}

#[test]
fn an_unknown_field_of_ours_is_refused() {
    assert!(check("unknown", &release("{image: a, cluster: {nmae: b}}")).is_err());
}

#[test]
fn a_wrong_type_is_refused() {
    assert!(check("type", &release("{image: a, replicas: three}")).is_err());
}

#[test]
fn an_unknown_field_of_kubernetes_is_refused() {
    let service = |spec: &str| format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {spec}\n");
    check("service", &service("{ports: [{port: 80, targetPort: http}]}")).unwrap();
    assert!(check("service-typo", &service("{ports: [{prot: 80}]}")).is_err());
}

#[test]
fn a_kind_without_a_schema_is_refused() {
    assert!(check("kind", "apiVersion: example.org/v1\nkind: Unknown\nmetadata: {name: a}\n").is_err());
}
