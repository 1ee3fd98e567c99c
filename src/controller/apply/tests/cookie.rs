//! The Secret that holds the cookie: made once, never overwritten, never kept.

use std::sync::Arc;

use super::*;
use crate::resources::{cookie, fixture};

const PATH: &str = "/api/v1/namespaces/store/secrets";

fn create() -> Step {
    Step::CreateCookie(vec![Arc::new(fixture::release(""))])
}

/// The Secret as the API server has it, with a cookie that is `swordfish`.
fn secret(cluster: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": "shop-cookie", "namespace": "store", "uid": "uid-of-cookie", "resourceVersion": "5",
            "labels": {"app.kubernetes.io/managed-by": "beam-operator", "beam-operator.io/cluster": cluster},
            "ownerReferences": [owner()],
        },
        "data": {"cookie": "c3dvcmRmaXNo"},
    })
}

fn of_cluster(cache: &Cache) -> &[Child] {
    cache.children.of(&Group::Cluster(key()))
}

#[tokio::test]
async fn it_is_posted() {
    let (requests, outcome, cache) = play(vec![create()], vec![(201, secret("shop"))]).await;

    let [request] = &requests[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", PATH));
    assert_eq!(request.query["fieldManager"], "beam-operator");
    assert_eq!(request.body["stringData"]["cookie"].as_str().unwrap().len(), 64);
    assert_eq!(outcome.unwrap().writes, 1);

    let [held] = of_cluster(&cache) else { panic!("one child") };
    assert!(held.is_owned_by("uid-of-shop"));
    assert!(!format!("{held:?}").contains("swordfish"));
    assert!(!format!("{held:?}").contains("c3dvcmRmaXNo"));
}

#[tokio::test]
async fn one_that_exists_is_right() {
    let steps = vec![create(), Step::Create(desired(ChildKind::Role))];
    let answers = vec![failed(409, "AlreadyExists"), (200, secret("shop")), (201, stored(ChildKind::Role))];
    let (requests, outcome, _) = play(steps, answers).await;

    assert_eq!(verbs(&requests), ["POST", "GET", "PATCH"]);
    assert_eq!(requests[1].path, format!("{PATH}/shop-cookie"));
    assert!(requests[1].headers["accept"].contains("as=PartialObjectMetadata"), "its content is not asked for");
    assert_eq!(outcome.unwrap().taken, []);
}

#[tokio::test]
async fn beside_a_secret_of_somebody_else_nothing_starts() {
    let mut theirs = secret("other");
    theirs["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    let steps = vec![create(), Step::Create(desired(ChildKind::Deployment))];
    let (requests, outcome, _) = play(steps, vec![failed(409, "AlreadyExists"), (200, theirs)]).await;

    assert_eq!(verbs(&requests), ["POST", "GET"]);
    assert_eq!(outcome.unwrap().taken, [taken(ChildKind::Secret, "shop-cookie")]);
}

#[tokio::test]
async fn one_that_is_gone_again_is_tried_again() {
    let (_, outcome, _) = play(vec![create()], vec![failed(409, "AlreadyExists"), not_found()]).await;
    assert!(outcome.unwrap_err().to_string().starts_with("get Secret shop-cookie failed: "));
}

#[tokio::test]
async fn a_refusal_fails() {
    let (_, outcome, _) = play(vec![create()], vec![failed(403, "Forbidden")]).await;
    assert!(outcome.unwrap_err().to_string().starts_with("create Secret shop-cookie failed: "));
}

#[tokio::test]
async fn one_that_lost_its_labels_is_labelled_again() {
    let mut unlabelled = secret("shop");
    unlabelled["metadata"].as_object_mut().unwrap().remove("labels");
    let answers = vec![failed(409, "AlreadyExists"), (200, unlabelled), (200, secret("shop"))];
    let (requests, outcome, cache) = play(vec![create()], answers).await;

    assert_eq!(verbs(&requests), ["POST", "GET", "PATCH"]);
    assert_eq!(requests[2].body["metadata"]["labels"]["beam-operator.io/cluster"], "shop");
    assert_eq!((outcome.unwrap().taken, of_cluster(&cache).len()), (Vec::new(), 1));
}

/// The list of owners is to be exactly that of the members, which a merge patch does.
#[tokio::test]
async fn only_its_owners_and_labels_are_ever_written() {
    let ownership = cookie::ownership(&[&fixture::release("")], "uid-of-cookie").unwrap();
    let (requests, outcome, cache) =
        play(vec![Step::OwnSecret(Box::new(ownership))], vec![(200, secret("shop"))]).await;

    let [request] = &requests[..] else { panic!("one request") };
    let path = format!("{PATH}/shop-cookie");
    assert_eq!((request.method.as_str(), &request.path), ("PATCH", &path));
    assert_eq!(request.query, [("fieldManager".to_owned(), "beam-operator".to_owned())].into());
    assert_eq!(request.headers["content-type"], "application/merge-patch+json");
    assert!(request.headers["accept"].contains("as=PartialObjectMetadata"));
    assert_eq!(request.body["metadata"]["uid"], "uid-of-cookie");
    assert_eq!(request.body["metadata"]["ownerReferences"][0]["uid"], "uid-of-shop");
    assert_eq!((request.body.get("data"), request.body.get("stringData")), (None, None));
    assert_eq!((outcome.unwrap().writes, of_cluster(&cache).len()), (1, 1));
}
