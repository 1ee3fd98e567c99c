//! A rotation of the cookie, as the requests that it makes.

use super::*;
use crate::controller::mesh::Move;
use crate::controller::plan::Rotation;

const PATH: &str = "/api/v1/namespaces/store/secrets/shop-cookie";

fn step(next: Move) -> Step {
    let (secret, uid) = ("shop-cookie".into(), "uid-of-cookie".into());
    Step::RotateCookie(Rotation { next, cluster: key(), secret, uid, version: 5 })
}

fn begin() -> Move {
    Move::Begin("1".to_owned())
}

fn metadata(version: &str) -> Value {
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {
        "name": "shop-cookie", "namespace": "store", "uid": "uid-of-cookie", "resourceVersion": version,
        "labels": {"beam-operator.io/cluster": "shop"},
    }})
}

fn under_way() -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {
        "name": "shop-cookie", "uid": "uid-of-cookie", "resourceVersion": "6",
        "annotations": {"beam-operator.io/rotating-cookie": "shop=1"},
    }, "data": {"cookie": "b2xk", "next-cookie": "bmV3"}})
}

#[tokio::test]
async fn the_next_cookie_goes_beside_the_present_one_of_exactly_this_version() {
    let (requests, outcome, _) = play(vec![step(begin())], vec![(200, metadata("6"))]).await;
    let [request] = &requests[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", PATH));
    assert!(request.headers["accept"].contains("as=PartialObjectMetadata"), "its content is not asked for");
    assert_eq!(request.headers["content-type"], "application/merge-patch+json");
    assert_eq!(request.body["metadata"]["resourceVersion"], "5");
    assert_eq!(request.body["metadata"]["annotations"], json!({"beam-operator.io/rotating-cookie": "shop=1"}));
    let data = request.body["data"].as_object().unwrap();
    assert_eq!(data.keys().collect::<Vec<_>>(), ["next-cookie"]);
    assert_eq!(outcome.unwrap().writes, 1);
}

#[tokio::test]
async fn the_next_cookie_takes_the_place_of_the_present_one() {
    let answers = vec![(200, under_way()), (200, metadata("7"))];
    let (requests, outcome, _) = play(vec![step(Move::Finish)], answers).await;
    assert_eq!(requests.iter().map(|request| request.method.as_str()).collect::<Vec<_>>(), ["GET", "PATCH"]);
    assert_eq!(requests[1].body["data"], json!({"cookie": "bmV3", "next-cookie": null}));
    let annotations = json!({"beam-operator.io/rotating-cookie": null, "rotated-cookie.beam-operator.io/shop": "1"});
    assert_eq!(requests[1].body["metadata"]["annotations"], annotations);
    assert_eq!(requests[1].body["metadata"]["resourceVersion"], "6");
    let told: Vec<_> = outcome.unwrap().happenings.into_iter().map(|it| it.reason).collect();
    assert_eq!(told, ["CookieRotated"]);
}

#[tokio::test]
async fn what_somebody_has_finished_already_stays() {
    let mut done = under_way();
    done["metadata"]["annotations"] = json!({});
    let (requests, outcome, _) = play(vec![step(Move::Finish)], vec![(200, done)]).await;
    assert_eq!(requests.len(), 1, "nothing is written");
    assert_eq!(outcome.unwrap().happenings, []);
}

#[tokio::test]
async fn a_secret_that_is_another_by_now_is_looked_at_anew() {
    for next in [begin(), Move::Finish] {
        let mut answers = vec![failed(409, "Conflict")];
        if next == Move::Finish {
            answers.insert(0, (200, under_way()));
        }
        let (_, outcome, _) = play(vec![step(next.clone())], answers).await;
        assert_eq!(outcome.unwrap().happenings, [], "{next:?}");
    }
}
