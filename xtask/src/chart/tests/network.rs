//! The operator's own NetworkPolicy.

use super::*;

/// The rules of the operator's policy in one direction.
fn rules(values: &[&str], direction: &str) -> Vec<Value> {
    let objects = render(&[&["networkPolicy.enabled=true"], values].concat());
    let policy = objects.named("NetworkPolicy", "beam-operator");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(policy["spec"]["podSelector"], objects.only("Deployment")["spec"]["selector"]);
    policy["spec"][direction].as_array().unwrap().clone()
}

fn tcp(port: &str) -> Value {
    json!([{"port": port, "protocol": "TCP"}])
}

#[test]
fn requests_for_metrics_and_health_are_let_in_and_no_others() {
    assert_eq!(rules(&[], "ingress"), [json!({"ports": tcp("metrics")}), json!({"ports": tcp("health")})]);
    let from = r#"networkPolicy.metricsFrom=[{"namespaceSelector":{"matchLabels":{"a":"b"}}}]"#;
    assert_eq!(
        rules(&[from], "ingress"),
        [
            json!({"ports": tcp("metrics"), "from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]}),
            json!({"ports": tcp("health")})
        ]
    );
}

#[test]
fn requests_to_dns_the_api_server_and_nodes_are_let_out() {
    let egress = rules(&[], "egress");
    assert_eq!(egress[0]["ports"], json!([{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]));
    assert_eq!(egress[1]["ports"], json!([{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}]));
    // A release chooses its ports, so any port, but only of pods that belong to a release.
    let pods = json!({"matchExpressions": [{"key": "beam-operator.io/release", "operator": "Exists"}]});
    assert_eq!(egress[2], json!({"to": [{"namespaceSelector": {}, "podSelector": pods}]}));
    assert_eq!(egress.len(), 3);

    let ports = rules(&["networkPolicy.apiServerPorts=[8443]"], "egress");
    assert_eq!(ports[1]["ports"], json!([{"port": 8443, "protocol": "TCP"}]));
    let more = rules(&[r#"networkPolicy.extraEgress=[{"ports":[{"port":1}]}]"#], "egress");
    assert_eq!(more[3], json!({"ports": [{"port": 1}]}));
}

#[test]
fn nodes_are_reached_where_releases_are_looked_for_and_if_they_are_looked_at() {
    let listed = rules(&[r#"watchNamespaces=["store"]"#, "watchOwnNamespace=true"], "egress");
    let names = json!([{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["store", "system"]}]);
    assert_eq!(listed[2]["to"][0]["namespaceSelector"], json!({"matchExpressions": names}));
    assert_eq!(rules(&["operator.observation=false"], "egress").len(), 2);
}

#[test]
fn the_pod_of_the_test_reaches_what_it_asks() {
    let objects = render(&["networkPolicy.enabled=true"]);
    let policy = &objects.named("NetworkPolicy", "beam-operator-test")["spec"];
    let labels = &objects.named("Pod", "beam-operator-test")["metadata"]["labels"];
    for (key, value) in policy["podSelector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&labels[key], value, "{key}");
    }
    assert_eq!(policy["ingress"], Value::Null);
    let operator = &objects.only("Deployment")["spec"]["selector"];
    assert_eq!(policy["egress"][2]["to"], json!([{"podSelector": operator}]));
}
