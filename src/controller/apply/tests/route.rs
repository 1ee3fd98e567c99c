//! The weights of a route of somebody else.

use rstest::rstest;

use super::*;
use crate::rollout::Weights;

fn split() -> Vec<Step> {
    let patch = json!([{"op": "test", "path": "/metadata/resourceVersion", "value": "7"}]);
    vec![Step::Split(Weights { route: "front".to_owned(), patch, told: "it is split".to_owned() })]
}

#[tokio::test]
async fn a_patch_and_nothing_else_is_sent_and_told() {
    let route =
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "front"}});
    let (requests, outcome, _) = play(split(), vec![(200, route)]).await;
    let [request] = &requests[..] else { panic!("one request") };
    let path = "/apis/gateway.networking.k8s.io/v1/namespaces/store/httproutes/front";
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", path));
    assert_eq!(request.headers["content-type"], "application/json-patch+json");
    assert_eq!(request.body[0]["op"], "test");
    let outcome = outcome.unwrap();
    assert_eq!((outcome.writes, outcome.goes_on, outcome.turn), (1, true, None));
    assert_eq!((&*outcome.happenings[0].reason, &*outcome.happenings[0].note), ("TrafficSplit", "it is split"));
}

#[rstest]
#[case::another_version(failed(422, "Invalid"))]
#[case::written_in_between(failed(409, "Conflict"))]
#[case::gone(not_found())]
#[tokio::test]
async fn one_that_has_changed_is_looked_at_again(#[case] answer: (u16, Value)) {
    let (_, outcome, _) = play(split(), vec![answer]).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.writes, outcome.goes_on, outcome.happenings.len()), (0, false, 0));
    assert!(outcome.turn.is_some(), "the version may be all that has changed, which no watch tells");
}

fn refused() -> (u16, Value) {
    let (code, mut status) = failed(422, "Invalid");
    status["details"] = json!({"causes": [{"field": "spec.rules[0].backendRefs", "message": "Too many: 17"}]});
    (code, status)
}

#[rstest]
#[case::no_permission(failed(403, "Forbidden"))]
#[case::too_many_backends(refused())]
#[tokio::test]
async fn what_the_api_server_refuses_is_told(#[case] answer: (u16, Value)) {
    let (_, outcome, _) = play(split(), vec![answer]).await;
    let told = outcome.unwrap_err().to_string();
    assert!(told.starts_with("patch HTTPRoute front failed: "), "{told}");
}
