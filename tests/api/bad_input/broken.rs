//! A stored object of a future or broken shape does not stop the others.
//!
//! Runs with an API server of its own, without a controller manager, because the schema of the CRD has to go.

use beam_operator::api;
use beam_operator::controller::kind::ChildKind;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceValidation, JSONSchemaProps};
use kube::api::{DynamicObject, PostParams};
use serde_json::json;

use crate::harness::{Namespace, OwnCluster, Proxy, Scene};

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_object_of_another_shape_does_not_stop_the_others() {
    let own = OwnCluster::start("broken-shape").await;
    let mut lenient = api::crd();
    let anything = JSONSchemaProps {
        type_: Some("object".to_owned()),
        x_kubernetes_preserve_unknown_fields: Some(true),
        ..JSONSchemaProps::default()
    };
    lenient.spec.versions[0].schema = Some(CustomResourceValidation { open_api_v3_schema: Some(anything) });
    lenient.spec.versions[0].selectable_fields = None;
    own.cluster.install_crd(&lenient).await;
    let namespace = Namespace::new(&own.cluster, "broken").await;
    let releases = namespace.objects("beam-operator.io/v1alpha1", "ElixirRelease");
    let create = async |name: &str, spec: serde_json::Value| {
        let release: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "metadata": {"name": name}, "spec": spec,
        }))
        .unwrap();
        releases.create(&PostParams::default(), &release).await.unwrap();
    };
    create("broken", json!({"image": 7})).await;
    create("future", json!({"image": "future:1", "cluster": {"discovery": "Telepathy"}})).await;
    create("empty", json!({})).await;
    create("shop", json!({"image": "shop:1"})).await;

    let proxy = Proxy::to(own.cluster.client.clone()).await;
    let mut scene = Scene::on(namespace, proxy, &[]);
    scene.operator.ready().await;
    scene.child(ChildKind::Deployment, "shop", |_| true).await;
    for (name, problem) in [
        ("broken", "spec.image: invalid type: integer `7`, expected a string"),
        ("future", "spec.cluster.discovery: unknown variant `Telepathy`, expected one of `DNS`, `Kubernetes`, `None`"),
        ("empty", "spec: missing field `image`"),
    ] {
        let told = "cannot be read and is left alone, with what runs of it, until it is corrected: ";
        assert_eq!(scene.event(name, "Unreadable").await, format!("{told}{problem}"));
    }

    // One that ran and breaks later keeps what it has, and goes on when it is corrected.
    let shop = scene.children(ChildKind::Deployment);
    scene.patch(&releases, "shop", json!({"spec": {"replicas": 2, "image": {"name": "shop"}}})).await;
    scene.event("shop", "Unreadable").await;
    create("blog", json!({"image": "blog:1"})).await;
    scene.child(ChildKind::Deployment, "blog", |_| true).await;
    assert_eq!(shop.get("shop").await.unwrap().data["spec"]["replicas"], 1);
    scene.patch(&releases, "shop", json!({"spec": {"image": "shop:1"}})).await;
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["replicas"] == 2).await;
    for name in ["broken", "future", "empty"] {
        assert_eq!(shop.get_opt(name).await.unwrap(), None);
    }
}
