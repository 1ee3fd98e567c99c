use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use beam_operator::resources::labels;
use http::{Request as HttpRequest, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::service_fn;

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const VALUE: &str = "1970-01-01T00:00:00.000Z";

type Requests = Arc<Mutex<Vec<String>>>;

/// An API server that gives these answers, the last of them again and again, and the requests that it got.
fn server(answers: &[(u16, Value)]) -> (Cluster, Requests) {
    let requests = Requests::default();
    let left = Arc::new(Mutex::new(answers.iter().cloned().collect::<VecDeque<_>>()));
    let noted = requests.clone();
    let service = service_fn(move |request: HttpRequest<Body>| {
        let (noted, left) = (noted.clone(), left.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = String::from_utf8(body.collect_bytes().await.unwrap().to_vec()).unwrap();
            noted.lock().unwrap().push(format!("{} {} {body}", head.method, head.uri).trim().to_owned());
            let mut left = left.lock().unwrap();
            let (code, body) = if left.len() > 1 { left.pop_front().unwrap() } else { left[0].clone() };
            Ok::<_, Infallible>(
                Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap(),
            )
        }
    });
    (Cluster::played(Client::new(service, "store"), "store"), requests)
}

fn release(spec: &Value, annotations: &Value, outcome: Option<&str>) -> (u16, Value) {
    let answer =
        |outcome| json!([{"annotation": labels::RETRY, "value": VALUE, "outcome": outcome, "message": "so it is"}]);
    let metadata = json!({"name": "shop", "namespace": "store", "generation": 1, "annotations": annotations});
    let status = json!({"observedGeneration": 1, "requests": outcome.map_or(json!([]), answer)});
    let (version, kind) = ("beam-operator.io/v1alpha1", "ElixirRelease");
    (200, json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}))
}

fn asked(outcome: Option<&str>) -> (u16, Value) {
    release(&json!({"image": "shop:1"}), &json!({labels::RETRY: VALUE}), outcome)
}

fn failed(code: u16, name: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "reason": "No",
        "code": code, "details": {"name": name},
    });
    (code, status)
}

async fn retry(answers: &[(u16, Value)], no_wait: bool) -> (Result<Told>, Vec<String>) {
    let (cluster, requests) = server(answers);
    let options = Options { name: "shop".to_owned(), no_wait, timeout: Duration::from_secs(2) };
    let told = run(&cluster, &Request::Retry(options), NOW).await;
    let requests = requests.lock().unwrap().clone();
    (told, requests)
}

fn failure(told: Result<Told>) -> (String, bool) {
    let error = told.unwrap_err();
    (format!("{error:#}"), error.downcast_ref().is_some_and(Failure::is_open))
}

#[tokio::test(start_paused = true)]
async fn an_annotation_is_written_and_nothing_else_and_then_the_answer_is_read() {
    let (told, requests) = retry(&[asked(None), asked(None), asked(Some("Done"))], false).await;
    assert_eq!(told.unwrap().text, "elixirrelease.beam-operator.io/shop retried: so it is\n");
    let object = "/apis/beam-operator.io/v1alpha1/namespaces/store/elixirreleases/shop";
    let patch = json!({"metadata": {"annotations": {labels::RETRY: VALUE}}});
    let first = format!("PATCH {object}?&fieldManager=kubectl-beam {patch}");
    assert_eq!(requests, [first, format!("GET {object}"), format!("GET {object}")]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_error_with_its_reason() {
    let (told, _) = retry(&[asked(None), asked(Some("Refused"))], false).await;
    assert_eq!(failure(told), ("shop was not retried: so it is".to_owned(), false));
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_hears_how_to_look() {
    let (told, requests) = retry(&[asked(None)], true).await;
    let expect = format!(
        "elixirrelease.beam-operator.io/shop annotated with {}={VALUE}; kubectl beam status shop -n store tells what \
         becomes of it\n",
        labels::RETRY
    );
    assert_eq!((told.unwrap().text, requests.len()), (expect, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_waited_for_as_long_as_was_said() {
    let began = Instant::now();
    let (told, _) = retry(&[asked(None)], false).await;
    let (told, is_open) = failure(told);
    assert!(is_open && told.contains("has not answered") && told.contains("Does the operator run?"), "{told}");
    // On a clock that stands still while anything runs.
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_spec_forbids_is_not_waited_for() {
    let paused = release(&json!({"image": "shop:1", "paused": true}), &json!({labels::RETRY: VALUE}), None);
    let (told, requests) = retry(&[paused], false).await;
    let (told, is_open) = failure(told);
    assert!(is_open && told.contains("The spec says paused: true"), "{told}");
    assert_eq!(requests.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_busy_for_a_moment_is_asked_again() {
    let (told, _) = retry(&[asked(None), failed(503, ""), asked(Some("Done"))], false).await;
    told.unwrap();
    let (told, _) = retry(&[asked(None), failed(503, "")], false).await;
    let (told, is_open) = failure(told);
    let busy = "failed to get elixirreleases.beam-operator.io in namespace store: no (No, 503)";
    assert!(is_open && told.ends_with(busy), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_goes_meanwhile_ends_the_wait() {
    let (told, requests) = retry(&[asked(None), failed(404, "shop")], false).await;
    let (told, is_open) = failure(told);
    let expect = format!("shop was annotated with {}={VALUE}, but then: no ElixirRelease shop", labels::RETRY);
    assert!(!is_open && told.starts_with(&expect), "{told}");
    assert_eq!(requests.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_asks_for_something_else_ends_the_wait() {
    let other = release(&json!({"image": "shop:1"}), &json!({labels::RETRY: "other"}), None);
    let (told, _) = retry(&[asked(None), other], false).await;
    assert!(failure(told).0.starts_with("shop was not retried: somebody has changed the annotation since."));
}
