//! What a release becomes, and what of it others may have their hands in.
//!
//! Runs with an API server; the controller manager, where there is one, may look after the children as it likes.

use beam_operator::controller::kind::ChildKind;
use kube::ResourceExt;
use serde_json::json;

use crate::harness::Scene;

const SHOP: &str = "{image: 'shop:1', replicas: 3, ports: [{name: http, containerPort: 4000}]}";

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn three_lines_of_spec_become_a_cluster() {
    let scene = Scene::start("children").await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;

    let state = scene.state().await;
    let expected = [
        "ControllerRevision shop-revision-1",
        "Deployment shop",
        "NetworkPolicy shop",
        "PodDisruptionBudget shop",
        "Secret shop-cookie",
        "Service shop",
        "Service shop-nodes",
    ];
    assert_eq!(state.children(), expected);
    for child in expected {
        let controls = !["Secret shop-cookie", "Service shop-nodes"].contains(&child);
        let owner = if controls { "\"ElixirRelease\" \"shop\" true" } else { "\"ElixirRelease\" \"shop\" null" };
        assert_eq!(state.object(child)["metadata"]["ownerReferences"], json!([owner]), "{child}");
    }
    assert_eq!(state.object("Secret shop-cookie")["data"], json!({"cookie": 88}), "64 characters in base64");
    assert_eq!(state.object("Deployment shop")["spec"]["replicas"], 3);
}

/// Each child is written once, and nothing is asked that the watches tell.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn each_child_is_written_once() {
    let scene = Scene::start("once").await;
    scene.rest().await;
    scene.proxy.forget();
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    scene.rest().await;

    let revision = scene.applied("shop").await.status.unwrap().target_revision.unwrap();
    let revision = format!("apply controllerrevisions {revision}");
    let expected = [
        "create secrets",
        "apply services shop-nodes",
        "apply networkpolicies shop",
        &*revision,
        "apply deployments shop",
        "apply services shop",
        "apply poddisruptionbudgets shop",
    ];
    assert_eq!(scene.proxy.changes(), expected);
    assert_eq!(scene.proxy.reads(), Vec::<String>::new(), "a child is made without a look whether it is there");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_other_managers_set_stays() {
    let scene = Scene::start("foreign-fields").await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    for (version, kind, name) in [
        ("apps/v1", "Deployment", "shop"),
        ("v1", "Service", "shop"),
        ("v1", "Service", "shop-nodes"),
        ("v1", "Secret", "shop-cookie"),
        ("policy/v1", "PodDisruptionBudget", "shop"),
        ("networking.k8s.io/v1", "NetworkPolicy", "shop"),
    ] {
        let metadata = json!({"name": name, "labels": {"team": "a"}, "annotations": {"example.com/cost": "7"}});
        scene.apply_object(json!({"apiVersion": version, "kind": kind, "metadata": metadata})).await;
    }
    let sidecar = json!({"spec": {"template": {
        "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "today"}},
        "spec": {"containers": [{"name": "proxy", "image": "proxy:1"}]},
    }}});
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {
        "name": "shop", "labels": {"team": "a"}, "annotations": {"example.com/cost": "7"}}});
    object["spec"] = sidecar["spec"].clone();
    scene.apply_object(object).await;

    // Everything is written anew, one way or another.
    scene.apply("shop", &SHOP.replace("shop:1", "shop:2").replace("http", "web")).await;
    scene.applied("shop").await;
    scene.rest().await;

    let state = scene.state().await;
    for child in ["Deployment shop", "Service shop", "Service shop-nodes", "Secret shop-cookie"] {
        let metadata = &state.object(child)["metadata"];
        assert_eq!(metadata["labels"]["team"], "a", "{child}");
        assert_eq!(metadata["annotations"]["example.com/cost"], "7", "{child}");
    }
    let template = &state.object("Deployment shop")["spec"]["template"];
    assert_eq!(template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"], "today");
    let images: Vec<_> = template["spec"]["containers"].as_array().unwrap().iter().map(|it| &it["image"]).collect();
    assert_eq!(images, ["shop:2", "proxy:1"]);
}

/// `kubectl rollout restart` works, and the operator does not fight it.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn foreign_fields_cause_no_write() {
    let scene = Scene::start("no-fight").await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    scene.rest().await;
    scene.proxy.forget();

    let deployments = scene.children(ChildKind::Deployment);
    let restart =
        json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    scene.patch(&deployments, "shop", restart).await;
    let label = json!({"metadata": {"labels": {"team": "a"}}});
    let services = scene.children(ChildKind::Service);
    let labelled = scene.patch(&services, "shop", label).await;
    // A later change of the release shows that the operator has seen the others and let them be.
    scene.apply("shop", &SHOP.replace("replicas: 3", "replicas: 4")).await;
    scene.applied("shop").await;
    scene.rest().await;

    assert_eq!(scene.proxy.changes(), ["apply deployments shop"]);
    assert_eq!(services.get("shop").await.unwrap().resource_version(), labelled.resource_version());
}
