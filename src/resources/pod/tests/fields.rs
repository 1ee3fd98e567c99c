//! The fields of the spec in the pod, and the last word of `podTemplate`.

use rstest::rstest;
use serde_json::Value;

use super::*;

/// A part of the pod's template by JSON pointer; null where there is none.
fn part(spec: &str, pointer: &str) -> Value {
    serde_json::to_value(template(spec)).unwrap().pointer(pointer).cloned().unwrap_or(Value::Null)
}

#[rstest]
#[case::image("image: a/b:1", "image", json!("a/b:1"))]
#[case::pull_policy("{}", "imagePullPolicy", json!("IfNotPresent"))]
#[case::pull_policy_given("imagePullPolicy: Always", "imagePullPolicy", json!("Always"))]
#[case::entrypoint_of_the_image("{}", "command", Value::Null)]
#[case::cmd_of_the_image("{}", "args", Value::Null)]
#[case::command("release: {command: [/app/bin/shop]}", "command", json!(["/app/bin/shop"]))]
#[case::args("release: {args: [start]}", "args", json!(["start"]))]
#[case::ports("ports: [{name: http, containerPort: 4000}]", "ports", json!([{"name": "http", "containerPort": 4000, "protocol": "TCP"}]))]
#[case::resources("resources: {limits: {memory: 1Gi}}", "resources", json!({"limits": {"memory": "1Gi"}}))]
#[case::no_probe_without_a_port("{}", "readinessProbe", Value::Null)]
#[case::default_probe("ports: [{containerPort: 4000}]", "readinessProbe", json!({"tcpSocket": {"port": 4000}}))]
#[case::first_tcp_port(
    "ports: [{containerPort: 53, protocol: UDP}, {containerPort: 4000}, {containerPort: 4001}]",
    "readinessProbe",
    json!({"tcpSocket": {"port": 4000}})
)]
#[case::no_default_probe("{ports: [{containerPort: 4000}], probes: {default: None}}", "readinessProbe", Value::Null)]
#[case::given_probe(
    "{ports: [{containerPort: 4000}], probes: {readiness: {httpGet: {path: /health, port: http}, periodSeconds: 5}}}",
    "readinessProbe",
    json!({"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5})
)]
#[case::never_a_default_liveness("ports: [{containerPort: 4000}]", "livenessProbe", Value::Null)]
#[case::never_a_default_startup("ports: [{containerPort: 4000}]", "startupProbe", Value::Null)]
#[case::liveness("probes: {liveness: {exec: {command: [a]}}}", "livenessProbe", json!({"exec": {"command": ["a"]}}))]
#[case::startup("probes: {startup: {exec: {command: [a]}}}", "startupProbe", json!({"exec": {"command": ["a"]}}))]
#[case::delay("ports: [{containerPort: 4000}]", "lifecycle", json!({"preStop": {"sleep": {"seconds": 5}}}))]
#[case::delay_given("{ports: [{containerPort: 4000}], shutdown: {delaySeconds: 9}}", "lifecycle", json!({"preStop": {"sleep": {"seconds": 9}}}))]
#[case::delay_of_zero("{ports: [{containerPort: 4000}], shutdown: {delaySeconds: 0}}", "lifecycle", Value::Null)]
#[case::no_delay_without_ports("{}", "lifecycle", Value::Null)]
#[case::no_delay_without_a_service("{ports: [{containerPort: 4000}], service: {type: None}}", "lifecycle", Value::Null)]
#[case::delay_for_ports_of_the_service("service: {ports: [{port: 80, targetPort: 4000}]}", "lifecycle", json!({"preStop": {"sleep": {"seconds": 5}}}))]
#[case::delay_for_ports_of_its_spec("service: {spec: {ports: [{port: 80}]}}", "lifecycle", json!({"preStop": {"sleep": {"seconds": 5}}}))]
fn of_the_container(#[case] spec: &str, #[case] field: &str, #[case] expected: Value) {
    assert_eq!(part(spec, &format!("/spec/containers/0/{field}")), expected);
}

