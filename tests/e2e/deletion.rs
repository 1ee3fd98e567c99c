//! A deleted release leaves its namespace as it found it.

use serde_json::{Value, json};

use crate::harness::{Namespace, shop};

/// A release with a child of every kind.
const EVERYTHING: &str = "
replicas: 2
cluster: {discovery: Kubernetes}
autoscaling: {minReplicas: 2, maxReplicas: 3, targetCPUUtilizationPercentage: 70}
";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn deletion_leaves_nothing_and_touches_nothing_else() {
    let namespace = Namespace::new("deletion").await;
    for bystander in bystanders() {
        namespace.apply(&bystander).await;
    }
    let before = namespace.contents().await;

    namespace.apply(&shop("shop", EVERYTHING)).await;
    namespace.release("shop").complete().await;
    let during = namespace.contents().await;
    assert!(during.is_superset(&before), "{before:#?} became {during:#?}");
    for child in [
        "ControllerRevision shop-",
        "Deployment shop ",
        "HorizontalPodAutoscaler shop ",
        "NetworkPolicy shop ",
        "PodDisruptionBudget shop ",
        "Role shop-discovery ",
        "RoleBinding shop-discovery ",
        "Secret shop-cookie ",
        "Service shop ",
        "Service shop-nodes ",
        "ServiceAccount shop-discovery ",
    ] {
        assert!(during.iter().any(|it| it.starts_with(child)), "{child}is not among {during:#?}");
    }

    namespace.kubectl(&["delete", "exr/shop"]).await;
    namespace.becomes(&before).await;

    // And the name is free again.
    namespace.apply(&shop("shop", "")).await;
    namespace.release("shop").complete().await;
}

/// Objects of somebody else, one of which bears every label of a child.
fn bystanders() -> [Value; 3] {
    let labels = json!({
        "app.kubernetes.io/managed-by": "beam-operator",
        "beam-operator.io/release": "shop",
        "beam-operator.io/cluster": "shop",
    });
    [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"A": "b"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"C": "d"}}),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "labelled", "labels": labels},
            "spec": {"ports": [{"port": 80}]},
        }),
    ]
}
