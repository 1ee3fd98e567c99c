//! The kubectl plugin against a real API server and an operator that answers.
//!
//! Runs with an API server and the Deployment controller of the controller manager; what kubelets would say, tests write.

use beam_operator::api::{ElixirRelease, RequestOutcome, RolloutPhase};
use beam_operator::controller::kind::ChildKind;
use beam_operator::resources::labels;
use kube::ResourceExt;
use serde_json::json;

use crate::harness::{Plugin, Proxy, Scene};
use crate::process::permissions;
use crate::rollback::{answer, phase, runs, version, with_first_version};
use crate::strategies;

/// Somebody with the plugin, and the proxy that records what it asks.
async fn person(scene: &Scene) -> (Plugin, Proxy) {
    let proxy = Proxy::to(scene.client.clone()).await;
    (Plugin::new(proxy.kubeconfig(), &scene.name), proxy)
}

fn contains_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

/// The revision that is asked for, once it is another than this.
async fn target(scene: &Scene, before: &str) -> String {
    let target = |release: &ElixirRelease| release.status.as_ref()?.target_revision.clone();
    let is_other = |release: &ElixirRelease| target(release).is_some_and(|target| target != before);
    target(&scene.until("shop", "another revision is asked for", is_other).await).unwrap()
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn releases_and_their_history_are_shown() {
    let scene = with_first_version("plugin-shows").await;
    let (person, proxy) = person(&scene).await;
    let first = target(&scene, "").await;
    let page = person.does("status shop").await;
    contains_all(&page, &["Name:        shop\n", "2/2 ready", "Rollout:     Complete (RollingUpdate)\n", &first]);

    scene.apply("blog", "image: blog:1").await;
    scene.applied("blog").await;
    let table = person.does("status").await;
    let names: Vec<_> = table.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["NAME", "blog", "shop"], "{table}");
    let two = person.does("status shop blog").await;
    assert_eq!(two.lines().count(), 3, "{two}");
    let all = person.does("status --all-namespaces").await;
    contains_all(&all, &["NAMESPACE", &scene.name]);

    scene.apply("shop", &version("shop:2", "")).await;
    target(&scene, &first).await;
    let history = person.does("history shop").await;
    let rows: Vec<Vec<_>> = history.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((rows[1][..3].to_vec(), rows[1][4]), (vec!["1", &*first, "shop:1"], "current"), "{history}");
    assert_eq!((rows[2][2], rows[2][4]), ("shop:2", "target"), "{history}");
    assert_eq!(
        person.does("version").await,
        format!("kubectl-beam: {}\ncluster: beam-operator.io/v1alpha1\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(proxy.writes(), []);

    let (code, told, complaint) = person.run("status shop nothing").await;
    assert_eq!((code, told.lines().count()), (Some(1), 2), "{told}");
    let missing = format!("error: no ElixirRelease nothing in namespace {}", scene.name);
    for complaint in [complaint, person.fails("history nothing", 1).await, person.fails("abort nothing", 1).await] {
        assert!(complaint.starts_with(&missing), "{complaint}");
    }
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_is_asked_for_is_done_and_told() {
    let scene = with_first_version("plugin-asks").await;
    let (person, proxy) = person(&scene).await;
    let first = target(&scene, "").await;
    scene.apply("shop", &version("shop:2", ", onFailure: Hold")).await;
    runs(&scene, "shop:2").await;
    let before = scene.releases().get("shop").await.unwrap();
    let second = target(&scene, &first).await;
    let kind = "elixirrelease.beam-operator.io/shop";

    let told = person.does("pause shop").await;
    assert_eq!(
        told,
        format!("{kind} paused: rollouts are held where they are for as long as the annotation is there\n")
    );
    phase(&scene, RolloutPhase::Paused).await;
    let resume = format!("To go on: kubectl beam resume shop -n {}", scene.name);
    contains_all(&person.does("status shop").await, &["Rollout:     Paused", &resume]);
    let (code, told, warning) = person.run("restart shop").await;
    let restarted = target(&scene, &second).await;
    assert_eq!((code, told), (Some(0), format!("{kind} restarted: all nodes are restarted as {restarted}\n")));
    assert!(warning.starts_with("warning: rollouts are paused"), "{warning}");
    assert_eq!(person.does("resume shop").await, format!("{kind} resumed: rollouts go on\n"));
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["paused"].is_null()).await;

    let told = person.fails("promote shop", 1).await;
    assert_eq!(
        told,
        "error: shop was not promoted: with rollout.strategy RollingUpdate nothing waits for a promotion\n"
    );
    let told = person.fails("undo shop --to 99", 1).await;
    assert!(told.starts_with("error: shop was not undone: \"99\" is no revision of this release"), "{told}");
    // The same twice, with another try between.
    for _ in 0..2 {
        let told = person.does("undo shop --to 1").await;
        assert_eq!(told, format!("{kind} undone: {first} runs instead of {restarted}\n"));
        runs(&scene, "shop:1").await;
        assert_eq!(person.does("retry shop").await, format!("{kind} retried: {restarted} is tried again\n"));
        runs(&scene, "shop:2").await;
    }
    contains_all(&person.does("history shop").await, &[&second, &restarted, "target"]);
    assert_eq!(person.does("abort shop").await, format!("{kind} aborted: {first} runs instead of {restarted}\n"));
    contains_all(&person.does("history shop").await, &["rejected (Aborted)"]);
    assert_eq!(person.does("undo shop").await, format!("{kind} undone: {second} runs instead of {restarted}\n"));

    let after = scene.releases().get("shop").await.unwrap();
    assert_eq!((after.spec.clone(), after.metadata.generation), (before.spec, before.metadata.generation));
    let ours = after.managed_fields().iter().find(|fields| fields.manager.as_deref() == Some("kubectl-beam")).unwrap();
    let fields = &ours.fields_v1.as_ref().unwrap().0;
    let keys: Vec<_> =
        fields.as_object().unwrap().keys().chain(fields["f:metadata"].as_object().unwrap().keys()).collect();
    assert_eq!(keys, ["f:metadata", "f:annotations"], "{fields}");
    let writes: Vec<_> = proxy.writes().iter().map(ToString::to_string).collect();
    assert!(writes.iter().all(|write| write == "patch elixirreleases shop"), "{writes:?}");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_rollout_that_waits_is_promoted() {
    let (scene, _kubelet) = strategies::begin("plugin-promotes", strategies::MANUAL).await;
    let (person, _proxy) = person(&scene).await;
    let first = target(&scene, "").await;
    scene.apply("shop", &strategies::version("shop:2", strategies::MANUAL)).await;
    scene.condition("shop", "Progressing", "WaitingForPromotion").await;
    let target = target(&scene, &first).await;
    let promote = format!("To go on: kubectl beam promote shop -n {}", scene.name);
    contains_all(&person.does("status shop").await, &["Rollout:     Waiting (BlueGreen)", &promote]);
    let told = person.does("promote shop").await;
    assert_eq!(told, format!("elixirrelease.beam-operator.io/shop promoted: {target} goes on\n"));
    scene.child(ChildKind::Service, "shop", |it| it["spec"]["selector"][labels::REVISION] == *target).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_operator_that_does_not_answer_is_not_waited_for_for_ever() {
    let mut scene = with_first_version("plugin-waits").await;
    let (person, _proxy) = person(&scene).await;
    scene.rest().await;
    scene.operator.kill();
    let told = person.fails("restart shop --timeout 1s", 3).await;
    contains_all(
        &told,
        &["error: the operator has not answered beam-operator.io/restarted-at=", "Does the operator run?"],
    );
    let told = person.does("pause shop --no-wait").await;
    assert!(
        told.starts_with("elixirrelease.beam-operator.io/shop annotated with beam-operator.io/pause=true"),
        "{told}"
    );
    contains_all(&person.does("status shop").await, &["pause ", "restarted-at ", "not answered yet"]);

    // What was asked for stands.
    scene.restart();
    scene.operator.ready().await;
    assert_eq!(answer(&scene, labels::PAUSE, "true").await.0, RequestOutcome::Done);
    scene.until("shop", "all is answered", |it| it.status.as_ref().unwrap().requests.len() == 2).await;

    let releases = scene.objects("beam-operator.io/v1alpha1", "ElixirRelease");
    scene.patch(&releases, "shop", json!({"spec": {"paused": true}})).await;
    let told = person.fails("abort shop", 3).await;
    contains_all(&told, &["The spec says paused: true"]);
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_missing_right_is_named() {
    let view = json!({"apiGroups": ["beam-operator.io"], "resources": ["elixirreleases"], "verbs": ["get"]});
    let scene = permissions::with(&[view], "plugin-rights").await;
    scene.apply("shop", "image: shop:1").await;
    // The operator of this scene has too few rights to begin, and those are this person's.
    let person = Plugin::new(scene.proxy.kubeconfig(), &scene.name);
    person.does("status shop").await;
    for (line, right) in [
        ("status", "list elixirreleases.beam-operator.io"),
        ("history shop", "list controllerrevisions.apps"),
        ("pause shop", "patch elixirreleases.beam-operator.io"),
    ] {
        let told = person.fails(line, 1).await;
        assert!(told.starts_with(&format!("error: no permission to {right} in namespace {}: ", scene.name)), "{told}");
    }
    let told = person.fails("status -A", 1).await;
    assert!(
        told.starts_with("error: no permission to list elixirreleases.beam-operator.io in all namespaces: "),
        "{told}"
    );
}
