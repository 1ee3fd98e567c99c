//! The chart that makes an ElixirRelease.

use super::*;

fn release(values: &[&str]) -> Value {
    let rendering = Rendering::new("shop", "store").of(&super::super::RELEASE);
    let objects = Objects::of(&values.iter().fold(rendering, |rendering, value| rendering.set(*value)));
    assert_eq!(objects.0.len(), 1);
    objects.only("ElixirRelease").clone()
}

fn refusal(values: &[&str]) -> String {
    let rendering = Rendering::new("shop", "store").of(&super::super::RELEASE);
    values.iter().fold(rendering, |rendering, value| rendering.set(*value)).yaml().unwrap_err().to_string()
}

#[test]
fn an_image_is_enough_and_nothing_is_added_to_the_spec() {
    let release = release(&[r#"image="shop:1""#]);
    assert_eq!(release["spec"], json!({"image": "shop:1"}));
    assert_eq!((&release["metadata"]["name"], &release["metadata"]["namespace"]), (&json!("shop"), &json!("store")));
    assert_eq!(release["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm");
    assert!(refusal(&[]).contains("image"));
}

#[test]
fn every_field_of_the_spec_is_taken_as_it_is() {
    let spec: Vec<(&str, Value)> = vec![
        ("replicas", json!(0)),
        ("paused", json!(false)),
        ("rollout", json!({"maxSurge": "25%", "maxUnavailable": 1})),
        ("env", json!([{"name": "A", "value": "1e6"}, {"name": "B", "value": "yes"}])),
        (
            "podTemplate",
            json!({"spec": {"securityContext": {"runAsUser": 2_147_483_647, "fsGroup": 1_000_000}, "anything": [1.5, null]}}),
        ),
        ("cluster", json!({"ports": {"distribution": {"from": 9100, "to": 9105}}})),
    ];
    let mut values: Vec<_> = spec.iter().map(|(field, value)| format!("{field}={value}")).collect();
    values.push(r#"image="shop:1""#.to_owned());
    let release = release(&values.iter().map(String::as_str).collect::<Vec<_>>());
    for (field, value) in spec {
        assert_eq!(release["spec"][field], value, "{field}");
    }
}

#[test]
fn metadata_is_of_the_release_and_no_part_of_the_spec() {
    let metadata = r#"metadata={"name":"other","labels":{"a":"b"},"annotations":{"beam-operator.io/pause":"true"}}"#;
    let release = release(&[r#"image="shop:1""#, metadata, r#"global={"a":1}"#]);
    assert_eq!(release["metadata"]["name"], "other");
    assert_eq!(release["metadata"]["labels"]["a"], "b");
    assert_eq!(release["metadata"]["annotations"], json!({"beam-operator.io/pause": "true"}));
    assert_eq!(release["spec"], json!({"image": "shop:1"}));
}

#[test]
fn what_is_no_field_and_what_a_field_does_not_take_is_refused() {
    for value in [
        "replica=3",
        r#"cluster={"nmae":"a"}"#,
        r#"metadata={"namespace":"a"}"#,
        r#"replicas="three""#,
        r#"workload={"kind":"DaemonSet"}"#,
        "replicas=-1",
        r#"ports=[{"nmae":"http"}]"#,
    ] {
        let refusal = refusal(&[r#"image="shop:1""#, value]);
        assert!(refusal.contains("values don't meet the specifications"), "{value}: {refusal}");
    }
}

/// The names of the schema are the fields of the CRD; a field that is not there could not be set.
#[test]
fn every_field_of_the_crd_is_a_value() {
    let crd: Value = serde_yaml::from_str(&text("crds/elixirreleases.beam-operator.io.yaml")).unwrap();
    let schema: Value = serde_json::from_str(&text("deploy/helm/beam-release/values.schema.json")).unwrap();
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let fields = spec["properties"].as_object().unwrap();
    assert!(fields.len() > 20);
    for field in fields.keys() {
        assert!(schema["properties"].get(field).is_some(), "{field}");
    }
}