#[rstest]
#[case::service_links("{}", "enableServiceLinks", json!(false))]
#[case::grace("{}", "terminationGracePeriodSeconds", json!(60))]
#[case::grace_given("shutdown: {gracePeriodSeconds: 90}", "terminationGracePeriodSeconds", json!(90))]
#[case::pull_secrets("imagePullSecrets: [{name: regcred}]", "imagePullSecrets", json!([{"name": "regcred"}]))]
#[case::seccomp("{}", "securityContext", json!({"seccompProfile": {"type": "RuntimeDefault"}}))]
#[case::default_account("{}", "serviceAccountName", json!("default"))]
#[case::default_account_has_no_token("{}", "automountServiceAccountToken", json!(false))]
#[case::empty_account_is_none("serviceAccountName: ''", "automountServiceAccountToken", json!(false))]
#[case::given_account("serviceAccountName: me", "serviceAccountName", json!("me"))]
#[case::given_account_as_it_is("serviceAccountName: me", "automountServiceAccountToken", Value::Null)]
#[case::account_for_discovery("cluster: {discovery: Kubernetes}", "serviceAccountName", json!("shop-discovery"))]
#[case::token_for_discovery("cluster: {discovery: Kubernetes}", "automountServiceAccountToken", json!(true))]
#[case::given_account_for_discovery("{serviceAccountName: me, cluster: {discovery: Kubernetes}}", "serviceAccountName", json!("me"))]
#[case::given_token_for_discovery("{serviceAccountName: me, cluster: {discovery: Kubernetes}}", "automountServiceAccountToken", json!(true))]
#[case::alone_needs_no_discovery(
    "cluster: {discovery: Kubernetes, distribution: Disabled}",
    "serviceAccountName",
    json!("default")
)]
fn of_the_pod(#[case] spec: &str, #[case] field: &str, #[case] expected: Value) {
    assert_eq!(part(spec, &format!("/spec/{field}")), expected);
}

/// One field above `podTemplate` a case, with what the template says about the same.
#[rstest]
#[case::image("image: a", "containers: [{name: release, image: b}]", "containers/0/image", json!("b"))]
#[case::pull_policy("imagePullPolicy: Never", "containers: [{name: release, imagePullPolicy: Always}]", "containers/0/imagePullPolicy", json!("Always"))]
#[case::command("release: {command: [a]}", "containers: [{name: release, command: [b]}]", "containers/0/command", json!(["b"]))]
#[case::args("release: {args: [a, b]}", "containers: [{name: release, args: null}]", "containers/0/args", Value::Null)]
#[case::port(
    "{ports: [{containerPort: 1}], service: {type: None}}",
    "containers: [{name: release, ports: [{containerPort: 1, name: a}, {containerPort: 2}]}]",
    "containers/0/ports",
    json!([{"containerPort": 1, "name": "a", "protocol": "TCP"}, {"containerPort": 2}])
)]
#[case::env_from("envFrom: [{secretRef: {name: a}}]", "containers: [{name: release, envFrom: [{secretRef: {name: b}}]}]", "containers/0/envFrom", json!([{"secretRef": {"name": "b"}}]))]
#[case::resources("resources: {limits: {memory: 1Gi}}", "containers: [{name: release, resources: {limits: {memory: 2Gi}}}]", "containers/0/resources", json!({"limits": {"memory": "2Gi"}}))]
#[case::default_probe(
    "ports: [{containerPort: 1}]",
    "containers: [{name: release, readinessProbe: {httpGet: {port: 1}, periodSeconds: 3}}]",
    "containers/0/readinessProbe",
    json!({"httpGet": {"port": 1}, "periodSeconds": 3})
)]
#[case::default_probe_removed(
    "ports: [{containerPort: 1}]",
    "containers: [{name: release, readinessProbe: null}]",
    "containers/0/readinessProbe",
    Value::Null
)]
#[case::pre_stop(
    "ports: [{containerPort: 1}]",
    "containers: [{name: release, lifecycle: {preStop: {exec: {command: [a]}}}}]",
    "containers/0/lifecycle",
    json!({"preStop": {"exec": {"command": ["a"]}}})
)]
#[case::post_start_keeps_the_delay(
    "ports: [{containerPort: 1}]",
    "containers: [{name: release, lifecycle: {postStart: {exec: {command: [a]}}}}]",
    "containers/0/lifecycle",
    json!({"preStop": {"sleep": {"seconds": 5}}, "postStart": {"exec": {"command": ["a"]}}})
)]
#[case::grace("shutdown: {gracePeriodSeconds: 90}", "terminationGracePeriodSeconds: 7", "terminationGracePeriodSeconds", json!(7))]
#[case::account("serviceAccountName: a", "serviceAccountName: b", "serviceAccountName", json!("b"))]
#[case::token("{}", "automountServiceAccountToken: true", "automountServiceAccountToken", json!(true))]
#[case::token_of_an_account_that_the_template_names(
    "{}",
    "serviceAccountName: flame",
    "automountServiceAccountToken",
    Value::Null
)]
#[case::token_of_an_account_by_its_old_field(
    "{}",
    "serviceAccount: flame",
    "automountServiceAccountToken",
    Value::Null
)]
#[case::no_token_of_an_account_that_it_removes("serviceAccountName: a", "serviceAccountName: null", "automountServiceAccountToken", json!(false))]
#[case::token_of_another_account_for_discovery("cluster: {discovery: Kubernetes}", "serviceAccountName: b", "automountServiceAccountToken", json!(true))]
#[case::an_account_without_its_token("{}", "{serviceAccountName: a, automountServiceAccountToken: false}", "automountServiceAccountToken", json!(false))]
#[case::service_links("{}", "enableServiceLinks: true", "enableServiceLinks", json!(true))]
#[case::security("{}", "securityContext: {runAsUser: 1000, seccompProfile: {type: Unconfined}}", "securityContext", json!({"runAsUser": 1000, "seccompProfile": {"type": "Unconfined"}}))]
#[case::pull_secrets("imagePullSecrets: [{name: a}]", "imagePullSecrets: [{name: b}]", "imagePullSecrets", json!([{"name": "a"}, {"name": "b"}]))]
#[case::volume("{release: {tool: None}, volumes: [{name: v, emptyDir: {}}]}", "volumes: [{name: v, secret: {secretName: s}}]", "volumes", json!([{"name": "v", "secret": {"secretName": "s"}}]))]
#[case::volume_removed("{release: {tool: None}, volumes: [{name: v}]}", "volumes: [{name: v, $patch: delete}]", "volumes", json!([]))]
#[case::node_selector("{}", "nodeSelector: {disk: ssd}", "nodeSelector", json!({"disk": "ssd"}))]
#[case::tolerations("{}", "tolerations: [{key: a, operator: Exists}]", "tolerations", json!([{"key": "a", "operator": "Exists"}]))]
#[case::affinity(
    "{}",
    "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: In, values: [ssd]}]}]}}}",
    "affinity",
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]}}})
)]
#[case::dns("{}", "dnsConfig: {options: [{name: ndots, value: '2'}]}", "dnsConfig", json!({"options": [{"name": "ndots", "value": "2"}]}))]
#[case::host_aliases("{}", "hostAliases: [{ip: 10.0.0.1, hostnames: [a]}]", "hostAliases", json!([{"ip": "10.0.0.1", "hostnames": ["a"]}]))]
fn the_template_has_the_last_word(
    #[case] spec: &str,
    #[case] patch: &str,
    #[case] field: &str,
    #[case] expected: Value,
) {
    let mut spec: Value = serde_yaml::from_str(spec).unwrap();
    spec["podTemplate"] = json!({"spec": serde_yaml::from_str::<Value>(patch).unwrap()});
    assert_eq!(part(&spec.to_string(), &format!("/spec/{field}")), expected);
}

