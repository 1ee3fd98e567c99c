//! A ConfigMap or Secret that the API server does not let the operator read.
//!
//! Runs with an API server; the controller manager, where there is one, may look after the children as it likes.

use beam_operator::controller::kind::ChildKind;
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Fault, Scene};

fn env(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "env"}, "stringData": {"KEY": value}})
}

fn shop(replicas: i32) -> String {
    format!("{{image: 'shop:1', replicas: {replicas}, envFrom: [{{secretRef: {{name: env}}}}]}}")
}

fn refuse_to_read_it(scene: &Scene, fault: Fault) {
    scene.proxy.fail(usize::MAX, fault, |request| {
        request.verb == "get" && request.resource == "secrets" && request.name == "env"
    });
}

#[rstest]
#[case::forbidden(
    Fault::Status(403),
    "injected: Forbidden (Forbidden, 403) (allow the operator's ServiceAccount to get Secrets here)"
)]
#[case::broken(Fault::Status(500), "injected: Internal Server Error (InternalServerError, 500)")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn it_is_told_and_does_not_stop_what_runs(#[case] fault: Fault, #[case] why: &str) {
    let scene = Scene::start("unread").await;
    scene.apply_object(env("one")).await;
    scene.apply("shop", &shop(1)).await;
    let revision = scene.applied("shop").await.status.unwrap().target_revision;

    refuse_to_read_it(&scene, fault);
    scene.apply_object(env("two")).await;
    let told = scene.condition("shop", "Degraded", "ReferenceUnreadable").await;
    let expected = format!(
        "Secret env could not be read: {why}. It is tried again with growing pauses; until then what was read before counts"
    );
    assert_eq!((told.status.as_str(), told.message.as_str()), ("True", expected.as_str()));
    assert_eq!(scene.event("shop", "ReferenceUnreadable").await, expected);
    assert!(scene.operator.log().contains("Secret env could not be read"));

    // What was read before is all that scaling and repair need.
    scene.apply("shop", &shop(2)).await;
    let deployment = |replicas: i32| move |it: &Value| it["spec"]["replicas"] == replicas;
    scene.child(ChildKind::Deployment, "shop", deployment(2)).await;
    scene.patch(&scene.children(ChildKind::Deployment), "shop", json!({"spec": {"replicas": 7}})).await;
    scene.child(ChildKind::Deployment, "shop", deployment(2)).await;
    let status = scene.releases().get("shop").await.unwrap().status.unwrap();
    assert_eq!(status.target_revision, revision);
    scene.condition("shop", "ConfigurationValid", "Valid").await;

    scene.proxy.heal();
    scene.condition("shop", "Degraded", "AsExpected").await;
    let status = scene.applied("shop").await.status.unwrap();
    assert_ne!(status.target_revision, revision, "its new content is a new revision");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_was_never_read_is_waited_for() {
    let mut scene = Scene::start("never-read").await;
    scene.apply_object(env("one")).await;
    scene.apply("shop", &shop(1)).await;
    let applied = scene.applied("shop").await;
    refuse_to_read_it(&scene, Fault::Status(403));
    scene.restart();
    scene.operator.ready().await;
    scene.condition("shop", "ConfigurationValid", "ReferenceUnreadable").await;
    scene.apply("shop", &shop(2)).await;
    let told = scene
        .until("shop", "its new generation is told about", |release| {
            release.status.as_ref().and_then(|status| status.observed_generation) > applied.metadata.generation
        })
        .await;
    let conditions = told.status.unwrap().conditions;
    let reason = |type_: &str| conditions.iter().find(|it| it.type_ == type_).map(|it| (&*it.status, &*it.reason));
    assert_eq!(reason("ConfigurationValid"), Some(("Unknown", "ReferenceUnreadable")));
    assert_eq!(reason("Progressing"), Some(("False", "ReferenceUnreadable")));
    assert_eq!(reason("Degraded"), Some(("True", "ReferenceUnreadable")));
    let deployment = scene.children(ChildKind::Deployment).get("shop").await.unwrap();
    assert_eq!(deployment.data["spec"]["replicas"], 1, "what runs was not left alone");

    scene.proxy.heal();
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["replicas"] == 2).await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
}
