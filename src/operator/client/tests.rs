//! The three layers around a server that the test plays, in paused time.

use std::sync::Mutex;

use futures::StreamExt;
use http::{Request, Response, StatusCode};
use hyper::body::{Body as HttpBody, Bytes, Frame};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, WatchParams};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Instant;
use tower::service_fn;

use super::*;
use crate::operator::metrics::ErrorCategory;

const LIMIT: Duration = Duration::from_secs(15);

/// What the server sends after the headers: some text, and then the end or nothing more.
struct Script {
    text: Option<&'static str>,
    ends: bool,
}

impl HttpBody for Script {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.text.take() {
            Some(text) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

const POD: Script = Script { text: Some(r#"{"metadata":{"name":"shop-0"}}"#), ends: true };

/// A client whose tries are answered in turn; when the answers are used up, the server is silent.
fn client(answers: Vec<Response<Script>>) -> (Client, Arc<Metrics>) {
    let metrics = Arc::new(Metrics::default());
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    let service = service_fn(move |_: Request<Body>| {
        let answer = answers.lock().unwrap().next();
        async move {
            match answer {
                Some(answer) => Ok::<_, BoxError>(answer),
                None => std::future::pending().await,
            }
        }
    });
    (Client::new(guarded(service, LIMIT, observe::layer(Arc::clone(&metrics), Refusals::default())), "store"), metrics)
}

fn status(code: StatusCode, retry_after: Option<&str>) -> Response<Script> {
    let mut answer = Response::builder().status(code);
    if let Some(seconds) = retry_after {
        answer = answer.header("Retry-After", seconds);
    }
    answer.body(Script { text: Some("no JSON"), ends: true }).unwrap()
}

fn pods(client: Client) -> Api<Pod> {
    Api::namespaced(client, "store")
}

fn assert_counted(metrics: &Metrics, verb: &str, code: &str, count: u32) {
    let text = metrics.encode().unwrap();
    let line = format!(
        "beam_operator_api_requests_total{{verb=\"{verb}\",resource=\"pods\",subresource=\"\",code=\"{code}\"}} {count}"
    );
    assert!(text.lines().any(|printed| printed == line), "{line} is not in:\n{text}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_passed_on_and_counted() {
    let (client, metrics) = client(vec![Response::new(POD)]);
    let pod = pods(client).get("shop-0").await.unwrap();
    assert_eq!(pod.metadata.name.as_deref(), Some("shop-0"));
    assert_counted(&metrics, "get", "2xx", 1);
    let latency = "beam_operator_api_request_duration_seconds_count{verb=\"get\"} 1\n";
    assert!(metrics.encode().unwrap().contains(latency));
}

#[tokio::test(start_paused = true)]
async fn a_hang_before_the_headers_ends_at_the_deadline() {
    let (client, metrics) = client(vec![]);
    let start = Instant::now();
    let error = pods(client).get("shop-0").await.unwrap_err();
    assert_eq!(start.elapsed(), LIMIT);
    assert_eq!(ErrorCategory::from(&error), ErrorCategory::Timeout);
    assert!(describe(&error).contains("did not answer within 15 s"), "{}", describe(&error));
    assert_counted(&metrics, "get", "abandoned", 1);
}

#[tokio::test(start_paused = true)]
async fn a_hang_in_the_body_ends_at_the_deadline() {
    let (client, _) = client(vec![Response::new(Script { text: Some("{"), ends: false })]);
    let start = Instant::now();
    let error = pods(client).get("shop-0").await.unwrap_err();
    assert_eq!(start.elapsed(), LIMIT);
    assert_eq!(ErrorCategory::from(&error), ErrorCategory::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_watch_lasts_as_long_as_it_was_asked_for() {
    let (client, metrics) = client(vec![Response::new(Script { text: None, ends: false })]);
    let start = Instant::now();
    let parameters = WatchParams::default().timeout(100);
    let mut events = pods(client).watch(&parameters, "0").await.unwrap().boxed();
    assert!(events.next().await.unwrap().is_err());
    assert_eq!(start.elapsed(), Duration::from_secs(110));
    assert_counted(&metrics, "watch", "2xx", 1);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_does_not_begin_ends_at_the_deadline() {
    let (client, _) = client(vec![]);
    let start = Instant::now();
    assert!(pods(client).watch(&WatchParams::default(), "0").await.is_err());
    assert_eq!(start.elapsed(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_asked_again_when_it_says() {
    let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    let answers = busy.map(|code| status(code, Some("3"))).into_iter().chain([Response::new(POD)]);
    let (client, metrics) = client(answers.collect());
    let start = Instant::now();
    pods(client).get("shop-0").await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(6));
    assert_counted(&metrics, "get", "429", 1);
    assert_counted(&metrics, "get", "5xx", 1);
    assert_counted(&metrics, "get", "2xx", 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_to_be_asked_after_the_deadline_is_told_as_busy_at_once() {
    let (client, metrics) = client(vec![status(StatusCode::TOO_MANY_REQUESTS, Some("15"))]);
    let start = Instant::now();
    let error = pods(client).get("shop-0").await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(ErrorCategory::from(&error), ErrorCategory::Throttled);
    assert_counted(&metrics, "get", "429", 1);
}

#[tokio::test(start_paused = true)]
async fn patience_ends_at_the_deadline() {
    let answers = (0..2).map(|_| status(StatusCode::TOO_MANY_REQUESTS, Some("14")));
    let (client, _) = client(answers.collect());
    let start = Instant::now();
    let error = pods(client).get("shop-0").await.unwrap_err();
    assert_eq!(start.elapsed(), LIMIT);
    assert_eq!(ErrorCategory::from(&error), ErrorCategory::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_busy_is_an_error() {
    let busy = (0..6).map(|_| status(StatusCode::SERVICE_UNAVAILABLE, None));
    let (client, metrics) = client(busy.collect());
    let error = pods(client).get("shop-0").await.unwrap_err();
    assert_eq!(ErrorCategory::from(&error), ErrorCategory::Server);
    assert_counted(&metrics, "get", "5xx", 6);
}

#[tokio::test(start_paused = true)]
async fn other_errors_are_not_retried() {
    let (client, metrics) = client(vec![status(StatusCode::CONFLICT, None)]);
    let error = pods(client).get("shop-0").await.unwrap_err();
    assert_eq!(ErrorCategory::from(&error), ErrorCategory::Conflict);
    assert_counted(&metrics, "get", "409", 1);
}

#[tokio::test]
async fn a_proxy_is_refused_clearly() {
    install_crypto();
    let mut config = Config::new("https://192.0.2.1:6443".parse().unwrap());
    config.proxy_url = Some("http://192.0.2.2:3128".parse().unwrap());
    let error = build(&config, LIMIT, observe::layer(Arc::default(), Refusals::default())).err().unwrap();
    assert!(error.to_string().contains("behind a proxy"), "{error}");
}
