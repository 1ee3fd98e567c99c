//! What the API server makes of a release by its schema: defaults, lists that several people write, and selectors.
//!
//! Runs with an API server alone; there is no operator.

use beam_operator::api::ElixirRelease;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::harness::{Cluster, Namespace};

fn releases(namespace: &Namespace) -> Api<DynamicObject> {
    namespace.objects("beam-operator.io/v1alpha1", "ElixirRelease")
}

/// The spec that is stored of one that is created.
async fn stored(namespace: &Namespace, name: &str, spec: Value) -> Value {
    let release: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "metadata": {"name": name}, "spec": spec,
    }))
    .unwrap();
    releases(namespace).create(&PostParams::default(), &release).await.unwrap().data["spec"].take()
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn defaults_are_filled_in() {
    let namespace = Namespace::new(&Cluster::shared().await, "defaults").await;
    let all = json!({
        "image": "shop:1",
        "imagePullPolicy": "IfNotPresent",
        "replicas": 1,
        "paused": false,
        "release": {"tool": "Mix"},
        "probes": {"default": "TCP"},
        "service": {"type": "ClusterIP"},
        "cluster": {
            "distribution": "Enabled",
            "service": {"publishNotReadyAddresses": true},
            "cookie": {},
            "discovery": "DNS",
            "epmd": "Enabled",
            "healing": "Reconnect",
            "host": "PodIP",
            "observation": {"mode": "Enabled", "intervalSeconds": 15},
            "ports": {"epmd": 4369, "distribution": {"from": 9100, "to": 9105}},
            "readinessGate": "Disabled",
            "scope": "Cluster",
            "tls": {"mode": "Disabled"},
        },
        "rollout": {
            "strategy": "RollingUpdate",
            "maxSurge": 1,
            "maxUnavailable": 0,
            "minReadySeconds": 10,
            "onFailure": "Rollback", "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
            "restartOnConfigChange": true,
        },
        "shutdown": {"gracePeriodSeconds": 60, "delaySeconds": 5},
        "disruptionBudget": {"mode": "Enabled"},
        "networkPolicy": "Open",
        "vm": {},
        "workload": {"kind": "Deployment", "podManagementPolicy": "Parallel"},
    });
    assert_eq!(stored(&namespace, "shop", json!({"image": "shop:1"})).await, all);

    let parts = json!({
        "image": "shop:1",
        "autoscaling": {"maxReplicas": 5},
        "ports": [{"containerPort": 4000}],
        "service": {"ports": [{"port": 80}]},
        "cluster": {"cookie": {"secretKeyRef": {"name": "mine"}}, "ports": {"extra": [{"port": 5369}]}},
    });
    let stored = stored(&namespace, "parts", parts).await;
    assert_eq!(stored["autoscaling"], json!({"minReplicas": 1, "maxReplicas": 5}));
    assert_eq!(stored["ports"], json!([{"containerPort": 4000, "protocol": "TCP"}]));
    assert_eq!(stored["service"]["ports"], json!([{"port": 80, "protocol": "TCP"}]));
    assert_eq!(stored["cluster"]["cookie"]["secretKeyRef"], json!({"name": "mine", "key": "cookie"}));
    assert_eq!(stored["cluster"]["ports"]["extra"], json!([{"port": 5369, "protocol": "TCP"}]));
}

/// Two people who apply an entry each both keep theirs.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn lists_are_merged_entry_by_entry() {
    let namespace = Namespace::new(&Cluster::shared().await, "merged").await;
    stored(&namespace, "shop", json!({"image": "shop:1"})).await;
    let specs = [
        json!({"env": [{"name": "A", "value": "a"}], "cluster": {"ports": {"extra": [{"port": 5369, "protocol": "TCP"}]}}}),
        json!({"env": [{"name": "B", "value": "b"}], "cluster": {"ports": {"extra": [{"port": 5369, "protocol": "UDP"}]}}}),
    ];
    for (person, spec) in ["first", "second"].into_iter().zip(specs) {
        let patch = json!({"apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "spec": spec});
        let params = PatchParams::apply(person);
        releases(&namespace).patch("shop", &params, &Patch::Apply(&patch)).await.unwrap();
    }
    let spec = releases(&namespace).get("shop").await.unwrap().data["spec"].take();
    assert_eq!(spec["env"], json!([{"name": "A", "value": "a"}, {"name": "B", "value": "b"}]));
    assert_eq!(spec["cluster"]["ports"]["extra"].as_array().unwrap().len(), 2);
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn releases_are_selected_by_image_and_cluster() {
    let namespace = Namespace::new(&Cluster::shared().await, "selected").await;
    for (name, image, cluster) in [("api", "api:1", "market"), ("web", "web:1", "market"), ("shop", "api:1", "shop")] {
        namespace.apply(name, &format!("{{image: '{image}', cluster: {{name: {cluster}}}}}")).await;
    }
    let selected = async |selector: &str| {
        let params = ListParams::default().fields(selector);
        let found = Api::<ElixirRelease>::namespaced(namespace.client.clone(), &namespace.name).list(&params).await;
        found.unwrap().iter().map(ResourceExt::name_any).collect::<Vec<_>>()
    };
    assert_eq!(selected("spec.image=api:1").await, ["api", "shop"]);
    assert_eq!(selected("spec.cluster.name=market").await, ["api", "web"]);
    assert_eq!(selected("spec.cluster.name=market,spec.image=web:1").await, ["web"]);
}
