//! No value does nothing: each that the README lists has another value here that changes what is rendered. What it changes is
//! told by the other tests.

use std::collections::BTreeSet;

use super::*;

/// A value that is not the default, and what has to be set for it to matter.
const CHANGES: [(&str, &[&str]); 61] = [
    (r#"fullnameOverride="other""#, &[]),
    (r#"commonLabels={"a":"b"}"#, &[]),
    ("replicas=2", &[]),
    (r#"image.repository="other""#, &[]),
    (r#"image.tag="other""#, &[]),
    (r#"image.digest="sha256:0000000000000000000000000000000000000000000000000000000000000000""#, &[]),
    (r#"image.pullPolicy="Always""#, &[]),
    (r#"imagePullSecrets=[{"name":"a"}]"#, &[]),
    (r#"watchNamespaces=["a"]"#, &[]),
    ("watchOwnNamespace=true", &[]),
    (r#"clusterDomain="other""#, &[]),
    ("crds.install=false", &[]),
    ("crds.keep=false", &[]),
    ("rbac.create=false", &[]),
    ("rbac.aggregateToUserRoles=false", &[]),
    ("rbac.httpRoutes=true", &[]),
    ("rbac.execIntoPods=true", &[]),
    ("serviceAccount.create=false", &[]),
    (r#"serviceAccount.name="other""#, &[]),
    (r#"serviceAccount.annotations={"a":"b"}"#, &[]),
    ("operator.concurrency=17", &[]),
    ("operator.workerThreads=3", &[]),
    ("operator.resyncIntervalSeconds=3601", &[]),
    ("operator.observation=false", &[]),
    ("operator.requestTimeoutSeconds=16", &[]),
    ("leaderElection.leaseDurationSeconds=31", &[]),
    ("leaderElection.renewDeadlineSeconds=21", &[]),
    ("leaderElection.retryPeriodSeconds=6", &[]),
    (r#"log.format="text""#, &[]),
    (r#"log.level="debug""#, &[]),
    ("metrics.service.enabled=false", &[]),
    (r#"metrics.service.annotations={"a":"b"}"#, &[]),
    ("metrics.serviceMonitor.enabled=true", &[]),
    (r#"metrics.serviceMonitor.interval="1m""#, &["metrics.serviceMonitor.enabled=true"]),
    (r#"metrics.serviceMonitor.scrapeTimeout="1s""#, &["metrics.serviceMonitor.enabled=true"]),
    (r#"metrics.serviceMonitor.labels={"a":"b"}"#, &["metrics.serviceMonitor.enabled=true"]),
    ("metrics.podMonitor.enabled=true", &[]),
    (r#"metrics.podMonitor.interval="1m""#, &["metrics.podMonitor.enabled=true"]),
    (r#"metrics.podMonitor.scrapeTimeout="1s""#, &["metrics.podMonitor.enabled=true"]),
    (r#"metrics.podMonitor.labels={"a":"b"}"#, &["metrics.podMonitor.enabled=true"]),
    ("metrics.prometheusRule.enabled=true", &[]),
    (r#"metrics.prometheusRule.labels={"a":"b"}"#, &["metrics.prometheusRule.enabled=true"]),
    (r#"metrics.prometheusRule.runbookUrl="https://a.example""#, &["metrics.prometheusRule.enabled=true"]),
    ("metrics.dashboard.enabled=true", &[]),
    (r#"metrics.dashboard.labels={"a":"b"}"#, &["metrics.dashboard.enabled=true"]),
    (r#"metrics.dashboard.annotations={"a":"b"}"#, &["metrics.dashboard.enabled=true"]),
    ("networkPolicy.enabled=true", &[]),
    (r#"networkPolicy.metricsFrom=[{"podSelector":{}}]"#, &["networkPolicy.enabled=true"]),
    ("networkPolicy.apiServerPorts=[1]", &["networkPolicy.enabled=true"]),
    ("networkPolicy.extraEgress=[{}]", &["networkPolicy.enabled=true"]),
    ("podDisruptionBudget.enabled=false", &["replicas=2"]),
    (r#"resources={"requests":{"cpu":1}}"#, &[]),
    (r#"podSecurityContext={"fsGroup":1}"#, &[]),
    (r#"securityContext={"privileged":false}"#, &[]),
    (r#"podLabels={"a":"b"}"#, &[]),
    (r#"podAnnotations={"a":"b"}"#, &[]),
    (r#"nodeSelector={"a":"b"}"#, &[]),
    (r#"tolerations=[{"key":"a"}]"#, &[]),
    (r#"affinity={"nodeAffinity":{}}"#, &[]),
    (r#"topologySpreadConstraints=[{"maxSkew":1}]"#, &[]),
    (r#"priorityClassName="a""#, &[]),
];

#[test]
fn every_value_changes_what_is_rendered() {
    let plain = render(&[]).0;
    for (change, with) in CHANGES {
        let before = if with.is_empty() { plain.clone() } else { render(with).0 };
        assert_ne!(render(&[with, &[change][..]].concat()).0, before, "{change} changes nothing");
    }
}

#[test]
fn every_value_of_the_table_is_tried() {
    let readme = text(super::super::OPERATOR.readme());
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: BTreeSet<_> = rows.collect();
    let tried = CHANGES.iter().filter_map(|(change, _)| Some(change.split_once('=')?.0));
    assert_eq!(tried.collect::<BTreeSet<_>>(), listed);
}
