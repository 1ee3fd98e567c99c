use beam_operator::api::RolloutPhase;
use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::cli::Options;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn options() -> Options {
    Options { name: "shop".to_owned(), no_wait: false, timeout: std::time::Duration::ZERO }
}

fn release(annotations: &Value, status: &Value) -> ElixirRelease {
    let metadata =
        json!({"name": "shop", "namespace": "store", "uid": "1", "generation": 2, "annotations": annotations});
    let release = json!({
        "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease",
        "metadata": metadata, "spec": {"image": "shop:1"}, "status": status,
    });
    serde_json::from_value(release).unwrap()
}

fn answered(verb: Verb, value: &str, outcome: &str) -> Value {
    json!({"observedGeneration": 2, "requests": [
        {"annotation": verb.annotation(), "value": value, "outcome": outcome, "message": "so it is"},
    ]})
}

#[rstest]
#[case::pause(Request::Pause(options()), "beam-operator.io/pause=true")]
#[case::resume(Request::Resume(options()), "beam-operator.io/pause-")]
#[case::restart(Request::Restart(options()), "beam-operator.io/restarted-at=1970-01-01T00:00:00.000Z")]
#[case::undo(Request::Undo { to: None, options: options() }, "beam-operator.io/undo=previous@1970-01-01T00:00:00.000Z")]
#[case::undo_to(
    Request::Undo { to: Some("7".to_owned()), options: options() },
    "beam-operator.io/undo=7@1970-01-01T00:00:00.000Z"
)]
#[case::promote(Request::Promote(options()), "beam-operator.io/promote=1970-01-01T00:00:00.000Z")]
#[case::abort(Request::Abort(options()), "beam-operator.io/abort=1970-01-01T00:00:00.000Z")]
#[case::retry(Request::Retry(options()), "beam-operator.io/retry=1970-01-01T00:00:00.000Z")]
fn each_command_is_an_annotation(#[case] request: Request, #[case] annotation: &str) {
    assert_eq!(Wish::of(&request, NOW).to_string(), annotation);
}

/// An operator takes the same value for what it has answered already.
#[test]
fn who_asks_again_asks_with_another_value() {
    let later = NOW + SignedDuration::from_millis(1);
    for request in [Request::Retry(options()), Request::Undo { to: Some("7".to_owned()), options: options() }] {
        assert_ne!(Wish::of(&request, NOW).value, Wish::of(&request, later).value);
    }
}

#[rstest]
#[case::done(Verb::Retry, "2", "Done", Some(Answer::Done("so it is".to_owned())))]
#[case::refused(Verb::Retry, "2", "Refused", Some(Answer::Refused("so it is".to_owned())))]
#[case::to_another_value(Verb::Retry, "1", "Done", None)]
#[case::to_something_else(Verb::Abort, "2", "Done", None)]
fn an_answer_is_to_the_same_value(
    #[case] verb: Verb,
    #[case] value: &str,
    #[case] outcome: &str,
    #[case] expect: Option<Answer>,
) {
    let release = release(&json!({labels::RETRY: "2"}), &answered(verb, value, outcome));
    let wish = Wish { verb: Verb::Retry, value: Some("2".to_owned()), done: "retried" };
    assert_eq!(answer(&release, &wish), expect);
}

#[test]
fn a_pause_is_over_when_the_operator_tells_of_it_no_more() {
    let resume = Wish::of(&Request::Resume(options()), NOW);
    let before = release(&json!({}), &answered(Verb::Pause, "true", "Done"));
    assert_eq!(answer(&before, &resume), None);
    let after = release(&json!({}), &json!({"observedGeneration": 2}));
    assert_eq!(answer(&after, &resume), Some(Answer::Done("rollouts go on".to_owned())));
}

#[rstest]
#[case::other_value(Request::Retry(options()), json!({labels::RETRY: "2"}))]
#[case::taken_away(Request::Pause(options()), json!({}))]
#[case::paused_again(Request::Resume(options()), json!({labels::PAUSE: "true"}))]
fn who_asks_for_something_else_overtakes(#[case] request: Request, #[case] annotations: Value) {
    assert_eq!(answer(&release(&annotations, &json!({})), &Wish::of(&request, NOW)), Some(Answer::Overtaken));
}

#[test]
fn what_is_asked_for_stands_beside_its_answer() {
    let release = release(&json!({labels::RETRY: "2", labels::ABORT: "1"}), &answered(Verb::Retry, "2", "Done"));
    let all: Vec<_> = all(&release).map(|(verb, value, answer)| (verb, value, answer.is_some())).collect();
    assert_eq!(all, [(Verb::Retry, "2", true), (Verb::Abort, "1", false)]);
}

fn condition(status: &str, message: &str) -> Condition {
    Condition {
        type_: "ConfigurationValid".to_owned(),
        status: status.to_owned(),
        reason: "Why".to_owned(),
        message: message.to_owned(),
        observed_generation: None,
        last_transition_time: Time(NOW),
    }
}

#[test]
fn why_there_is_no_answer_is_told_as_far_as_it_is_known() {
    let mut shop = release(&json!({}), &json!({}));
    assert!(why_not(&shop).starts_with("No operator has looked at this release yet."));
    let status = shop.status.get_or_insert_default();
    status.observed_generation = Some(1);
    assert!(why_not(&shop).starts_with("The operator has not seen the present spec yet."));
    let status = shop.status.get_or_insert_default();
    (status.observed_generation, status.conditions) = (Some(2), vec![condition("True", "")]);
    assert_eq!(why_not(&shop), format!("Does the operator run? {OPERATOR}"));
    let message = "1 of 3 nodes run b and are available".to_owned();
    let rollout = RolloutStatus { phase: RolloutPhase::Progressing, step: None, message };
    shop.status.get_or_insert_default().rollout = Some(rollout);
    assert!(why_not(&shop).starts_with("The rollout is Progressing: 1 of 3 nodes run b and are available. If that"));
    shop.status.get_or_insert_default().conditions = vec![condition("False", "Secret a is missing")];
    let invalid = "The release is not valid, and nothing is taken up until it is: Secret a is missing";
    assert_eq!(why_not(&shop), invalid);
    shop.spec.paused = true;
    assert_eq!(why_not(&shop), never(&shop).unwrap());
}

#[test]
fn what_keeps_it_from_going_on_is_a_warning() {
    let mut shop = release(&json!({labels::PAUSE: "true"}), &json!({}));
    let [restart, pause] = [Request::Restart(options()), Request::Pause(options())].map(|it| Wish::of(&it, NOW));
    let paused = "rollouts are paused; to let them go on: kubectl beam resume shop -n store";
    assert_eq!(warnings(&shop, &restart), [paused]);
    assert_eq!(warnings(&shop, &pause), [""; 0]);
    shop.spec.paused = true;
    assert_eq!(warnings(&shop, &pause), [never(&shop).unwrap()]);
}
