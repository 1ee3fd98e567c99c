use super::*;
use http::{Request, Response};
use kube::client::Body;
use rstest::rstest;
use serde_json::Value;

type Server = tower_test::mock::Handle<Request<Body>, Response<Body>>;

fn events() -> (Events, Arc<Metrics>, Server) {
    let (service, server) = tower_test::mock::pair();
    let metrics = Arc::new(Metrics::default());
    (Events::new(Client::new(service, "default"), "operator-0", Arc::clone(&metrics)), metrics, server)
}

fn shop() -> ObjectReference {
    ObjectReference {
        api_version: Some("beam-operator.io/v1alpha1".into()),
        kind: Some("ElixirRelease".into()),
        name: Some("shop".into()),
        namespace: Some("store".into()),
        uid: Some("1234".into()),
        ..ObjectReference::default()
    }
}

async fn publish(events: &Events, note: &str) {
    events.publish(&shop(), EventType::Warning, "CookieMissing", "Reconcile", note.to_owned()).await;
}

/// Answers one request with `status` and returns its path and body.
async fn answer(server: &mut Server, status: u16) -> (String, Value) {
    let (request, respond) = server.next_request().await.unwrap();
    let path = request.uri().path().to_owned();
    let sent = request.into_body().collect_bytes().await.unwrap();
    let body = if status < 300 { sent.to_vec() } else { br#"{"kind":"Status","message":"no","reason":""}"#.to_vec() };
    respond.send_response(Response::builder().status(status).body(Body::from(body)).unwrap());
    (path, serde_json::from_slice(&sent).unwrap())
}

fn counted(metrics: &Metrics, outcome: &str) -> bool {
    metrics.encode().unwrap().contains(&format!("beam_operator_events_total{{outcome=\"{outcome}\"}} 1\n"))
}

#[tokio::test]
async fn an_event_is_complete() {
    let (events, metrics, mut server) = events();
    let ((), (path, event)) = tokio::join!(publish(&events, "no cookie"), answer(&mut server, 201));
    assert_eq!(path, "/apis/events.k8s.io/v1/namespaces/store/events");
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["reason"], "CookieMissing");
    assert_eq!(event["action"], "Reconcile");
    assert_eq!(event["note"], "no cookie");
    assert_eq!(event["reportingController"], CONTROLLER);
    assert_eq!(event["reportingInstance"], "operator-0");
    assert_eq!(event["regarding"]["uid"], "1234");
    assert!(event["metadata"]["name"].as_str().unwrap().starts_with("shop."));
    assert!(event["eventTime"].is_string());
    assert!(counted(&metrics, "written"));
}

#[tokio::test]
async fn a_repeat_is_not_sent() {
    let (events, metrics, mut server) = events();
    tokio::join!(publish(&events, "no cookie"), answer(&mut server, 201));
    publish(&events, "no cookie").await;
    assert!(counted(&metrics, "repeated"));
}

#[tokio::test]
async fn a_failure_is_counted_and_forgiven() {
    let (events, metrics, mut server) = events();
    tokio::join!(publish(&events, "no cookie"), answer(&mut server, 403));
    assert!(counted(&metrics, "failed"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_holds_nobody_up() {
    let (events, metrics, mut server) = events();
    let started = Instant::now();
    let ((), _silent) = tokio::join!(publish(&events, "no cookie"), server.next_request());
    assert_eq!(started.elapsed(), PATIENCE);
    assert!(counted(&metrics, "failed"));
}

#[tokio::test]
async fn an_event_has_a_valid_name_however_long_its_objects_is() {
    let (events, _, _server) = events();
    let regarding = ObjectReference { name: Some(format!("{}-x", "a".repeat(235))), ..shop() };
    let name = events.event(&regarding, EventType::Normal, "RolledOut", "Rollout", "").metadata.name.unwrap();
    assert!(name.len() <= LONGEST_NAME && name.contains("aa.1"), "{name}");
}

#[rstest]
#[case("short", 1024, "short")]
#[case("abcdef", 3, "abc")]
#[case("aé", 2, "a")]
fn text_is_cut_between_characters(#[case] text: &str, #[case] limit: usize, #[case] expect: &str) {
    assert_eq!(truncated(text, limit), expect);
}
