//! The Secret that holds the cookie of a revision: derived from that of the cluster, made once, never overwritten.

use std::sync::Arc;

use super::*;
use crate::resources::{fixture, revision_cookie};

const PATH: &str = "/api/v1/namespaces/store/secrets";

fn create() -> Step {
    Step::CreateRevisionCookie(Arc::new(fixture::release("cluster: {scope: Revision}")), "shop-1".to_owned())
}

/// The cookie of the cluster, which is `swordfish`.
fn of_cluster(key: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "shop-cookie", "namespace": "store", "uid": "u", "resourceVersion": "5"},
        "data": {key: "c3dvcmRmaXNo"},
    })
}

fn of_revision(owners: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": "shop-1-cookie", "namespace": "store", "uid": "uid-of-cookie", "resourceVersion": "6",
            "labels": {"beam-operator.io/release": "shop", "beam-operator.io/revision": "shop-1"},
            "ownerReferences": owners,
        },
        "data": {"cookie": "c3dvcmRmaXNo"},
    })
}

#[tokio::test]
async fn it_is_derived_and_posted() {
    let answers = vec![(200, of_cluster("cookie")), (201, of_revision(&json!([owner()])))];
    let (requests, outcome, cache) = play(vec![create()], answers).await;

    assert_eq!(verbs(&requests), ["GET", "POST"]);
    assert_eq!((requests[0].path.as_str(), requests[1].path.as_str()), (&*format!("{PATH}/shop-cookie"), PATH));
    let body = &requests[1].body;
    assert_eq!(body["metadata"]["name"], "shop-1-cookie");
    assert_eq!(body["stringData"]["cookie"], revision_cookie::derive(b"swordfish", "shop-1").as_str());
    assert_eq!(outcome.unwrap().writes, 1);
    let [held] = cache.children.of(&Group::Release(key())) else { panic!("one child") };
    assert_eq!(held.cookie_of(), Some("shop-1"));
    assert!(!format!("{held:?}").contains("swordfish"));
}

#[tokio::test]
async fn one_that_exists_is_right_and_only_its_metadata_is_written() {
    let found = of_revision(&json!([owner()]));
    let answers = vec![(200, of_cluster("cookie")), failed(409, "AlreadyExists"), (200, found.clone()), (200, found)];
    let (requests, outcome, _) = play(vec![create()], answers).await;

    assert_eq!(verbs(&requests), ["GET", "POST", "GET", "PATCH"]);
    assert!(requests[2].headers["accept"].contains("as=PartialObjectMetadata"), "its content is not asked for");
    let patch = &requests[3].body;
    assert_eq!((&patch["data"], &patch["stringData"]), (&Value::Null, &Value::Null));
    assert_eq!(patch["metadata"]["uid"], "uid-of-cookie");
    assert_eq!(outcome.unwrap().taken, []);
}

#[tokio::test]
async fn beside_a_secret_of_somebody_else_nothing_starts() {
    let steps = vec![create(), Step::Create(desired(ChildKind::Deployment))];
    let answers = vec![(200, of_cluster("cookie")), failed(409, "AlreadyExists"), (200, of_revision(&json!([])))];
    let (requests, outcome, _) = play(steps, answers).await;

    assert_eq!(verbs(&requests), ["GET", "POST", "GET"]);
    assert_eq!(outcome.unwrap().taken, [taken(ChildKind::Secret, "shop-1-cookie")]);
}

#[tokio::test]
async fn without_one_to_derive_it_from_nothing_is_made() {
    let (requests, outcome, _) = play(vec![create()], vec![(200, of_cluster("other"))]).await;
    assert_eq!(verbs(&requests), ["GET"]);
    let told = outcome.unwrap_err().to_string();
    assert_eq!(told, "Secret shop-cookie has no key cookie, of which the cookies of revisions are made: add it");

    let (_, outcome, _) = play(vec![create()], vec![not_found()]).await;
    assert!(outcome.unwrap_err().to_string().starts_with("get Secret shop-cookie failed: "));
}
