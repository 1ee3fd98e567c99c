//! Watches break, and what happened in the meantime is not missed.

use std::collections::BTreeSet;

use beam_operator::api::ElixirRelease;
use beam_operator::controller::kind::ChildKind;
use kube::api::DeleteParams;
use serde_json::json;

use super::{FIRST, settings};
use crate::harness::{EndState, Fault, Scene, container};

async fn scene(purpose: &str) -> Scene {
    let scene = Scene::start(purpose).await;
    settings(&scene, "5").await;
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

/// What the operator could not see while it was blind: a release is deleted, one is made, one is changed, children are
/// tampered with, a pod that was in trouble goes and so does an object that pods read.
async fn meanwhile(scene: &Scene) {
    scene.delete("blog").await;
    scene.apply("wiki", FIRST).await;
    scene.apply("shop", &FIRST.replace("replicas: 2", "replicas: 4")).await;
    let services = scene.children(ChildKind::Service);
    services.delete("shop", &DeleteParams::background()).await.unwrap();
    let policies = scene.children(ChildKind::NetworkPolicy);
    scene.patch(&policies, "shop", json!({"spec": {"ingress": null}})).await;
    for (kind, name) in [("Pod", &*scene.pods("sick", 1).await[0]), ("ConfigMap", "passing")] {
        scene.objects("v1", kind).delete(name, &DeleteParams::default().grace_period(0)).await.unwrap();
    }
}

/// Waits until the operator has done what follows from it.
async fn found(scene: &Scene, before: &EndState) {
    scene.applied("wiki").await;
    scene.applied("shop").await;
    scene.child(ChildKind::Deployment, "shop", |it| it["spec"]["replicas"] == 4).await;
    scene.child(ChildKind::Service, "shop", |_| true).await;
    let wanted = before.object("NetworkPolicy shop")["spec"]["ingress"].clone();
    scene.child(ChildKind::NetworkPolicy, "shop", move |it| it["spec"]["ingress"] == wanted).await;
    scene.condition("sick", "Degraded", "AsExpected").await;
    let missing = scene.condition("reader", "ConfigurationValid", "Invalid").await.message;
    assert!(missing.contains("ConfigMap passing does not exist"), "{missing}");
    scene.gone(ChildKind::Deployment, "blog").await;
    scene.rest().await;
    let state = scene.state().await;
    let left: Vec<_> = state.children().into_iter().filter(|child| child.contains(" blog")).collect();
    assert_eq!(left, [""; 0]);
}

/// Two more releases: one with a pod in trouble, and one that reads an object of its own.
async fn more(scene: &Scene) {
    scene.apply("sick", "image: sick:1").await;
    let waiting = json!({"waiting": {"reason": "CreateContainerConfigError", "message": "no such key"}});
    let status = json!({"phase": "Pending", "containerStatuses": [container(false, &waiting)]});
    scene.pod_says(&scene.pods("sick", 1).await[0], &status).await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "passing"}, "data": {"A": "1"}});
    scene.apply_object(map).await;
    scene.apply("reader", "{image: 'reader:1', envFrom: [{configMapRef: {name: passing}}]}").await;
    scene.applied("reader").await;
    let is_degraded = |release: &ElixirRelease| {
        let mut conditions = release.status.iter().flat_map(|status| &status.conditions);
        conditions.any(|condition| (&*condition.type_, &*condition.status) == ("Degraded", "True"))
    };
    scene.until("sick", "it is in trouble", is_degraded).await;
}

/// The watches go on where they were, and hear of each event.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_happened_without_watches_is_found() {
    let scene = scene("blind").await;
    more(&scene).await;
    let before = scene.state().await;
    scene.rest().await;
    // A list that succeeds in between would show it all.
    scene.proxy.fail(usize::MAX, Fault::Refused, |request| ["watch", "list"].contains(&request.verb));
    scene.proxy.cut_watches();
    meanwhile(&scene).await;
    scene.proxy.heal();
    found(&scene, &before).await;
}

/// The API server has forgotten where the watches were: everything is listed again, and what has gone is only seen by
/// its absence.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_happened_before_everything_is_listed_again_is_found() {
    let scene = scene("forgotten").await;
    more(&scene).await;
    let before = scene.state().await;
    scene.rest().await;
    let listed = async || scene.operator.metric("beam_operator_watch_restarts_total").await;
    let watches = listed().await;
    scene.proxy.fail(usize::MAX, Fault::Refused, |request| request.verb == "list");
    let expired = scene.proxy.fail(usize::MAX, Fault::Expired, |request| request.verb == "watch");
    scene.proxy.cut_watches();
    meanwhile(&scene).await;
    // Nine kinds of children, Secrets of ours, pods, Secrets and ConfigMaps of others, releases.
    expired.reach(14).await;
    scene.proxy.forget();
    scene.proxy.heal();
    found(&scene, &before).await;

    let requests = scene.proxy.requests();
    let lists = requests.iter().filter(|request| request.verb == "list");
    let kinds: BTreeSet<_> = lists.map(|request| &*request.resource).collect();
    for kind in ChildKind::ALL {
        assert!(kinds.contains(&*kind.api_resource().plural), "{kind:?} was not listed again, but {kinds:?}");
    }
    for resource in ["elixirreleases", "pods", "configmaps"] {
        assert!(kinds.contains(resource), "{resource} were not listed again, but {kinds:?}");
    }
    assert!(listed().await >= watches + 14.0, "some were not counted");
}
