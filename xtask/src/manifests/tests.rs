//! What the checks refuse, tried with kubeconform and kube-score themselves: one that lets everything pass would look the
//! same.

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

#[test]
fn an_unknown_field_of_prometheus_operator_is_refused() {
    let monitor = |endpoint: &str| {
        format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {{name: a}}\n\
             spec: {{selector: {{}}, podMetricsEndpoints: [{endpoint}]}}\n"
        )
    };
    check("monitor", &monitor("{port: metrics, honorLabels: true}")).unwrap();
    assert!(check("monitor-typo", &monitor("{port: metrics, honourLabels: true}")).is_err());
}

/// What kube-score is told not to look for is what it would find, and nothing else is kept from it.
#[test]
fn each_opinion_that_is_left_out_would_be_told() {
    let scratch = std::env::temp_dir().join(format!("beam-operator-score-{}", std::process::id()));
    fs::create_dir_all(&scratch).unwrap();
    for set in SETS {
        let file = scratch.join(format!("{}.yaml", set.name));
        fs::write(&file, set.rendering().yaml().unwrap()).unwrap();
        for left_out in set.without {
            let others: Vec<_> = set.without.iter().copied().filter(|test| test != left_out).collect();
            assert!(score::run(&file, &others).is_err(), "{left_out} is no matter of {}", set.name);
        }
        for left_out in 0..score::NOT_OURS.len() {
            let mut opinions: Vec<_> = score::NOT_OURS.to_vec();
            let (opinion, _) = opinions.remove(left_out);
            let told = score::score(&file, &opinions, set.without).is_err();
            // One pod need not keep away from another.
            let is_moot = opinion.contains("podantiaffinity") && set.without.contains(&"deployment-replicas");
            assert_eq!(told, !is_moot, "{opinion} of {}", set.name);
        }
    }
    fs::remove_dir_all(&scratch).unwrap();
}
