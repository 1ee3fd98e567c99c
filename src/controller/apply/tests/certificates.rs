//! Certificates of the operator's: read, and written over what was read.

use std::sync::Arc;

use super::*;
use crate::resources::fixture;

const AUTHORITY: &str = "/api/v1/namespaces/store/secrets/shop-distribution-ca";
const NODES: &str = "/api/v1/namespaces/store/secrets/shop-distribution-tls";

fn keep() -> Step {
    Step::KeepCertificates(vec![Arc::new(fixture::release("cluster: {tls: {mode: Managed}}"))])
}

/// What was posted, as the API server has it.
fn stored(posted: &Value, uid: &str) -> Value {
    let mut stored = posted.clone();
    stored["metadata"]["uid"] = uid.into();
    stored["metadata"]["resourceVersion"] = "5".into();
    stored
}

/// The two Secrets as they are after they were made.
async fn made() -> [Value; 2] {
    let created = json!({"metadata": {"name": "s", "namespace": "store", "uid": "u", "resourceVersion": "5"}});
    let answers = vec![not_found(), not_found(), (201, created.clone()), (201, created)];
    let (requests, outcome, _) = play(vec![keep()], answers).await;
    assert_eq!(outcome.unwrap().writes, 1);
    assert_eq!(verbs(&requests), ["GET", "GET", "POST", "POST"]);
    let [_, _, authority, nodes] = &requests[..] else { panic!("four requests") };
    [stored(&authority.body, "uid-of-authority"), stored(&nodes.body, "uid-of-nodes")]
}

fn keys(secret: &Value, field: &str) -> Vec<String> {
    secret[field].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn they_are_posted_the_authority_first() {
    let [authority, nodes] = made().await;
    assert_eq!(
        (authority["metadata"]["name"].as_str(), authority["type"].as_str()),
        (Some("shop-distribution-ca"), Some("Opaque"))
    );
    assert_eq!(nodes["metadata"]["name"], "shop-distribution-tls");
    assert_eq!(keys(&authority, "data"), ["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    assert_eq!(keys(&nodes, "data"), ["ca.crt", "tls.crt", "tls.key"]);
}

#[tokio::test]
async fn what_is_right_is_only_read() {
    let [authority, nodes] = made().await;
    let (requests, outcome, cache) = play(vec![keep()], vec![(200, authority), (200, nodes)]).await;
    assert_eq!(requests.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(), [AUTHORITY, NODES]);
    assert_eq!(outcome.unwrap().taken, []);
    let held = cache.children.of(&Group::Cluster(key()));
    assert!(held.iter().all(|secret| secret.certificates().is_some_and(|noted| noted.renew_at.is_some())));
    let printed = format!("{held:?}");
    assert!(held.len() == 2 && !printed.contains("BEGIN") && !printed.contains("LS0t"), "{printed}");
}

#[tokio::test]
async fn a_lost_one_is_posted_and_the_other_left() {
    let [authority, nodes] = made().await;
    let answers = vec![(200, authority), not_found(), (201, nodes)];
    let (requests, outcome, _) = play(vec![keep()], answers).await;
    assert_eq!(verbs(&requests), ["GET", "GET", "POST"]);
    assert_eq!(outcome.unwrap().writes, 1);
}

#[tokio::test]
async fn what_is_changed_is_changed_in_the_version_that_was_read() {
    let [authority, mut nodes] = made().await;
    nodes["data"]["tls.key"] = "ZGFtYWdlZA==".into();
    nodes["metadata"]["annotations"]["theirs"] = "stays".into();
    let answers = vec![(200, authority), (200, nodes.clone()), (200, nodes)];
    let (requests, outcome, _) = play(vec![keep()], answers).await;
    outcome.unwrap();

    let [.., patch] = &requests[..] else { panic!("requests") };
    assert_eq!((patch.method.as_str(), patch.path.as_str()), ("PATCH", NODES));
    assert_eq!(patch.headers["content-type"], "application/merge-patch+json");
    assert!(patch.headers["accept"].contains("as=PartialObjectMetadata"), "its content is not asked for again");
    let metadata = &patch.body["metadata"];
    assert_eq!((metadata["uid"].as_str(), metadata["resourceVersion"].as_str()), (Some("uid-of-nodes"), Some("5")));
    assert_eq!((metadata.get("ownerReferences"), metadata["annotations"].get("theirs")), (None, None));
    assert_eq!(keys(&patch.body, "stringData"), ["ca.crt", "tls.crt", "tls.key"]);
}

#[tokio::test]
async fn whoever_was_quicker_is_right() {
    let [authority, nodes] = made().await;
    let answers = vec![
        not_found(),
        not_found(),
        failed(409, "AlreadyExists"),
        (200, authority.clone()),
        not_found(),
        failed(409, "Conflict"),
        (200, authority),
        (200, nodes),
    ];
    let (requests, outcome, _) = play(vec![keep()], answers).await;
    assert_eq!(verbs(&requests), ["GET", "GET", "POST", "GET", "GET", "POST", "GET", "GET"]);
    assert_eq!(outcome.unwrap().taken, []);
}

#[tokio::test]
async fn beside_a_secret_of_somebody_else_nothing_starts() {
    let [authority, mut nodes] = made().await;
    nodes["metadata"].as_object_mut().unwrap().remove("labels");
    nodes["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    let steps = vec![keep(), Step::Create(desired(ChildKind::Deployment))];
    let (requests, outcome, _) = play(steps, vec![(200, authority), (200, nodes)]).await;
    assert_eq!(verbs(&requests), ["GET", "GET"]);
    assert_eq!(outcome.unwrap().taken, [taken(ChildKind::Secret, "shop-distribution-tls")]);
}

#[tokio::test]
async fn a_refusal_fails_and_shows_no_key() {
    let (_, outcome, _) = play(vec![keep()], vec![failed(403, "Forbidden")]).await;
    assert!(outcome.unwrap_err().to_string().starts_with("get Secret shop-distribution-ca failed: "));
    let (_, outcome, _) = play(vec![keep()], vec![not_found(), not_found(), failed(403, "Forbidden")]).await;
    let error = outcome.unwrap_err();
    assert!(error.to_string().starts_with("write Secret shop-distribution-ca failed: "));
    assert!(!format!("{error:?}").contains("PRIVATE"));
}
