//! Jobs that are run once for each revision.
//!
//! Runs with an API server and the Job, Deployment and garbage collecting controllers of the controller manager; the tests
//! say what a kubelet would say of the pods.

use std::collections::BTreeMap;

use beam_operator::api::RequestOutcome;
use beam_operator::controller::kind::ChildKind;
use beam_operator::resources::labels;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::harness::{Scene, eventually};

fn version(image: &str, replicas: u32) -> String {
    let migrations = "[{name: ecto, eval: Shop.migrate()}, {name: report, command: [report], when: After}]";
    format!("image: {image}\nreplicas: {replicas}\nrollout: {{minReadySeconds: 0}}\nmigrations: {migrations}")
}

/// How many Jobs there are of each migration.
async fn jobs(scene: &Scene) -> BTreeMap<String, Vec<DynamicObject>> {
    let mut jobs = BTreeMap::<_, Vec<_>>::new();
    for job in scene.children(ChildKind::Job).list(&ListParams::default()).await.unwrap() {
        jobs.entry(job.labels()[labels::MIGRATION].clone()).or_default().push(job);
    }
    jobs
}

/// Waits for the pod of a migration that has not ended, and lets it end.
async fn end(scene: &Scene, migration: &str, exit_code: i32, message: &str) {
    let pods = Api::<Pod>::namespaced(scene.client.clone(), &scene.name);
    let selector = ListParams::default().labels(&format!("{}={migration}", labels::MIGRATION));
    let pod = eventually(&format!("a pod of {migration}"), async || {
        let all = pods.list(&selector).await.map_err(|error| error.to_string())?;
        let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone());
        let found = all.iter().find(|pod| phase(pod).as_deref() == Some("Pending")).cloned();
        found.ok_or_else(|| format!("{} pods", all.items.len()))
    })
    .await;
    let containers = &pod.spec.as_ref().unwrap().containers;
    assert_eq!(containers.iter().map(|container| &*container.name).collect::<Vec<_>>(), ["migration"]);
    let state = json!({"terminated": {"exitCode": exit_code, "message": message}});
    let container = json!({
        "name": "migration", "image": "shop", "imageID": "", "ready": false, "restartCount": 0, "state": state,
    });
    let phase = if exit_code == 0 { "Succeeded" } else { "Failed" };
    scene.pod_says(&pod.name_any(), &json!({"phase": phase, "containerStatuses": [container]})).await;
}

async fn runs(scene: &Scene, image: &str, replicas: u32) {
    let path = "/spec/template/spec/containers/0/image";
    let is_it = |it: &Value| it.pointer(path) == Some(&json!(image)) && it["spec"]["replicas"] == replicas;
    scene.child(ChildKind::Deployment, "shop", is_it).await;
}

/// The pods of the Deployment become ready, those that are new during a rollout as well.
async fn roll_out(scene: &Scene, pods: &[usize]) {
    for &count in pods {
        scene.pods("shop", count).await;
        scene.become_ready("shop", count).await;
    }
}

/// A release whose first version was migrated and runs.
async fn first_version(subject: &str) -> Scene {
    let mut scene = Scene::start(subject).await;
    scene.apply("shop", &version("shop:1", 1)).await;
    scene
        .until("shop", "its Job is named", |release| {
            let condition = release.status.as_ref().and_then(|status| status.condition("Migrated"));
            condition.is_some_and(|condition| condition.message.starts_with("Job shop-ecto-"))
        })
        .await;
    scene.condition("shop", "Progressing", "MigrationRunning").await;
    scene.rest().await;
    assert_eq!(scene.children(ChildKind::Deployment).list(&ListParams::default()).await.unwrap().items.len(), 0);
    // Nobody is in its place for another process of the operator.
    scene.begin_anew().await;
    assert_eq!(scene.proxy.changes(), Vec::<String>::new());
    end(&scene, "ecto", 0, "").await;
    runs(&scene, "shop:1", 1).await;
    scene.condition("shop", "Migrated", "MigrationPending").await;
    roll_out(&scene, &[1]).await;
    end(&scene, "report", 0, "").await;
    scene.condition("shop", "Migrated", "Migrated").await;
    assert!(scene.event("shop", "Migrated").await.starts_with("every migration was run for shop-"));
    scene
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn one_that_fails_leaves_the_first_version_alone_until_it_is_tried_again() {
    let mut scene = first_version("migrations").await;
    let old = jobs(&scene).await;
    assert_eq!((old["ecto"].len(), old["report"].len()), (1, 1));

    scene.apply("shop", &version("shop:2", 1)).await;
    scene.condition("shop", "Migrated", "MigrationRunning").await;
    for job in old.values().flatten() {
        scene.gone(ChildKind::Job, &job.name_any()).await;
    }
    end(&scene, "ecto", 1, "relation \"orders\" does not exist").await;
    let told = scene.condition("shop", "Migrated", "MigrationFailed").await.message;
    let expected = ["migration ecto failed", "relation \"orders\" does not exist", labels::RETRY];
    assert!(expected.iter().all(|words| told.contains(words)), "{told}");
    assert_eq!(scene.condition("shop", "Degraded", "MigrationFailed").await.message, told);
    assert_eq!(scene.event("shop", "MigrationFailed").await, told);
    scene.condition("shop", "Progressing", "MigrationFailed").await;
    // What runs is scaled meanwhile, and another process of the operator tries nothing again.
    scene.apply("shop", &version("shop:2", 2)).await;
    runs(&scene, "shop:1", 2).await;
    roll_out(&scene, &[2]).await;
    scene.begin_anew().await;
    assert_eq!(scene.proxy.changes(), Vec::<String>::new());
    assert_eq!(jobs(&scene).await["ecto"].len(), 1);

    let releases = scene.objects("beam-operator.io/v1alpha1", "ElixirRelease");
    scene.patch(&releases, "shop", json!({"metadata": {"annotations": {labels::RETRY: "1"}}})).await;
    let release = scene
        .until("shop", "the request is answered", |release| {
            release.status.as_ref().is_some_and(|status| !status.requests.is_empty())
        })
        .await;
    assert_eq!(release.status.unwrap().requests[0].outcome, RequestOutcome::Done);
    end(&scene, "ecto", 0, "").await;
    runs(&scene, "shop:2", 2).await;
    scene.condition("shop", "Degraded", "AsExpected").await;
    roll_out(&scene, &[3, 3]).await;
    end(&scene, "report", 0, "").await;
    scene.condition("shop", "Migrated", "Migrated").await;
    assert_eq!(jobs(&scene).await["ecto"].len(), 2, "the one that failed and the other try");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn one_that_the_api_server_refuses_keeps_nothing_else_from_being_done() {
    let scene = first_version("refused").await;
    let broken = version("shop:2", 2).replace("Shop.migrate()", "a, podTemplate: {spec: {restartPolicy: Always}}");
    scene.apply("shop", &broken).await;
    let told = scene.condition("shop", "Degraded", "WriteFailed").await.message;
    assert!(told.contains("Job shop-ecto-") && told.contains("restartPolicy"), "{told}");
    runs(&scene, "shop:1", 2).await;
    scene.apply("shop", &version("shop:2", 2)).await;
    end(&scene, "ecto", 0, "").await;
    runs(&scene, "shop:2", 2).await;
}
