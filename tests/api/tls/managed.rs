//! The operator is the authority of the cluster.

use beam_operator::controller::kind::ChildKind;
use beam_operator::resources::tls::certificate::{self, Certificate};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::json;

use super::{secrets, value};
use crate::harness::{Scene, eventually};

const SHOP: &str = "{image: 'shop:1', cluster: {tls: {mode: Managed}}}";
const AUTHORITY: &str = "shop-distribution-ca";
const NODES: &str = "shop-distribution-tls";

/// Waits until a Secret is as wanted.
async fn until(scene: &Scene, secret: &str, what: &str, wanted: impl Fn(&Secret) -> bool) -> Secret {
    eventually(&format!("{secret}: {what}"), async || {
        let found = secrets(scene).get(secret).await.map_err(|error| error.to_string())?;
        // The data is nobody's to read in the log of a test either.
        if wanted(&found) { Ok(found) } else { Err(format!("{:?}", found.metadata)) }
    })
    .await
}

fn text(secret: &Secret, key: &str) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
}

/// Whether who trusts what one Secret holds takes who shows what the other holds.
fn takes(trusting: &Secret, showing: &Secret) -> bool {
    let (trusted, shown) = (text(trusting, "ca.crt"), text(showing, "tls.crt"));
    certificate::each(&trusted).any(|authority| certificate::is_issued_by(&shown, authority))
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn pods_mount_a_certificate_and_never_the_key_of_the_authority() {
    let mut scene = Scene::start("tls-made").await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    let state = scene.state().await;
    let made: Vec<_> = state.children().into_iter().filter(|child| child.starts_with("Secret")).collect();
    assert_eq!(made, ["Secret shop-cookie", &format!("Secret {AUTHORITY}"), &format!("Secret {NODES}")]);

    let (authority, nodes) = (secrets(&scene).get(AUTHORITY).await.unwrap(), secrets(&scene).get(NODES).await.unwrap());
    let keys = |secret: &Secret| secret.data.as_ref().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (keys(&authority), authority.type_.as_deref()),
        (["ca.crt", "ca.key", "tls.crt", "tls.key"].map(str::to_owned).to_vec(), Some("Opaque"))
    );
    assert_eq!(
        (keys(&nodes), nodes.type_.as_deref()),
        (["ca.crt", "tls.crt", "tls.key"].map(str::to_owned).to_vec(), Some("kubernetes.io/tls"))
    );
    assert!(takes(&authority, &nodes) && takes(&nodes, &authority));
    let names = Certificate::of(&text(&nodes, "tls.crt")).unwrap().names;
    assert_eq!(names, [format!("shop-nodes.{}.svc", scene.name)]);

    let pod = state.object("Deployment shop")["spec"]["template"].to_string();
    assert!(pod.contains(NODES) && !pod.contains(AUTHORITY), "{pod}");
    scene.rest().await;
    let changes = scene.proxy.changes();
    let written: Vec<_> = changes.iter().filter(|change| change.contains("secrets")).collect();
    assert_eq!(written.len(), 3, "each is written once: {changes:?}");
    scene.proxy.forget();
    scene.restart();
    scene.operator.ready().await;
    scene.rest().await;
    assert_eq!(scene.proxy.changes(), [""; 0], "a new process finds all in place");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_is_lost_is_made_anew_and_nodes_still_meet() {
    let scene = Scene::with("tls-lost", &["--authority-overlap=4"]).await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    let first = secrets(&scene).get(NODES).await.unwrap();
    let revision = scene.releases().get("shop").await.unwrap().status.unwrap().target_revision;

    secrets(&scene).delete(NODES, &DeleteParams::default()).await.unwrap();
    let second = until(&scene, NODES, "made anew", |secret| secret.uid() != first.uid()).await;
    assert!(takes(&first, &second) && takes(&second, &first), "the authority is the same");

    let authority = secrets(&scene).get(AUTHORITY).await.unwrap();
    secrets(&scene).delete(AUTHORITY, &DeleteParams::default()).await.unwrap();
    let other = until(&scene, AUTHORITY, "made anew", |secret| secret.uid() != authority.uid()).await;
    assert_ne!(text(&authority, "ca.key"), text(&other, "ca.key"));
    let two = |secret: &Secret| certificate::each(&text(secret, "ca.crt")).count() == 2;
    let third = until(&scene, NODES, "trusts both authorities", two).await;
    assert_eq!(text(&second, "tls.crt"), text(&third, "tls.crt"), "nobody trusts the new one yet");
    let fourth = until(&scene, NODES, "shows the new one", |it| text(it, "tls.crt") != text(&third, "tls.crt")).await;
    assert!(takes(&third, &fourth) && takes(&fourth, &third));
    assert!(!takes(&second, &fourth));

    scene.rest().await;
    assert_eq!(scene.releases().get("shop").await.unwrap().status.unwrap().target_revision, revision);
}

/// Years in seconds: at every moment, who has the files of the moment before takes who has those of now.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn certificates_and_authority_are_renewed_and_no_node_restarts() {
    let arguments = ["--certificate-lifetime=9", "--authority-lifetime=30", "--authority-overlap=3"];
    let scene = Scene::with("tls-renewed", &arguments).await;
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    let generation = async || scene.children(ChildKind::Deployment).get("shop").await.unwrap().metadata.generation;
    let first = generation().await;
    let authority = value(&scene, AUTHORITY, "ca.key").await;
    let mut before = secrets(&scene).get(NODES).await.unwrap();
    let (mut certificates, mut authorities) = (0, 1);
    while certificates < 6 || authorities < 3 {
        let now =
            until(&scene, NODES, "changed", |secret| secret.resource_version() != before.resource_version()).await;
        assert_eq!(now.uid(), before.uid());
        assert!(takes(&before, &now) && takes(&now, &before));
        certificates += i32::from(text(&now, "tls.crt") != text(&before, "tls.crt"));
        let newest = |secret: &Secret| certificate::each(&text(secret, "ca.crt")).next().map(ToOwned::to_owned);
        authorities += i32::from(newest(&now) != newest(&before));
        before = now;
    }
    assert_ne!(value(&scene, AUTHORITY, "ca.key").await, authority);
    assert_eq!(generation().await, first);
    let history = scene.state().await.children().into_iter().filter(|it| it.starts_with("ControllerRevision")).count();
    assert_eq!(history, 1);
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn members_share_them() {
    let scene = Scene::start("tls-shared").await;
    let (web, worker) =
        (SHOP.replace("cluster: {", "cluster: {name: market, "), "{image: 'w:1', cluster: {name: market}}");
    scene.apply("web", &web).await;
    scene.applied("web").await;
    scene.apply("worker", worker).await;
    let told = scene.condition("worker", "ConfigurationValid", "Invalid").await.message;
    assert!(told.contains("spec.cluster.tls: is Disabled here and Managed in web, the oldest release"), "{told}");

    scene.apply("worker", &web).await;
    scene.applied("worker").await;
    for secret in ["market-distribution-ca", "market-distribution-tls"] {
        until(&scene, secret, "owned by both", |secret| secret.owner_references().len() == 2).await;
    }
    scene.delete("web").await;
    scene.delete("worker").await;
    scene.gone(ChildKind::Secret, "market-distribution-ca").await;
    scene.gone(ChildKind::Secret, "market-distribution-tls").await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_secret_of_somebody_else_is_left_alone() {
    let scene = Scene::start("tls-taken").await;
    let theirs = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NODES}, "stringData": {"a": "b"}});
    scene.apply_object(theirs).await;
    let version = scene.version("v1", "Secret", NODES).await;
    scene.apply("shop", SHOP).await;
    let told = scene.condition("shop", "Degraded", "NameTaken").await.message;
    assert!(told.contains("Secret shop-distribution-tls"), "{told}");
    assert_eq!(scene.version("v1", "Secret", NODES).await, version);
    assert!(scene.children(ChildKind::Deployment).get_opt("shop").await.unwrap().is_none());
}
