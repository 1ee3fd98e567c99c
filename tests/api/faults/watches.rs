//! Watches break, and what happened in the meantime is not missed.

use beam_operator::controller::kind::ChildKind;
use kube::api::DeleteParams;
use rstest::rstest;
use serde_json::json;

use super::{FIRST, settings};
use crate::harness::{Fault, Scene};

async fn scene(purpose: &str) -> Scene {
    let scene = Scene::start(purpose).await;
    settings(&scene).await;
    for release in ["shop", "blog"] {
        scene.apply(release, FIRST).await;
        scene.applied(release).await;
    }
    scene
}

/// As after an update of a load balancer, or of the API server behind one.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_watch_that_breaks_goes_on_where_it_was() {
    let scene = scene("cut").await;
    let wanted = scene.state().await.only_children();
    scene.rest().await;
    for _ in 0..3 {
        scene.proxy.forget();
        scene.proxy.cut_watches();
        let (services, deployments) = (scene.children(ChildKind::Service), scene.children(ChildKind::Deployment));
        services.delete("shop", &DeleteParams::background()).await.unwrap();
        scene.patch(&deployments, "blog", json!({"spec": {"replicas": 9}})).await;
        scene.child(ChildKind::Service, "shop", |_| true).await;
        scene.reaches(&wanted).await;
        let lists: Vec<_> = scene.proxy.requests().into_iter().filter(|request| request.verb == "list").collect();
        assert_eq!(lists, [], "everything was listed again");
    }
}

/// While no watch gets through, a release is deleted, one is made, one is changed, and children are tampered with. With
/// 410 the API server has forgotten where the watches were, so everything is listed again.
#[rstest]
#[case::away(Fault::Refused)]
#[case::forgotten(Fault::Status(410))]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_happened_without_watches_is_found(#[case] fault: Fault) {
    let scene = scene("blind").await;
    let before = scene.state().await;
    scene.rest().await;
    // A list that succeeds in between would show it all.
    scene.proxy.fail(usize::MAX, fault, |request| ["watch", "list"].contains(&request.verb));
    scene.proxy.cut_watches();

    scene.delete("blog").await;
    scene.apply("wiki", FIRST).await;
    scene.apply("shop", &FIRST.replace("replicas: 2", "replicas: 4")).await;
    let services = scene.children(ChildKind::Service);
    services.delete("shop", &DeleteParams::background()).await.unwrap();
    let policies = scene.children(ChildKind::NetworkPolicy);
    scene.patch(&policies, "shop", json!({"spec": {"ingress": null}})).await;

    scene.proxy.heal();
    scene.applied("wiki").await;
    scene.applied("shop").await;
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["replicas"] == 4).await;
    scene.child(ChildKind::Service, "shop", |_| true).await;
    let wanted = before.object("NetworkPolicy shop")["spec"]["ingress"].clone();
    scene.child(ChildKind::NetworkPolicy, "shop", move |it| it["spec"]["ingress"] == wanted).await;
    scene.gone(ChildKind::Deployment, "blog").await;
    scene.rest().await;
    let state = scene.state().await;
    let left: Vec<_> = state.children().into_iter().filter(|child| child.contains(" blog")).collect();
    assert_eq!(left, [""; 0]);
}
