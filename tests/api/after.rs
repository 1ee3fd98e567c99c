//! Releases that wait for others.
//!
//! Runs with an API server and the Deployment controller of the controller manager.

use beam_operator::api::{ElixirRelease, RolloutPhase};
use beam_operator::controller::kind::ChildKind;
use kube::api::ListParams;

use crate::harness::Scene;

fn after(other: &str) -> String {
    format!("image: web:1\nrollout: {{minReadySeconds: 0, after: [{other}]}}")
}

fn is_in(phase: RolloutPhase) -> impl Fn(&ElixirRelease) -> bool {
    move |release| {
        let rollout = release.status.as_ref().and_then(|status| status.rollout.as_ref());
        rollout.is_some_and(|rollout| rollout.phase == phase)
    }
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_release_waits_for_another_and_for_nothing_else() {
    let mut scene = Scene::start("after").await;
    scene.apply("web", &after("api")).await;
    scene.until("web", "it waits", is_in(RolloutPhase::Waiting)).await;
    let told = scene.condition("web", "Progressing", "WaitingForRelease").await.message;
    assert!(told.contains("api does not exist"), "{told}");
    scene.rest().await;
    assert!(scene.children(ChildKind::Deployment).list(&ListParams::default()).await.unwrap().items.is_empty());

    // Another process of the operator waits on, and nobody asks why.
    scene.restart();
    scene.operator.ready().await;
    scene.apply("api", "image: api:1\nrollout: {minReadySeconds: 0}").await;
    scene
        .until("web", "it knows of api", |web| {
            let rollout = web.status.as_ref().and_then(|status| status.rollout.as_ref());
            rollout.is_some_and(|rollout| rollout.message.contains("api is on the way"))
        })
        .await;
    scene.become_ready("api", 1).await;
    scene.child(ChildKind::Deployment, "web", |_| true).await;
    scene.become_ready("web", 1).await;
    scene.until("web", "it is complete", is_in(RolloutPhase::Complete)).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn releases_that_wait_for_each_other_are_refused() {
    let scene = Scene::start("cycle").await;
    scene.apply("api", &after("web")).await;
    scene.apply("web", &after("api")).await;
    for (name, other) in [("api", "web"), ("web", "api")] {
        let told = scene.condition(name, "ConfigurationValid", "Invalid").await.message;
        let way = format!("{name} waits for {other} waits for {name}");
        assert!(told.contains("spec.rollout.after[0]") && told.contains(&way), "{told}");
    }
    scene.apply("api", "image: api:1").await;
    scene.condition("api", "ConfigurationValid", "Valid").await;
    scene.condition("web", "ConfigurationValid", "Valid").await;
}
