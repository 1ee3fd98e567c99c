//! The operator may die at any moment: whoever comes next ends where it would have ended.

use serde_json::json;

use crate::harness::{Namespace, Operator, Release, eventually, is_complete, meshed, shop};

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn whenever_the_operator_is_killed_the_end_is_the_same() {
    let namespace = Namespace::alone("killed").await;
    let operator = Operator::of(&namespace.cluster);
    let before = namespace.contents().await;
    let release = namespace.release("shop");

    namespace.apply(&shop("shop", "replicas: 2")).await;
    eventually("the first child", async || {
        let children = namespace.kubectl(&["get", "services", "--output=name"]).await;
        if children.is_empty() { Err("no Service".to_owned()) } else { Ok(()) }
    })
    .await;
    kill_half_way(&operator, release).await;
    release.complete().await;
    meshed(&[release], 2).await;
    assert_eq!(children(&namespace).await, expected_children(1));

    namespace.kubectl(&["scale", "exr/shop", "--replicas=3"]).await;
    kill_half_way(&operator, release).await;
    release.complete().await;
    meshed(&[release], 3).await;
    assert_eq!(children(&namespace).await, expected_children(1));

    release.change(&json!({"image": "localhost/shop:2"})).await;
    release.until("the rollout has begun", |release| !is_complete(release)).await;
    kill_half_way(&operator, release).await;
    release.complete().await;
    assert!(meshed(&[release], 3).await.iter().all(|it| it.version == "2.0.0"));
    assert_eq!(children(&namespace).await, expected_children(2));

    namespace.kubectl(&["delete", "exr/shop", "--wait=false"]).await;
    operator.kill().await;
    namespace.becomes(&before).await;
}

async fn kill_half_way(operator: &Operator, release: Release<'_>) {
    operator.kill().await;
    assert!(!is_complete(&release.get().await), "it was done before the operator was killed");
}

/// Kinds and names of the children; the revisions without their names, which derive from what is in them.
async fn children(namespace: &Namespace) -> Vec<String> {
    let kinds = "deployments,services,secrets,poddisruptionbudgets,networkpolicies,controllerrevisions";
    let row = r#"{range .items[*]}{.kind} {.metadata.name}{"\n"}{end}"#;
    let told = namespace.kubectl(&["get", kinds, &format!("--output=jsonpath={row}")]).await;
    let unnamed =
        |line: &str| if line.starts_with("ControllerRevision") { "ControllerRevision" } else { line }.to_owned();
    let mut children: Vec<_> = told.lines().map(unnamed).collect();
    children.sort();
    children
}

fn expected_children(revisions: usize) -> Vec<String> {
    let mut children = vec!["ControllerRevision"; revisions];
    children.extend([
        "Deployment shop",
        "NetworkPolicy shop",
        "PodDisruptionBudget shop",
        "Secret shop-cookie",
        "Service shop",
        "Service shop-nodes",
    ]);
    children.into_iter().map(ToOwned::to_owned).collect()
}
