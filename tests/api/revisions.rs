//! Revisions: when there is a new one, and that nothing else makes one.
//!
//! Runs with an API server and the Deployment controller of the controller manager.

use beam_operator::controller::kind::ChildKind;
use beam_operator::resources::labels;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::json;

use crate::harness::Scene;

fn shop(image: &str, more: &str) -> String {
    format!("image: {image}\nreplicas: 2\nports: [{{containerPort: 4000}}]\n{more}")
}

async fn applied(scene: &Scene, spec: &str) -> String {
    scene.apply("shop", spec).await;
    scene.applied("shop").await.status.unwrap().target_revision.unwrap()
}

async fn history(scene: &Scene) -> Vec<String> {
    let revisions = scene.children(ChildKind::ControllerRevision).list(&ListParams::default()).await.unwrap();
    let mut history: Vec<_> = revisions.into_iter().map(|it| (it.data["revision"].as_i64(), it.name_any())).collect();
    history.sort();
    history.into_iter().map(|(_, name)| name).collect()
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_history_is_as_long_as_wanted_and_keeps_what_runs() {
    let scene = Scene::start("history").await;
    let limit = "rollout: {revisionHistoryLimit: 2, strategy: Recreate, minReadySeconds: 0}";
    let first = applied(&scene, &shop("shop:1", limit)).await;
    scene.become_ready("shop", 2).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    let mut names = Vec::new();
    for image in ["shop:2", "shop:3", "shop:4", "shop:5"] {
        names.push(applied(&scene, &shop(image, limit)).await);
    }
    scene.rest().await;
    // The first one is the last that ran completely, so that one can always go back to it.
    assert_eq!(history(&scene).await, [&first, &names[1], &names[2], &names[3]].map(Clone::clone));
    scene.pods("shop", 2).await;
    scene.become_ready("shop", 2).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    scene.rest().await;
    assert_eq!(history(&scene).await, names[1..]);
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn going_back_is_going_to_the_same_revision() {
    let scene = Scene::start("back").await;
    let first = applied(&scene, &shop("shop:1", "")).await;
    let second = applied(&scene, &shop("shop:2", "")).await;
    assert_ne!(first, second);
    assert_eq!(scene.event("shop", "RolloutStarted").await, format!("from {first} to {second}"));
    assert_eq!(applied(&scene, &shop("shop:1", "")).await, first);
    assert_eq!(history(&scene).await, [second, first]);
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_is_not_of_the_pod_makes_no_revision() {
    let scene = Scene::start("no-revision").await;
    let first = applied(&scene, &shop("shop:1", "")).await;
    for more in ["networkPolicy: Disabled", "rollout: {maxSurge: 2}", "disruptionBudget: {mode: Disabled}"] {
        assert_eq!(applied(&scene, &shop("shop:1", more)).await, first, "{more}");
    }
    // Saying what the default says is no change either.
    assert_eq!(applied(&scene, &shop("shop:1", "imagePullPolicy: IfNotPresent")).await, first);
}

/// An operator that starts again finds everything in its lists, reads the one object that its lists do not show, and
/// writes nothing.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_restart_with_nothing_changed_writes_nothing() {
    let mut scene = Scene::start("restart").await;
    scene.apply_object(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "env"}})).await;
    scene
        .apply(
            "shop",
            &shop("shop:1", "cluster: {discovery: Kubernetes}\nautoscaling: {minReplicas: 2, maxReplicas: 3}"),
        )
        .await;
    // Amounts and references as people write them, which the API server completes and spells its own way.
    let blog = "envFrom: [{secretRef: {name: env}}]
resources: {requests: {cpu: '0.5', memory: 1024Mi}, limits: {memory: 1.5Gi}}
env: [{name: CPUS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]
volumes: [{name: token, projected: {sources: [{serviceAccountToken: {path: token}}]}}]";
    scene.apply("blog", &shop("blog:1", blog)).await;
    scene.applied("shop").await;
    scene.applied("blog").await;
    scene.pods("shop", 2).await;
    scene.pods("blog", 2).await;
    scene.rest().await;

    scene.begin_anew().await;
    assert_eq!(scene.operator.metric("beam_operator_reconciles_total").await, 2.0, "each was looked at once");
    assert_eq!(scene.proxy.writes(), []);
    assert_eq!(scene.proxy.reads(), ["get secrets env"]);
}

/// Another version of the operator rendered the same inputs otherwise: what runs goes on, until the release changes.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn another_version_of_the_operator_restarts_nothing() {
    let mut scene = Scene::start("version").await;
    scene.proxy.rewrite(|request, object| {
        let mark = json!({"example.com/made-by": "another version"});
        match request.resource.as_str() {
            "deployments" => object["spec"]["template"]["metadata"]["annotations"] = mark,
            "controllerrevisions" => object["data"]["spec"]["template"]["metadata"]["annotations"] = mark,
            _ => {}
        }
    });
    let first = applied(&scene, &shop("shop:1", "release: {tool: None}")).await;
    scene.pods("shop", 2).await;
    scene.rest().await;
    let before = scene.children(ChildKind::Deployment).get("shop").await.unwrap();

    scene.proxy.rewrite_no_more();
    scene.begin_anew().await;
    assert_eq!(scene.proxy.writes(), []);
    assert_eq!(scene.proxy.reads(), [format!("get controllerrevisions {first}")]);

    // What is not of the pod changes, and the pods stay as they are.
    assert_eq!(
        applied(&scene, &shop("shop:1", "release: {tool: None}").replace("replicas: 2", "replicas: 3")).await,
        first
    );
    let after = scene.children(ChildKind::Deployment).get("shop").await.unwrap();
    assert_eq!(after.data["spec"]["replicas"], 3);
    assert_eq!(after.data["spec"]["template"], before.data["spec"]["template"]);

    let second = applied(&scene, &shop("shop:2", "release: {tool: None}")).await;
    assert_ne!(first, second);
    let template = |it: &serde_json::Value| {
        let metadata = &it["spec"]["template"]["metadata"];
        metadata["annotations"]["example.com/made-by"].is_null() && metadata["labels"][labels::REVISION] == *second
    };
    scene.child(ChildKind::Deployment, "shop", template).await;
}