#[test]
fn labels_and_annotations_of_the_template_are_added() {
    let template =
        template("podTemplate: {metadata: {labels: {team: a, app.kubernetes.io/name: b}, annotations: {c: d}}}");
    let metadata = template.metadata.unwrap();
    let labels = metadata.labels.unwrap();
    assert_eq!((labels["team"].as_str(), labels["app.kubernetes.io/name"].as_str()), ("a", "b"));
    assert_eq!(labels["beam-operator.io/release"], "shop");
    assert_eq!(metadata.annotations.unwrap()["c"], "d");
}

#[test]
fn the_release_stays_the_first_container() {
    let pod = pod("podTemplate: {spec: {containers: [{name: log, image: i}, {name: release, tty: true}]}}");
    let names: Vec<_> = pod.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!((names, pod.containers[0].tty), (vec!["release", "log"], Some(true)));
}

#[test]
fn the_revision_is_a_label_and_nothing_else() {
    let template = template("{}");
    let mut stamped = super::super::stamp(template.clone(), "shop-7c9d4");
    let labels = stamped.metadata.as_mut().unwrap().labels.as_mut().unwrap();
    assert_eq!(labels.remove("beam-operator.io/revision").as_deref(), Some("shop-7c9d4"));
    assert_eq!(stamped, template);
}

#[rstest]
#[case::by_default("{}", Value::Null)]
#[case::wanted("cluster: {readinessGate: Enabled}", json!([{"conditionType": "beam-operator.io/clustered"}]))]
#[case::lone_nodes_meet_nobody("cluster: {readinessGate: Enabled, distribution: Disabled}", Value::Null)]
fn a_pod_that_waits_for_the_mesh_has_a_gate(#[case] spec: &str, #[case] expected: Value) {
    assert_eq!(part(spec, "/spec/readinessGates"), expected);
}
