//! People bring the certificates.

use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use super::{HOUR, authority, issued};
use crate::harness::Scene;

const SHOP: &str = "{image: 'shop:1', cluster: {tls: {mode: Secret, secretName: mine}}}";

fn mine(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": data})
}

/// A good Secret for the namespace of a scene, or one whose certificate is for another name.
fn data(scene: &Scene, name: &str, valid: SignedDuration) -> Value {
    let authority = authority();
    let node = issued(&authority, &format!("{name}.{}.svc", scene.name), valid);
    json!({"ca.crt": authority.certificate, "tls.crt": node.certificate, "tls.key": *node.key})
}

#[rstest]
#[case::no_secret(
    None,
    "Secret mine does not exist in namespace (namespace): create it, or use cluster.tls.mode Managed to have certificates made"
)]
#[case::no_authority(Some(("ca.crt", "remove")), "Secret mine has no key ca.crt: add it, or name one that it has")]
#[case::no_certificate(Some(("tls.crt", "swordfish")), "Secret mine: tls.crt holds no certificate in PEM: write one into it")]
#[case::no_key(Some(("tls.key", "swordfish")), "Secret mine: tls.key holds no private key in PEM that can be read without a password: write it unencrypted")]
#[case::other_key(Some(("tls.key", "other")), "Secret mine: tls.key is not the key of tls.crt: write both from the same issue of the certificate")]
#[case::other_authority(Some(("ca.crt", "other")), "Secret mine: tls.crt was not issued by an authority in ca.crt: add the authority, and what links the two to tls.crt")]
#[case::other_name(Some(("name", "web-nodes")), "Secret mine: tls.crt is not for the DNS name shop-nodes.(namespace).svc, by which nodes know each other, but for web-nodes.(namespace).svc: add it")]
#[case::ended(Some(("ended", "")), "Secret mine: tls.crt, or the authority that issued it, has ended at (time): replace it")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_secret_that_cannot_work_is_told(#[case] fault: Option<(&str, &str)>, #[case] problem: &str) {
    let scene = Scene::start("own-tls").await;
    let good = data(&scene, "shop-nodes", HOUR * 24 * 30);
    let mut time = String::new();
    if let Some((key, how)) = fault {
        let mut bad = good.clone();
        match (key, how) {
            ("name", name) => bad = data(&scene, name, HOUR),
            ("ended", _) => {
                bad = data(&scene, "shop-nodes", SignedDuration::from_secs(-60));
                let certificate = bad["tls.crt"].as_str().unwrap();
                let read = beam_operator::resources::tls::certificate::Certificate::of(certificate);
                time = read.unwrap().not_after.to_string();
            }
            (key, "remove") => bad[key] = Value::Null,
            (key, "other") => bad[key] = data(&scene, "shop-nodes", HOUR)[key].clone(),
            (key, text) => bad[key] = text.into(),
        }
        scene.apply_object(mine(bad)).await;
    }
    scene.apply("shop", SHOP).await;
    let condition = scene.condition("shop", "ConfigurationValid", "Invalid").await;
    let problem = problem.replace("(namespace)", &scene.name).replace("(time)", &time);
    assert_eq!(condition.message, format!("spec.cluster.tls.secretName: {problem}"));
    assert_eq!(scene.event("shop", "ConfigurationInvalid").await, condition.message);
    assert!(!condition.message.contains("swordfish") && !scene.operator.log().contains("swordfish"));
    assert_eq!(scene.proxy.changes(), [""; 0]);

    // It is seen when it is put right, without a change of the release.
    scene.apply_object(mine(good)).await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    scene.applied("shop").await;
    let state = scene.state().await;
    let secrets: Vec<_> = state.children().into_iter().filter(|child| child.starts_with("Secret")).collect();
    assert_eq!(secrets, ["Secret mine", "Secret shop-cookie"], "none of ours is needed");
}

/// It ends while all is at rest: that is told in time and when it happens, and what runs is left alone.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_end_is_told_without_anything_else_happening() {
    let scene = Scene::start("tls-ending").await;
    scene.apply_object(mine(data(&scene, "shop-nodes", SignedDuration::from_secs(8)))).await;
    scene.apply("shop", SHOP).await;
    let warning = scene.condition("shop", "ConfigurationValid", "ValidWithWarnings").await.message;
    assert!(warning.contains("from then on no node can meet another"), "{warning}");
    scene.applied("shop").await;
    scene.rest().await;
    let before = scene.state().await;

    let told = scene.condition("shop", "ConfigurationValid", "Invalid").await.message;
    assert!(told.contains("has ended at"), "{told}");
    assert_eq!(scene.state().await.object("Deployment shop"), before.object("Deployment shop"));

    scene.apply_object(mine(data(&scene, "shop-nodes", HOUR * 24 * 30))).await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    let after = scene.releases().get("shop").await.unwrap().status.unwrap();
    let revisions =
        scene.state().await.children().into_iter().filter(|it| it.starts_with("ControllerRevision")).count();
    assert_eq!((revisions, after.rollout.is_some()), (1, true), "renewed, and no rollout");
    assert_eq!(scene.state().await.object("Deployment shop"), before.object("Deployment shop"));
}
