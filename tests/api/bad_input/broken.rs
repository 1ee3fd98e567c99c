//! A stored object of a future or broken shape does not stop the others.
//!
//! Runs with an API server of its own, without a controller manager, because the schema of the CRD has to go.

use beam_operator::api;
use beam_operator::controller::kind::ChildKind;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceValidation, JSONSchemaProps};
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::harness::{Namespace, OwnCluster, Proxy, Scene, eventually};

/// An API server that takes any release, and a scene on it.
async fn lenient(purpose: &str) -> (OwnCluster, Scene) {
    let own = OwnCluster::start(purpose).await;
    let mut lenient = api::crd();
    let anything = JSONSchemaProps {
        type_: Some("object".to_owned()),
        x_kubernetes_preserve_unknown_fields: Some(true),
        ..JSONSchemaProps::default()
    };
    lenient.spec.versions[0].schema = Some(CustomResourceValidation { open_api_v3_schema: Some(anything) });
    lenient.spec.versions[0].selectable_fields = None;
    own.cluster.install_crd(&lenient).await;
    let namespace = Namespace::new(&own.cluster, purpose).await;
    let proxy = Proxy::to(own.cluster.client.clone()).await;
    let scene = Scene::on(namespace, proxy, &[]);
    (own, scene)
}

fn releases(scene: &Scene) -> Api<DynamicObject> {
    scene.objects("beam-operator.io/v1alpha1", "ElixirRelease")
}

async fn create(scene: &Scene, name: &str, spec: Value) {
    let release: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "metadata": {"name": name}, "spec": spec,
    }))
    .unwrap();
    releases(scene).create(&PostParams::default(), &release).await.unwrap();
}

/// Waits until a release is told to be unreadable, as it is now, and returns its status.
async fn unreadable(scene: &Scene, name: &str) -> Value {
    eventually(&format!("{name} is told to be unreadable"), async || {
        let release = releases(scene).get(name).await.map_err(|error| error.to_string())?;
        let status = &release.data["status"];
        let told = status["conditions"].as_array().into_iter().flatten().any(|it| {
            it["type"] == "ConfigurationValid"
                && it["status"] == "False"
                && it["reason"] == "Unreadable"
                && it["observedGeneration"].as_i64() == release.metadata.generation
        });
        if told { Ok(status.clone()) } else { Err(status.to_string()) }
    })
    .await
}

fn condition<'a>(status: &'a Value, type_: &str) -> &'a Value {
    status["conditions"].as_array().unwrap().iter().find(|it| it["type"] == type_).unwrap()
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_object_of_another_shape_does_not_stop_the_others() {
    let (_own, mut scene) = lenient("broken-shape").await;
    create(&scene, "broken", json!({"image": 7})).await;
    create(&scene, "future", json!({"image": "future:1", "cluster": {"discovery": "Telepathy"}})).await;
    create(&scene, "empty", json!({})).await;
    create(&scene, "shop", json!({"image": "shop:1"})).await;

    scene.operator.ready().await;
    scene.child(ChildKind::Deployment, "shop", |_| true).await;
    for (name, problem) in [
        ("broken", "spec.image: invalid type: integer `7`, expected a string"),
        (
            "future",
            "spec.cluster.discovery: unknown variant `Telepathy`, expected one of `DNS`, `Kubernetes`, `Operator`, `None`",
        ),
        ("empty", "spec: missing field `image`"),
    ] {
        let told = "cannot be read and is left alone, with what runs of it, until it is corrected: ";
        assert_eq!(scene.event(name, "Unreadable").await, format!("{told}{problem}"));
        let status = unreadable(&scene, name).await;
        assert_eq!(condition(&status, "ConfigurationValid")["message"], format!("{told}{problem}"));
        assert!(scene.operator.log().contains(problem));
    }

    // One that ran and breaks later keeps what it has, and goes on when it is corrected.
    scene.applied("shop").await;
    let shop = scene.children(ChildKind::Deployment);
    let before = releases(&scene).get("shop").await.unwrap().data["status"].clone();
    scene.patch(&releases(&scene), "shop", json!({"spec": {"replicas": 2, "image": {"name": "shop"}}})).await;
    scene.event("shop", "Unreadable").await;
    let status = unreadable(&scene, "shop").await;
    assert_eq!(condition(&status, "Ready"), condition(&before, "Ready"));
    assert_eq!((&status["selector"], &status["targetRevision"]), (&before["selector"], &before["targetRevision"]));
    create(&scene, "blog", json!({"image": "blog:1"})).await;
    scene.child(ChildKind::Deployment, "blog", |_| true).await;
    assert_eq!(shop.get("shop").await.unwrap().data["spec"]["replicas"], 1);
    scene.rest().await;
    scene.proxy.forget();
    scene.patch(&releases(&scene), "shop", json!({"metadata": {"labels": {"team": "a"}}})).await;
    scene.rest().await;
    assert_eq!(scene.proxy.writes(), [], "it is told once");

    scene.patch(&releases(&scene), "shop", json!({"spec": {"image": "shop:1"}})).await;
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["replicas"] == 2).await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    scene.event("shop", "ConfigurationCorrected").await;
    for name in ["broken", "future", "empty"] {
        assert_eq!(shop.get_opt(name).await.unwrap(), None);
    }
}

/// A member that nobody can read runs on with what it shares. There is no garbage collector here: it would take what none
/// of its owners is left of, so who the owners are is all that counts.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_a_cluster_shares_is_kept_for_a_member_that_cannot_be_read() {
    let (_own, mut scene) = lenient("broken-member").await;
    let member = |image: &str| json!({"image": image, "cluster": {"name": "market"}});
    create(&scene, "api", member("api:1")).await;
    create(&scene, "web", member("web:1")).await;
    scene.operator.ready().await;
    owned_by(&scene, &["api", "web"]).await;
    scene.patch(&releases(&scene), "api", json!({"spec": {"image": 7}})).await;
    unreadable(&scene, "api").await;

    scene.restart();
    scene.operator.ready().await;
    create(&scene, "worker", member("worker:1")).await;
    owned_by(&scene, &["api", "web", "worker"]).await;
    for name in ["web", "worker"] {
        scene.patch(&releases(&scene), name, json!({"spec": {"cluster": {"name": "fair"}}})).await;
        scene.applied(name).await;
    }
    scene.rest().await;
    let service = scene.children(ChildKind::Service).get("market-nodes").await.unwrap();
    assert!(owners(&service).contains(&"api".to_owned()), "{:?}", owners(&service));

    // Once it can be read again, it has all to itself.
    scene.patch(&releases(&scene), "api", json!({"spec": {"image": "api:1"}})).await;
    owned_by(&scene, &["api"]).await;
}

/// Waits until these releases, and no others, own what the cluster shares.
async fn owned_by(scene: &Scene, releases: &[&str]) {
    eventually("shared by these alone", async || {
        for (kind, name) in [(ChildKind::Secret, "market-cookie"), (ChildKind::Service, "market-nodes")] {
            let shared = scene.children(kind).get(name).await.map_err(|error| error.to_string())?;
            if owners(&shared) != releases {
                return Err(format!("{name} belongs to {:?}", owners(&shared)));
            }
        }
        Ok(())
    })
    .await;
}

fn owners(object: &DynamicObject) -> Vec<String> {
    let mut owners: Vec<_> =
        object.metadata.owner_references.iter().flatten().map(|owner| owner.name.clone()).collect();
    owners.sort();
    owners
}
