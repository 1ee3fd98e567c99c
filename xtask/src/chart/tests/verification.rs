//! The pod of `helm test`.

use super::*;

#[test]
fn it_asks_with_the_rights_of_the_operator_and_is_as_locked_down() {
    let objects =
        render(&[r#"imagePullSecrets=[{"name":"a"}]"#, r#"nodeSelector={"a":"b"}"#, r#"tolerations=[{"key":"a"}]"#]);
    let (test, operator) = (objects.only("Pod"), objects.pod());
    assert_eq!(test["metadata"]["annotations"]["helm.sh/hook"], "test");
    assert_eq!(test["spec"]["restartPolicy"], "Never");
    for field in ["serviceAccountName", "securityContext", "imagePullSecrets", "nodeSelector", "tolerations"] {
        assert_eq!(test["spec"][field], operator["spec"][field], "{field}");
    }
    for field in ["image", "imagePullPolicy", "securityContext", "resources"] {
        assert_eq!(test["spec"]["containers"][0][field], objects.container()[field], "{field}");
    }
}

#[test]
fn it_is_no_pod_of_the_deployment() {
    let objects = render(&[]);
    let selector = &objects.only("Deployment")["spec"]["selector"]["matchLabels"];
    let labels = &objects.only("Pod")["metadata"]["labels"];
    assert_ne!(labels["app.kubernetes.io/name"], selector["app.kubernetes.io/name"]);
}

#[test]
fn it_asks_where_the_operator_answers() {
    let arguments = |values: &[&str]| render(values).only("Pod")["spec"]["containers"][0]["args"].clone();
    assert_eq!(
        arguments(&[r#"fullnameOverride="exr""#]),
        json!([
            "check",
            "--lease-name=exr",
            "--url=http://exr-metrics.system.svc:8081/readyz",
            "--url=http://exr-metrics.system.svc:8080/metrics"
        ])
    );
    assert_eq!(arguments(&["metrics.service.enabled=false"]), json!(["check", "--lease-name=beam-operator"]));
    let ports = render(&[]).only("Service")["spec"]["ports"].clone();
    assert_eq!(
        ports,
        json!([
            {"name": "metrics", "port": 8080, "targetPort": "metrics"},
            {"name": "health", "port": 8081, "targetPort": "health"}
        ])
    );
}
