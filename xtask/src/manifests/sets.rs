//! Sets of values under which the operator's chart writes every template and every branch of one.

use crate::chart::Rendering;

/// Values that somebody might install with.
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) values: &'static [&'static str],
    /// What kube-score looks for and these values do without.
    pub(super) without: &'static [&'static str],
}

impl Set {
    pub(super) fn rendering(&self) -> Rendering {
        let rendering = Rendering::new("beam-operator", "beam-operator");
        self.values.iter().fold(rendering, |rendering, value| rendering.set(*value))
    }
}

/// With one replica a Kubernetes node that is lost takes the operator with it, for half a minute; the NetworkPolicy has to
/// know the ports of the API server; and a version that never changes need not be pulled again.
const BY_DEFAULT: &[&str] = &["deployment-replicas", "pod-networkpolicy", "container-image-pull-policy"];

pub(super) const SETS: &[Set] = &[
    Set { name: "default", values: &[], without: BY_DEFAULT },
    Set {
        name: "single-namespaces",
        values: &[
            r#"watchNamespaces=["store","blog"]"#,
            "metrics.podMonitor.enabled=true",
            "networkPolicy.enabled=true",
            "operator.observation=false",
        ],
        without: &["deployment-replicas", "container-image-pull-policy"],
    },
    Set {
        name: "own-namespace",
        values: &["watchOwnNamespace=true", "rbac.aggregateToUserRoles=false", "crds.keep=false"],
        without: BY_DEFAULT,
    },
    Set {
        name: "everything",
        values: &[
            "replicas=2",
            "rbac.httpRoutes=true",
            "rbac.execIntoPods=true",
            "watchOwnNamespace=true",
            r#"watchNamespaces=["store","blog"]"#,
            r#"commonLabels={"team":"beam"}"#,
            r#"image.pullPolicy="Always""#,
            r#"imagePullSecrets=[{"name":"regcred"}]"#,
            r#"serviceAccount.annotations={"a":"b"}"#,
            r#"metrics.service.annotations={"a":"b"}"#,
            r#"metrics.serviceMonitor={"enabled":true,"interval":"30s","scrapeTimeout":"10s","labels":{"a":"b"}}"#,
            r#"metrics.prometheusRule={"enabled":true,"labels":{"a":"b"},"runbookUrl":"https://example.com/monitoring"}"#,
            r#"metrics.dashboard={"enabled":true,"annotations":{"grafana_folder":"BEAM"}}"#,
            r#"networkPolicy={"enabled":true,"metricsFrom":[{"namespaceSelector":{}}],"extraEgress":[{"ports":[{"port":8443}]}]}"#,
            r#"podLabels={"a":"b"}"#,
            r#"podAnnotations={"a":"b"}"#,
            r#"nodeSelector={"kubernetes.io/arch":"amd64"}"#,
            r#"tolerations=[{"key":"a","operator":"Exists"}]"#,
            r#"affinity={"nodeAffinity":{}}"#,
            r#"priorityClassName="system-cluster-critical""#,
        ],
        without: &[],
    },
    Set {
        name: "nothing",
        values: &[
            r#"image.digest="sha256:0000000000000000000000000000000000000000000000000000000000000000""#,
            "replicas=2",
            r#"topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"a","whenUnsatisfiable":"DoNotSchedule","labelSelector":{"matchLabels":{"app.kubernetes.io/name":"beam-operator"}}}]"#,
            "serviceAccount.create=false",
            "rbac.create=false",
            "rbac.aggregateToUserRoles=false",
            "crds.install=false",
            "metrics.service.enabled=false",
            "podDisruptionBudget.enabled=false",
        ],
        without: &["pod-networkpolicy", "container-image-pull-policy", "deployment-has-poddisruptionbudget"],
    },
];
