//! What is noted on the record of a revision.

use super::*;

#[tokio::test]
async fn each_note_has_an_owner_of_its_own_so_that_one_leaves_the_others_as_they_are() {
    let steps = vec![Step::NoteMeeting("shop-1".to_owned()), Step::Judge("shop-1".to_owned(), None)];
    let answer = || (200, stored(ChildKind::ControllerRevision));
    let (requests, outcome, _) = play(steps, vec![answer(), answer()]).await;
    let [meeting, judgement] = &requests[..] else { panic!("two requests") };
    let path = "/apis/apps/v1/namespaces/store/controllerrevisions/shop-1";
    assert_eq!((meeting.method.as_str(), meeting.path.as_str()), ("PATCH", path));
    assert_eq!(meeting.query["fieldManager"], "beam-operator-mesh");
    assert_eq!(judgement.query["fieldManager"], "beam-operator-rollout");
    assert_eq!(meeting.body["metadata"]["annotations"], json!({"beam-operator.io/clustered": "true"}));
    assert_eq!(outcome.unwrap().writes, 2);
}
