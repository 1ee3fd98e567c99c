//! What the schema of the chart's values refuses.

use super::*;

fn refusal(value: &str) -> String {
    Rendering::new("beam-operator", "system").set(value).yaml().unwrap_err().to_string()
}

#[test]
fn a_value_that_does_not_exist_is_refused_at_every_depth() {
    for value in [
        "replica=2",
        "image.name=1",
        "crds.delete=true",
        "rbac.cluster=true",
        "serviceAccount.labels={}",
        "operator.threads=1",
        "leaderElection.enabled=true",
        "log.colour=1",
        "metrics.port=1",
        "metrics.service.port=1",
        "metrics.serviceMonitor.path=1",
        "metrics.podMonitor.path=1",
        "metrics.prometheusRule.rules=[]",
        "metrics.dashboard.folder=1",
        "networkPolicy.ingress=[]",
        "podDisruptionBudget.minAvailable=1",
        "resources.request={}",
    ] {
        let refusal = refusal(value);
        assert!(refusal.contains("not allowed"), "{value}: {refusal}");
    }
}

#[test]
fn a_value_that_the_operator_would_refuse_is_refused() {
    for value in [
        "replicas=-1",
        r#"image.digest="abc""#,
        r#"image.pullPolicy="Sometimes""#,
        r#"watchNamespaces="store""#,
        r#"watchNamespaces=["Store"]"#,
        r#"clusterDomain="a..b""#,
        r#"fullnameOverride="-a""#,
        "operator.concurrency=0",
        "operator.workerThreads=65",
        "operator.resyncIntervalSeconds=5",
        "operator.requestTimeoutSeconds=0",
        "leaderElection.leaseDurationSeconds=1",
        r#"log.format="xml""#,
        r#"imagePullSecrets=["regcred"]"#,
        r#"podLabels={"a":1}"#,
        r#"commonLabels={"a":1}"#,
        r#"watchOwnNamespace="yes""#,
        r#"metrics.serviceMonitor.interval="often""#,
        r#"metrics.podMonitor.scrapeTimeout="0s""#,
        r#"metrics.prometheusRule.runbookUrl="docs/monitoring.md#a""#,
        "metrics.dashboard.labels=[]",
        "networkPolicy.apiServerPorts=[]",
        "networkPolicy.apiServerPorts=[0]",
    ] {
        let refusal = refusal(value);
        assert!(refusal.contains("values don't meet the specifications"), "{value}: {refusal}");
    }
}

#[test]
fn lease_times_that_contradict_each_other_are_refused() {
    for (value, field) in [
        ("leaderElection.renewDeadlineSeconds=30", "leaderElection.renewDeadlineSeconds must be shorter"),
        ("leaderElection.retryPeriodSeconds=31", "leaderElection.retryPeriodSeconds must not be longer"),
    ] {
        let refusal = refusal(value);
        assert!(refusal.contains(field), "{value}: {refusal}");
    }
}

#[test]
fn ways_to_scrape_that_contradict_each_other_are_refused() {
    let refused = |values: [&str; 2]| {
        let rendering = values.iter().fold(Rendering::new("beam-operator", "system"), |it, value| it.set(*value));
        rendering.yaml().unwrap_err().to_string()
    };
    let service_monitor = "metrics.serviceMonitor.enabled=true";
    let refusal = refused([service_monitor, "metrics.service.enabled=false"]);
    assert!(refusal.contains("set metrics.service.enabled, or take metrics.podMonitor"), "{refusal}");
    let refusal = refused([service_monitor, "metrics.podMonitor.enabled=true"]);
    assert!(refusal.contains("would scrape every pod twice"), "{refusal}");
}

/// Every value has a schema and every schema has a value; a map that is passed on as it is counts as one.
#[test]
fn the_schema_lists_the_values_that_there_are() {
    let schema: Value = serde_json::from_str(&text("deploy/helm/beam-operator/values.schema.json")).unwrap();
    let values: Value = serde_yaml::from_str(&text(super::super::OPERATOR.values())).unwrap();
    compare(&schema, &schema, &values, "");
}

fn compare(root: &Value, schema: &Value, values: &Value, path: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(&reference[1..]).unwrap(),
        None => schema,
    };
    let (Some(properties), Some(values)) = (schema["properties"].as_object(), values.as_object()) else { return };
    // Helm's own, and a field of the pod that has no default.
    let without_value = ["global", "claims"];
    let mut expect: Vec<_> = properties.keys().filter(|key| !without_value.contains(&key.as_str())).collect();
    let mut found: Vec<_> = values.keys().collect();
    expect.sort();
    found.sort();
    assert_eq!(found, expect, "values under {path:?}");
    for (key, value) in values {
        compare(root, &properties[key], value, &format!("{path}.{key}"));
    }
}
