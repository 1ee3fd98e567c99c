//! Labels of the chart's objects.

use super::*;

const EVERYTHING: [&str; 7] = [
    "replicas=2",
    "metrics.serviceMonitor.enabled=true",
    "metrics.prometheusRule.enabled=true",
    "metrics.dashboard.enabled=true",
    "networkPolicy.enabled=true",
    r#"watchNamespaces=["store"]"#,
    r#"commonLabels={"team":"beam"}"#,
];

#[test]
fn common_labels_are_on_every_object_and_on_the_pods() {
    let objects = render(&EVERYTHING);
    assert!(objects.0.len() > 15, "{}", objects.0.len());
    for object in &objects.0 {
        assert_eq!(object["metadata"]["labels"]["team"], "beam", "{}", object["kind"]);
    }
    assert_eq!(objects.pod()["metadata"]["labels"]["team"], "beam");
    let monitor = render(&["metrics.podMonitor.enabled=true", r#"commonLabels={"team":"beam"}"#]);
    assert_eq!(monitor.only("PodMonitor")["metadata"]["labels"]["team"], "beam");
}

/// With another name the Deployment would not select its pods, and NetworkPolicies of releases would not let the operator in.
#[test]
fn labels_that_select_cannot_be_replaced() {
    for value in ["commonLabels", "podLabels"] {
        let other = format!(r#"{value}={{"app.kubernetes.io/name":"other","app.kubernetes.io/instance":"other"}}"#);
        let objects = render(&[&other]);
        let selector = &objects.only("Deployment")["spec"]["selector"]["matchLabels"];
        for (key, value) in selector.as_object().unwrap() {
            assert_eq!(&objects.pod()["metadata"]["labels"][key], value, "{key}");
        }
        assert_eq!(selector["app.kubernetes.io/name"], "beam-operator");
        assert_eq!(&objects.only("Service")["spec"]["selector"], selector);
    }
}

#[test]
fn labels_of_pods_win_over_common_ones() {
    let objects = render(&[r#"commonLabels={"team":"beam"}"#, r#"podLabels={"team":"store"}"#]);
    assert_eq!(objects.pod()["metadata"]["labels"]["team"], "store");
    assert_eq!(objects.only("Deployment")["metadata"]["labels"]["team"], "beam");
}
