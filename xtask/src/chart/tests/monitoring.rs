//! What the chart makes for Prometheus Operator and for Grafana.

use super::*;

#[test]
fn nothing_that_takes_other_operators_is_made_by_default() {
    let objects = render(&[]);
    for kind in ["ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap", "NetworkPolicy"] {
        assert!(!objects.has(kind), "{kind}");
    }
}

#[test]
fn a_monitor_scrapes_the_metrics_of_the_operator() {
    assert_scraped("serviceMonitor", "ServiceMonitor", "endpoints");
    assert_scraped("podMonitor", "PodMonitor", "podMetricsEndpoints");
}

fn assert_scraped(value: &str, kind: &str, endpoints: &str) {
    let plain = render(&[&format!("metrics.{value}.enabled=true")]);
    // The figures of nodes have labels that Prometheus would rename otherwise.
    assert_eq!(plain.only(kind)["spec"][endpoints], json!([{"port": "metrics", "honorLabels": true}]));

    let set = format!(
        r#"metrics.{value}={{"enabled":true,"interval":"30s","scrapeTimeout":"5s","labels":{{"release":"prometheus"}}}}"#
    );
    let objects = render(&[&set]);
    let monitor = objects.only(kind);
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(
        monitor["spec"][endpoints],
        json!([{"port": "metrics", "honorLabels": true, "interval": "30s", "scrapeTimeout": "5s"}])
    );
    // It finds what it is to scrape, by labels and by the name of a port.
    let scraped = if kind == "ServiceMonitor" { objects.only("Service") } else { objects.pod() };
    let ports = if kind == "ServiceMonitor" { &scraped["spec"]["ports"] } else { &objects.container()["ports"] };
    for (key, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&scraped["metadata"]["labels"][key], value, "{key}");
    }
    assert!(ports.as_array().unwrap().iter().any(|port| port["name"] == "metrics"));
}

#[test]
fn the_alerts_are_those_of_the_project() {
    let objects =
        render(&["metrics.prometheusRule.enabled=true", r#"metrics.prometheusRule.labels={"role":"alerts"}"#]);
    let rule = objects.only("PrometheusRule");
    assert_eq!(rule["metadata"]["labels"]["role"], "alerts");
    let source: Value = serde_yaml::from_str(&text("deploy/monitoring/rules.yaml")).unwrap();
    assert_eq!(rule["spec"], source);
}

#[test]
fn alerts_link_their_runbooks_where_these_are_published() {
    let objects = render(&[
        "metrics.prometheusRule.enabled=true",
        r#"metrics.prometheusRule.runbookUrl="https://example.com/monitoring""#,
    ]);
    let groups = objects.only("PrometheusRule")["spec"]["groups"].as_array().unwrap();
    let rules: Vec<_> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() > 5);
    for rule in rules {
        let alert = rule["alert"].as_str().unwrap().to_lowercase();
        assert_eq!(rule["annotations"]["runbook_url"], format!("https://example.com/monitoring#{alert}"));
    }
}

#[test]
fn the_dashboard_is_found_by_grafanas_sidecar() {
    let objects = render(&["metrics.dashboard.enabled=true"]);
    let map = objects.only("ConfigMap");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    assert!(map["metadata"]["annotations"].is_null());
    let dashboard: Value = serde_json::from_str(map["data"]["beam-operator.json"].as_str().unwrap()).unwrap();
    assert_eq!(dashboard, serde_json::from_str::<Value>(&text("deploy/monitoring/dashboard.json")).unwrap());

    let set = r#"metrics.dashboard={"enabled":true,"labels":{"boards":"yes"},"annotations":{"grafana_folder":"BEAM"}}"#;
    let objects = render(&[set]);
    let metadata = &objects.only("ConfigMap")["metadata"];
    assert_eq!(
        (&metadata["labels"]["boards"], &metadata["annotations"]["grafana_folder"]),
        (&json!("yes"), &json!("BEAM"))
    );
}
