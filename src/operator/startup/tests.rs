//! The checks against an API server that is played by the test.

use super::*;
use http::{Request, Response};
use kube::client::Body;
use rstest::rstest;
use serde_json::{Value, json};
use tower::service_fn;

/// An API server that answers each path with a status and a body; reviews with what `answer` makes of their spec.
fn client(answer: impl Fn(&str, Value) -> (u16, Value) + Clone + Send + 'static) -> Client {
    let service = service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let path = request.uri().path().to_owned();
            let sent = request.into_body().collect_bytes().await?;
            let (status, body) = answer(&path, serde_json::from_slice(&sent).unwrap_or_default());
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, kube::Error>(Response::builder().status(status).body(body).unwrap())
        }
    });
    Client::new(service, "default")
}

/// The API server answers for a group it does not know in plain text, without a Status.
fn not_found() -> (u16, Value) {
    (404, json!("404 page not found"))
}

fn resources(names: &[&str]) -> (u16, Value) {
    let list = names
        .iter()
        .map(|name| json!({"name": name, "kind": "X", "singularName": "", "namespaced": true, "verbs": []}));
    (200, json!({"groupVersion": "beam-operator.io/v1alpha1", "resources": list.collect::<Vec<_>>()}))
}

fn group(version: &str) -> (u16, Value) {
    let version = json!({"groupVersion": format!("beam-operator.io/{version}"), "version": version});
    (200, json!({"name": "beam-operator.io", "versions": [version]}))
}

#[rstest]
#[case(resources(&["elixirreleases", "elixirreleases/status"]), not_found(), None)]
#[case(resources(&["others"]), not_found(), Some("is not installed"))]
#[case(not_found(), not_found(), Some("the CRD elixirreleases.beam-operator.io is not installed; install it with"))]
#[case(not_found(), group("v1beta1"), Some("is installed in version v1beta1 but this operator needs v1alpha1"))]
#[tokio::test]
async fn a_missing_crd_is_named(
    #[case] version: (u16, Value),
    #[case] group: (u16, Value),
    #[case] expect: Option<&'static str>,
) {
    let client = client(move |path, _| match path {
        "/apis/beam-operator.io/v1alpha1" => version.clone(),
        "/apis/beam-operator.io" => group.clone(),
        _ => panic!("unexpected request for {path}"),
    });
    let missing = CUSTOM_RESOURCE.missing(&client).await.unwrap();
    match expect {
        None => assert_eq!(missing, None),
        Some(text) => assert!(missing.clone().unwrap().contains(text), "{missing:?}"),
    }
}

const STATUS: Permission = Permission {
    group: "beam-operator.io",
    resource: "elixirreleases/status",
    verbs: &["get", "patch"],
    place: Place::Watched,
};

async fn missing_with(rule: Value, incomplete: bool, name: Option<&str>) -> Vec<String> {
    let client = client(move |path, review| match path {
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews" => {
            let status = json!({"resourceRules": [rule], "nonResourceRules": [], "incomplete": incomplete});
            (201, json!({"spec": review["spec"], "status": status}))
        }
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            let attributes = &review["spec"]["resourceAttributes"];
            let allowed = attributes["verb"] == "get" && attributes["subresource"] == "status";
            (201, json!({"spec": review["spec"], "status": {"allowed": allowed}}))
        }
        _ => panic!("unexpected request for {path}"),
    });
    permissions::missing(&client, Some("store"), &[STATUS], name).await.unwrap()
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs, "resourceNames": names})
}

