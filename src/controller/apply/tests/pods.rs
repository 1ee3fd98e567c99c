//! What is written of pods: gates, marks and evictions.

use rstest::rstest;

use super::*;
use crate::controller::plan::Eviction;

#[tokio::test]
async fn a_gate_is_opened_in_the_status_of_the_pod_that_was_meant() {
    let steps = vec![Step::OpenGate("shop-1-a".into(), "uid-of-pod".into())];
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop-1-a"}});
    let (requests, outcome, _) = play(steps, vec![(200, pod)]).await;

    let [request] = &requests[..] else { panic!("one request") };
    let path = "/api/v1/namespaces/store/pods/shop-1-a/status";
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", path));
    assert_eq!(request.headers["content-type"], "application/strategic-merge-patch+json");
    assert_eq!(request.body["metadata"], json!({"uid": "uid-of-pod"}));
    let condition = &request.body["status"]["conditions"][0];
    assert_eq!((&condition["type"], &condition["status"]), (&json!("beam-operator.io/clustered"), &json!("True")));
    assert_eq!(outcome.unwrap().writes, 1);
}

#[rstest]
#[case::another(failed(409, "Conflict"))]
#[case::gone(not_found())]
#[tokio::test]
async fn the_gate_of_a_pod_that_is_not_there_any_more_is_nobodys(#[case] answer: (u16, Value)) {
    let steps = vec![Step::OpenGate("shop-1-a".into(), "uid-of-pod".into())];
    let (_, outcome, _) = play(steps, vec![answer]).await;
    assert!(outcome.is_ok());
}

#[tokio::test]
async fn a_gate_that_may_not_be_opened_is_told() {
    let steps = vec![Step::OpenGate("shop-1-a".into(), "uid-of-pod".into())];
    let (_, outcome, _) = play(steps, vec![failed(403, "Forbidden")]).await;
    let told = outcome.unwrap_err().to_string();
    assert!(told.starts_with("opening the readiness gate of pod shop-1-a failed: "), "{told}");
}

fn evict() -> Step {
    Step::Evict("shop-1-a".into(), "uid-of-pod".into(), Eviction::CutOff)
}

fn done() -> (u16, Value) {
    (201, json!({"kind": "Status", "status": "Success", "code": 201}))
}

fn told(outcome: Result<Outcome, Error>) -> Vec<(bool, String)> {
    outcome.unwrap().happenings.into_iter().map(|it| (it.is_warning, it.note)).collect()
}

#[tokio::test]
async fn the_pod_that_was_meant_is_evicted_and_that_is_told() {
    let (requests, outcome, _) = play(vec![evict()], vec![done()]).await;
    let [request] = &requests[..] else { panic!("one request") };
    let path = "/api/v1/namespaces/store/pods/shop-1-a/eviction";
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", path));
    assert_eq!(request.body["deleteOptions"]["preconditions"]["uid"], "uid-of-pod");
    let note = "evicted pod shop-1-a: its node is cut off from the larger side of the cluster".to_owned();
    assert_eq!(told(outcome), [(false, note)]);
}

#[tokio::test]
async fn a_budget_in_the_way_is_told_and_fails_nothing() {
    let (_, outcome, _) = play(vec![evict()], vec![failed(403, "Forbidden")]).await;
    let next = outcome.as_ref().unwrap().next_eviction.unwrap();
    let pause = next.duration_since(Timestamp::now()).as_secs();
    assert!((50..=60).contains(&pause), "it is tried again by itself, in {pause} s");
    let told = told(outcome);
    assert!(
        told[0].0 && told[0].1.starts_with("pod shop-1-a, cut off from the cluster, is not restarted: "),
        "{told:?}"
    );
}

#[tokio::test]
async fn two_are_not_evicted_in_a_row() {
    let (requests, outcome, _) = play(vec![evict(), evict()], vec![done()]).await;
    assert_eq!((requests.len(), told(outcome).len()), (1, 1));
}

#[tokio::test]
async fn marks_are_written_by_way_of_the_status() {
    let at = Timestamp::from_second(1_800_000_000).unwrap();
    let steps = vec![
        Step::MarkLeaving("shop-1-a".into(), "uid-of-pod".into()),
        Step::NoteLeft("shop-1-a".into(), "uid-of-pod".into(), at),
    ];
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop-1-a"}});
    let (requests, outcome, _) = play(steps, vec![(200, pod.clone()), (200, pod)]).await;

    for request in &requests {
        let path = "/api/v1/namespaces/store/pods/shop-1-a/status";
        assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", path));
        assert_eq!(request.body["metadata"]["uid"], "uid-of-pod");
    }
    let [mark, note] = [0, 1].map(|at| &requests[at].body["metadata"]["annotations"]);
    assert_eq!(mark["controller.kubernetes.io/pod-deletion-cost"], "-2147483648");
    assert!(mark["beam-operator.io/leaving"].is_string());
    assert_eq!(*note, json!({"beam-operator.io/left": "2027-01-15T08:00:00Z"}));
    assert_eq!(told(outcome), [(false, "the node of pod shop-1-a has left, and the scale-down goes on".to_owned())]);
}
