//! Children but for the cookie.

use rstest::rstest;

use super::*;

const PATH: &str = "/apis/apps/v1/namespaces/store/deployments/shop";

#[tokio::test]
async fn nothing_planned_is_nothing_asked() {
    let (requests, outcome, _) = play(Vec::new(), Vec::new()).await;
    assert!(requests.is_empty());
    let outcome = outcome.unwrap();
    assert_eq!((outcome.writes, outcome.again, outcome.taken), (0, false, Vec::new()));
}

#[tokio::test]
async fn a_first_write_is_an_apply_without_force() {
    let kind = ChildKind::Deployment;
    let (requests, outcome, cache) = play(vec![Step::Create(desired(kind))], vec![(201, stored(kind))]).await;

    let [request] = &requests[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", PATH));
    let query = [("fieldManager", "beam-operator"), ("fieldValidation", "Ignore")];
    assert_eq!(request.query, query.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(request.headers["content-type"], "application/apply-patch+yaml");
    assert_eq!(request.body, as_new(kind));
    assert_eq!(outcome.unwrap().writes, 1);
    assert!(held(&cache)[0].is_as(7), "what came back is what was applied");
}

/// The version of no object makes one that exists a conflict.
fn as_new(kind: ChildKind) -> Value {
    let mut object = desired(kind).object;
    object["metadata"]["resourceVersion"] = json!("1");
    object
}

#[tokio::test]
async fn an_update_is_forced_and_names_the_object_it_means() {
    let kind = ChildKind::Deployment;
    let steps = vec![Step::Update(desired(kind), "uid-of-child".into())];
    let (requests, outcome, cache) = play(steps, vec![(200, stored(kind))]).await;

    let [request] = &requests[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", PATH));
    let query = [("fieldManager", "beam-operator"), ("fieldValidation", "Ignore"), ("force", "true")];
    assert_eq!(request.query, query.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let mut body = desired(kind).object;
    body["metadata"]["uid"] = json!("uid-of-child");
    assert_eq!(request.body, body);
    assert_eq!(outcome.unwrap().writes, 1);
    assert!(held(&cache)[0].is_as(7));
}

#[tokio::test]
async fn an_update_of_an_object_that_is_another_by_now_fails() {
    let steps = vec![Step::Update(desired(ChildKind::Role), "uid-of-child".into())];
    let (_, outcome, _) = play(steps, vec![failed(409, "Conflict")]).await;
    assert!(outcome.unwrap_err().to_string().starts_with("apply Role shop failed: "));
}

#[rstest]
#[case::is_another(failed(409, "Conflict"))]
#[case::is_gone(not_found())]
#[tokio::test]
async fn a_child_that_turns_out_to_be_gone_is_looked_for_anew(#[case] answer: (u16, Value)) {
    let kind = ChildKind::Role;
    let steps = vec![Step::Create(desired(kind)), Step::Update(desired(kind), "uid-of-child".into())];
    let (_, outcome, cache) = play(steps, vec![(201, stored(kind)), answer]).await;
    assert!(outcome.is_err());
    assert!(held(&cache).is_empty(), "the next plan makes it, unless it is found");
}

#[tokio::test]
async fn a_service_that_a_finalizer_holds_is_made_anew_when_it_is_gone() {
    let steps = vec![
        Step::Update(desired(ChildKind::Service), "uid-of-child".into()),
        Step::Delete(ChildKind::Role, "shop".into(), "uid-of-child".into()),
    ];
    let answers = vec![(200, headless()), (200, json!({})), failed(409, "Conflict"), (200, json!({}))];
    let (requests, outcome, _) = play(steps, answers).await;
    assert_eq!(verbs(&requests), ["PATCH", "DELETE", "PATCH", "DELETE"], "what follows is done");
    assert_eq!(outcome.unwrap().taken, []);
}

/// Kubernetes never changes the address of a Service that exists.
#[rstest]
#[case::silently((200, headless()))]
#[case::with_a_refusal(refused_address())]
#[tokio::test]
async fn a_service_that_cannot_get_its_address_is_made_anew(#[case] answer: (u16, Value)) {
    let kind = ChildKind::Service;
    let steps = vec![Step::Update(desired(kind), "uid-of-child".into())];
    let (requests, outcome, cache) = play(steps, vec![answer, (200, json!({})), (201, stored(kind))]).await;

    assert_eq!(verbs(&requests), ["PATCH", "DELETE", "PATCH"]);
    assert_eq!(requests[1].body["preconditions"], json!({"uid": "uid-of-child"}));
    let mut body = as_new(kind);
    body["metadata"]["uid"] = Value::Null;
    assert_eq!((requests[2].query.get("force"), &requests[2].body), (None, &body));
    assert_eq!(outcome.unwrap().writes, 1);
    assert!(held(&cache)[0].is_as(7));
}

fn headless() -> Value {
    let mut service = stored(ChildKind::Service);
    service["spec"]["clusterIP"] = json!("None");
    service
}

fn refused_address() -> (u16, Value) {
    let (code, mut status) = failed(422, "Invalid");
    status["details"] =
        json!({"causes": [{"field": "spec.clusterIPs[0]", "reason": "FieldValueInvalid", "message": ""}]});
    (code, status)
}

#[rstest]
#[case::gone(200, "")]
#[case::gone_before(404, "NotFound")]
#[tokio::test]
async fn a_deletion_names_the_object_it_means_and_is_done_when_that_is_gone(#[case] code: u16, #[case] reason: &str) {
    let steps = vec![Step::Delete(ChildKind::PodDisruptionBudget, "shop".into(), "uid-of-child".into())];
    let (requests, outcome, _) = play(steps, vec![failed(code, reason)]).await;

    let [request] = &requests[..] else { panic!("one request") };
    let path = "/apis/policy/v1/namespaces/store/poddisruptionbudgets/shop";
    assert_eq!((request.method.as_str(), request.path.as_str()), ("DELETE", path));
    assert_eq!(request.body["preconditions"], json!({"uid": "uid-of-child"}));
    assert_eq!(request.body["propagationPolicy"], "Background");
    assert_eq!(outcome.unwrap().writes, 1);
}

/// A conflict may mean that the object is another by now: the next look will tell.
#[rstest]
#[case::conflict(409, "Conflict")]
#[case::forbidden(403, "Forbidden")]
#[tokio::test]
async fn a_deletion_that_is_refused_fails(#[case] code: u16, #[case] reason: &str) {
    let steps = vec![Step::Delete(ChildKind::Service, "shop".into(), "uid-of-child".into())];
    let (_, outcome, _) = play(steps, vec![failed(code, reason)]).await;
    assert!(outcome.unwrap_err().to_string().starts_with("delete Service shop failed: "));
}

#[rstest]
#[case::conflict(409, "Conflict")]
#[case::invalid(422, "Invalid")]
#[tokio::test]
async fn a_first_write_that_is_refused_is_looked_into(#[case] code: u16, #[case] reason: &str) {
    let kind = ChildKind::Deployment;
    let steps = || vec![Step::Create(desired(kind))];

    let (requests, outcome, cache) = play(steps(), vec![failed(code, reason), (200, foreign(kind))]).await;
    assert_eq!(verbs(&requests), ["PATCH", "GET"]);
    assert_eq!(outcome.unwrap().taken, [taken(kind, "shop")]);
    assert!(cache.children.is_empty());

    let answers = vec![failed(code, reason), (200, stored(kind)), (200, stored(kind))];
    let (requests, outcome, _) = play(steps(), answers).await;
    assert_eq!(verbs(&requests), ["PATCH", "GET", "PATCH"]);
    assert_eq!((&*requests[2].query["force"], &requests[2].body["metadata"]["uid"]), ("true", &json!("uid-of-child")));
    assert_eq!(outcome.unwrap().taken, []);

    let (requests, outcome, _) = play(steps(), vec![failed(code, reason), not_found()]).await;
    assert_eq!(verbs(&requests), ["PATCH", "GET"]);
    assert!(outcome.unwrap_err().to_string().starts_with("apply Deployment shop failed: "));
}

#[tokio::test]
async fn what_the_operator_made_for_another_release_is_not_taken_over() {
    let kind = ChildKind::Service;
    let mut theirs = stored(kind);
    theirs["metadata"]["labels"] = json!({"beam-operator.io/cluster": "other"});
    let (requests, outcome, _) =
        play(vec![Step::Create(desired(kind))], vec![failed(409, "Conflict"), (200, theirs.clone())]).await;
    assert_eq!(verbs(&requests), ["PATCH", "GET"]);
    assert_eq!(outcome.unwrap().taken, [taken(kind, "shop")]);

    theirs["metadata"]["ownerReferences"] = json!([owner()]);
    let answers = vec![failed(409, "Conflict"), (200, theirs), (200, stored(kind))];
    let (requests, _, _) = play(vec![Step::Create(desired(kind))], answers).await;
    assert_eq!(verbs(&requests), ["PATCH", "GET", "PATCH"], "but what the release owns is its own");
}

#[rstest]
#[case(403, "Forbidden")]
#[case(500, "InternalError")]
#[tokio::test]
async fn nothing_is_tried_after_a_step_that_failed(#[case] code: u16, #[case] reason: &str) {
    let steps = vec![Step::Create(desired(ChildKind::Role)), Step::Create(desired(ChildKind::Deployment))];
    let (requests, outcome, _) = play(steps, vec![failed(code, reason)]).await;
    assert_eq!(requests.len(), 1);
    assert!(outcome.unwrap_err().to_string().starts_with("apply Role shop failed: "));
}

#[tokio::test]
async fn a_name_that_is_taken_does_not_stop_the_others() {
    let (role, budget) = (ChildKind::Role, ChildKind::PodDisruptionBudget);
    let steps = vec![Step::Create(desired(role)), Step::Create(desired(budget))];
    let answers = vec![failed(409, "Conflict"), (200, foreign(role)), (201, stored(budget))];
    let (_, outcome, _) = play(steps, answers).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.taken, outcome.writes), (vec![taken(role, "shop")], 1));
}

#[tokio::test]
async fn a_revision_is_read_and_pinned() {
    let template = json!({"spec": {"containers": [{"name": "release", "image": "shop:1"}]}});
    let record = json!({
        "metadata": {"name": "shop-1"},
        "revision": 1, "data": {"spec": {"template": template}},
    });
    let (requests, outcome, cache) = play(vec![Step::ReadRevision("shop-1".to_owned())], vec![(200, record)]).await;

    let [request] = &requests[..] else { panic!("one request") };
    let path = "/apis/apps/v1/namespaces/store/controllerrevisions/shop-1";
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", path));
    let outcome = outcome.unwrap();
    assert_eq!((outcome.writes, outcome.again), (0, true));
    let (revision, read) = cache.pinned(&key()).unwrap();
    assert_eq!((&*revision, &*read), ("shop-1", &parse(template)));
}

#[rstest]
#[case::gone(not_found())]
#[case::empty((200, json!({"metadata": {"name": "shop-1"}, "revision": 1})))]
#[tokio::test]
async fn a_revision_that_holds_nothing_is_told(#[case] answer: (u16, Value)) {
    let (_, outcome, _) = play(vec![Step::ReadRevision("shop-1".to_owned())], vec![answer]).await;
    let told = "ControllerRevision shop-1 holds no pod template: delete it, and the operator records the present one";
    assert_eq!(outcome.unwrap_err().to_string(), told);
}