#[rstest]
#[case(rule(&["beam-operator.io"], &["elixirreleases/status"], &["get", "patch"], &[]), None)]
#[case(rule(&["*"], &["*"], &["*"], &[]), None)]
#[case(rule(&["*"], &["*/status"], &["*"], &[]), None)]
#[case(rule(&["*"], &["*"], &["*"], &["lease"]), None)]
#[case(rule(&["beam-operator.io"], &["elixirreleases/status"], &["get"], &[]), Some("patch"))]
#[case(rule(&["beam-operator.io"], &["elixirreleases"], &["*"], &[]), Some("get, patch"))]
#[case(rule(&["apps"], &["*"], &["*"], &[]), Some("get, patch"))]
#[case(rule(&["*"], &["*"], &["*"], &["another"]), Some("get, patch"))]
#[tokio::test]
async fn missing_permissions_are_named(#[case] rule: Value, #[case] expect: Option<&str>) {
    let missing = missing_with(rule, false, Some("lease")).await;
    let expect = expect
        .map(|verbs| format!("no permission to {verbs} elixirreleases.beam-operator.io/status in namespace store"));
    assert_eq!(missing.len(), usize::from(expect.is_some()), "{missing:?}");
    assert!(expect.is_none_or(|text| missing[0] == text), "{missing:?}");
}

#[tokio::test]
async fn an_incomplete_list_is_asked_about_in_detail() {
    let missing = missing_with(rule(&["apps"], &["*"], &["*"], &[]), true, None).await;
    assert!(missing[0].starts_with("no permission to patch elixirreleases"), "{missing:?}");
}

/// A CRD that is missing for a while, and everything granted.
async fn with_a_gap(gap: std::ops::Range<Duration>, test: impl AsyncFnOnce(&Client, Territory<'_>)) {
    let started = tokio::time::Instant::now();
    let client = client(move |path, review| match path {
        "/apis/beam-operator.io/v1alpha1" if gap.contains(&started.elapsed()) => not_found(),
        "/apis/beam-operator.io/v1alpha1" => resources(&["elixirreleases"]),
        "/apis/beam-operator.io" => not_found(),
        _ => {
            let status = json!({"resourceRules": [rule(&["*"], &["*"], &["*"], &[])], "nonResourceRules": [], "incomplete": false});
            (201, json!({"spec": review["spec"], "status": status}))
        }
    });
    let lease = Some(("beam-system", "beam-operator"));
    test(&client, Territory { watched: &WatchScope::Cluster, lease }).await;
}

#[tokio::test(start_paused = true)]
async fn waiting_tells_what_for_and_ends_by_itself() {
    let started = tokio::time::Instant::now();
    with_a_gap(Duration::ZERO..RETRY * 3, async |client, territory| {
        let readiness = Readiness::default();
        let waiting = async {
            tokio::time::sleep(RETRY).await;
            readiness.check()
        };
        let ((), (ready, reason)) = tokio::join!(wait_until_complete(client, territory, &readiness), waiting);
        assert!(!ready && reason.contains("is not installed"), "{reason}");
        assert_eq!(started.elapsed(), RETRY * 3);
    })
    .await;
}

/// What goes missing is not looked for, but found when a request is refused because of it.
#[tokio::test(start_paused = true)]
async fn what_is_taken_away_is_told_until_it_is_there_again() {
    with_a_gap(RETRY..RETRY * 4, async |client, territory| {
        let (readiness, refusals) = (Readiness::default(), Refusals::default());
        readiness.ready();
        let person = async {
            tokio::time::sleep(RETRY * 2).await;
            assert!(readiness.check().0, "nothing was refused yet");
            refusals.consider(crate::operator::client::Verb::Watch, http::StatusCode::NOT_FOUND);
            tokio::time::sleep(RETRY).await;
            let (ready, reason) = readiness.check();
            assert!(!ready && reason.contains("the CRD elixirreleases.beam-operator.io is not installed"), "{reason}");
            tokio::time::sleep(RETRY * 2).await;
            readiness.check()
        };
        tokio::select! {
            never = keep_complete(client, territory, &readiness, &refusals) => match never {},
            told = person => assert_eq!(told, (true, "ready".to_owned())),
        }
    })
    .await;
}

#[test]
fn every_permission_is_listed_once() {
    for (index, permission) in PERMISSIONS.iter().enumerate() {
        let twice =
            PERMISSIONS[..index].iter().any(|p| p.group == permission.group && p.resource == permission.resource);
        assert!(!twice, "{permission} is listed twice");
    }
}
