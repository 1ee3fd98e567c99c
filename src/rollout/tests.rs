//! What becomes of a revision that is asked for.

mod meeting;
mod strain;

use jiff::Timestamp;
use kube::ResourceExt;
use rstest::rstest;

use super::migrations::Next;
use super::*;
use crate::api::RequestOutcome;
use crate::controller::fixture::{complete, deployment, pod, running, troubled};
use crate::controller::kind::ChildKind;
use crate::controller::pod::{PodView, TroubleKind};
use crate::controller::view::{Child, Detail, RevisionView, WorkloadView};
use crate::resources::labels;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn record(name: &str, number: i64, rejection: Option<Rejection>) -> Child {
    let view = RevisionView { number, rejection: rejection.map(Box::new), ..RevisionView::default() };
    Child {
        kind: ChildKind::ControllerRevision,
        name: name.into(),
        uid: format!("uid-of-{name}").into(),
        detail: Detail::Revision(view),
        ..deployment(complete(1, name))
    }
}

/// A release of three nodes whose second revision is asked for, and whose pods move to it.
fn moving(spec: &str) -> Observed {
    let view = WorkloadView { updated: 1, available: 2, ready: 2, ..complete(3, "shop-2") };
    let mut observed = running(&format!("{{replicas: 3{spec}}}"), view);
    observed.children.extend([record("shop-1", 1, None), record("shop-2", 2, None)]);
    let mut release = (*observed.release).clone();
    release.status.get_or_insert_default().current_revision = Some("shop-1".to_owned());
    observed.release = release.into();
    observed.pods = ["old-a", "old-b"].map(pod).to_vec();
    observed
}

fn asked() -> Choice {
    Choice { name: "shop-2".to_owned(), number: 2, is_rendered: true }
}

fn new_pod(kind: TroubleKind, restarts: i32) -> PodView {
    PodView { revision: Some("shop-2".into()), restarts, ..troubled("new", kind, "container release: it ended") }
}

fn rejection(cause: Cause) -> Rejection {
    Rejection { number: 2, cause, message: "it ended".to_owned(), instead: "shop-1".to_owned(), request: None }
}

fn annotate(observed: &mut Observed, name: &str, value: &str) {
    let mut release = (*observed.release).clone();
    release.annotations_mut().insert(name.to_owned(), value.to_owned());
    observed.release = release.into();
}

fn runs(observed: &Observed) -> (String, Option<Cause>) {
    let course = course(observed, &asked(), &[], NOW);
    (course.revision.unwrap(), course.rejection.map(|rejection| rejection.cause))
}

#[test]
fn a_rollout_that_goes_on_is_let_go_on() {
    let course = course(&moving(""), &asked(), &[], NOW);
    let revision = Some("shop-2".to_owned());
    assert_eq!(
        course,
        Course {
            revision,
            rejection: None,
            is_new: false,
            migration: Next::Nothing,
            fleet: None,
            report: Report::default()
        }
    );
}

#[rstest]
#[case::first_crash(TroubleKind::CrashLoop, 1, None)]
#[case::crash_loop(TroubleKind::CrashLoop, 3, Some(Cause::CrashLoop))]
#[case::memory(TroubleKind::OutOfMemory, 4, Some(Cause::OutOfMemory))]
#[case::image_that_may_come(TroubleKind::ImagePull, 0, None)]
#[case::no_room(TroubleKind::Unschedulable, 0, None)]
fn it_fails_at_once_when_its_nodes_end_again_and_again(
    #[case] kind: TroubleKind,
    #[case] restarts: i32,
    #[case] expected: Option<Cause>,
) {
    let mut observed = moving("");
    observed.pods.push(new_pod(kind, restarts));
    let revision = if expected.is_some() { "shop-1" } else { "shop-2" };
    assert_eq!(runs(&observed), (revision.to_owned(), expected));
}

#[test]
fn what_ails_the_earlier_revision_too_is_not_its_fault() {
    let mut observed = moving("");
    observed.pods = vec![troubled("old-a", TroubleKind::CrashLoop, "no database"), new_pod(TroubleKind::CrashLoop, 9)];
    assert_eq!(runs(&observed), ("shop-2".to_owned(), None));
}

#[test]
fn at_the_deadline_it_fails_with_the_evidence() {
    let mut observed = moving("");
    observed.pods.push(new_pod(TroubleKind::ImagePull, 0));
    let Detail::Workload(view) = &mut observed.children[0].detail else { panic!("a Deployment") };
    view.deadline_exceeded = true;
    let rejection = course(&observed, &asked(), &[], NOW).rejection.unwrap();
    assert_eq!(rejection.cause, Cause::ProgressDeadlineExceeded);
    assert_eq!(rejection.message, "no progress for 600 seconds: pod new: container release: it ended");
    assert_eq!((rejection.number, &*rejection.instead), (2, "shop-1"));
}

#[rstest]
#[case::it_is_to_be_held(", rollout: {onFailure: Hold}", Some("shop-1"))]
#[case::nothing_ran_before("", None)]
#[case::it_ran_completely_before("", Some("shop-2"))]
#[case::what_ran_before_is_not_recorded("", Some("shop-0"))]
fn there_is_no_way_back(#[case] spec: &str, #[case] current: Option<&str>) {
    let mut observed = moving(spec);
    let mut release = (*observed.release).clone();
    release.status.get_or_insert_default().current_revision = current.map(ToOwned::to_owned);
    observed.release = release.into();
    observed.pods.push(new_pod(TroubleKind::CrashLoop, 9));
    assert_eq!(runs(&observed), ("shop-2".to_owned(), None));
}

#[test]
fn one_that_was_rejected_is_not_tried_again_until_it_is_asked_for_anew() {
    let mut observed = moving("");
    observed.children[2] = record("shop-2", 2, Some(rejection(Cause::CrashLoop)));
    assert_eq!(runs(&observed), ("shop-1".to_owned(), Some(Cause::CrashLoop)));
    assert!(!course(&observed, &asked(), &[], NOW).is_new);
    // The spec said something else in the meantime.
    let anew = course(&observed, &Choice { number: 4, ..asked() }, &[], NOW);
    assert_eq!((anew.revision.as_deref().unwrap(), anew.rejection), ("shop-2", None));
}

#[test]
fn without_the_record_of_the_other_there_is_nothing_to_go_back_to() {
    let mut observed = moving("");
    observed.children[2] = record("shop-2", 2, Some(rejection(Cause::CrashLoop)));
    observed.children.remove(1);
    assert_eq!(runs(&observed), ("shop-2".to_owned(), None));
}

#[rstest]
#[case::by_name(labels::UNDO, "shop-1", "shop-1", Cause::Undone)]
#[case::by_number(labels::UNDO, "1", "shop-1", Cause::Undone)]
#[case::previous(labels::UNDO, "previous", "shop-1", Cause::Undone)]
#[case::previous_again(labels::UNDO, "previous@2", "shop-1", Cause::Undone)]
#[case::by_name_again(labels::UNDO, "shop-1@2026-11-25T08:00:00Z", "shop-1", Cause::Undone)]
#[case::by_number_again(labels::UNDO, "1@", "shop-1", Cause::Undone)]
#[case::aborted(labels::ABORT, "now", "shop-1", Cause::Aborted)]
fn a_person_goes_back(#[case] annotation: &str, #[case] value: &str, #[case] revision: &str, #[case] cause: Cause) {
    let mut observed = moving(", rollout: {onFailure: Hold}");
    annotate(&mut observed, annotation, value);
    let first = course(&observed, &asked(), &[], NOW);
    assert_eq!((first.revision.as_deref().unwrap(), first.is_new), (revision, true));
    let [answer] = &first.report.answers[..] else { panic!("one answer") };
    assert_eq!((answer.outcome, &*answer.message), (RequestOutcome::Done, "shop-1 runs instead of shop-2"));
    let noted = first.rejection.unwrap();
    assert_eq!((noted.cause, noted.request.clone()), (cause, Some(format!("{annotation}={value}"))));
    // The operator was killed before it could answer.
    observed.children[2] = record("shop-2", 2, Some(noted.clone()));
    let second = course(&observed, &asked(), &[], NOW);
    assert_eq!((second.is_new, second.rejection, second.report.answers), (false, Some(noted), first.report.answers));
}

#[rstest]
#[case::unknown(
    labels::UNDO,
    "shop-9",
    "is no revision of this release: give the name or number of one of shop-2 (2), shop-1 (1)"
)]
#[case::unknown_again(labels::UNDO, "shop-9@2", "\"shop-9\" is no revision of this release")]
#[case::itself(labels::UNDO, "2", "shop-2 is what the spec asks for")]
#[case::not_rejected(labels::RETRY, "1", "neither shop-2 nor a migration of it has failed")]
#[case::not_true(labels::PAUSE, "yes", "nothing is held: the only value that holds rollouts is \"true\"")]
fn what_makes_no_sense_is_refused(#[case] annotation: &str, #[case] value: &str, #[case] words: &str) {
    let mut observed = moving("");
    annotate(&mut observed, annotation, value);
    let course = course(&observed, &asked(), &[], NOW);
    let [answer] = &course.report.answers[..] else { panic!("one answer") };
    assert_eq!(answer.outcome, RequestOutcome::Refused);
    assert!(answer.message.contains(words), "{}", answer.message);
    assert_eq!((course.revision.as_deref().unwrap(), course.is_new), ("shop-2", false));
}

#[rstest]
#[case::paused(labels::PAUSE, "true", "rollouts are held where they are for as long as the annotation is there")]
#[case::restarted(labels::RESTARTED_AT, "now", "all nodes are restarted as shop-2")]
fn what_is_done_by_being_seen_is_answered(#[case] annotation: &str, #[case] value: &str, #[case] message: &str) {
    let mut observed = moving("");
    annotate(&mut observed, annotation, value);
    let course = course(&observed, &asked(), &[], NOW);
    let [answer] = &course.report.answers[..] else { panic!("one answer") };
    assert_eq!((answer.verb.annotation(), &*answer.value), (annotation, value));
    assert_eq!((answer.outcome, &*answer.message), (RequestOutcome::Done, message));
}

#[test]
fn the_previous_one_is_none_that_failed() {
    let mut observed = moving("");
    observed.children.push(record("shop-3", 3, None));
    observed.children[2] = record("shop-2", 2, Some(rejection(Cause::CrashLoop)));
    annotate(&mut observed, labels::UNDO, "previous");
    let asked = Choice { name: "shop-3".to_owned(), number: 3, is_rendered: true };
    assert_eq!(course(&observed, &asked, &[], NOW).revision.as_deref(), Some("shop-1"));
}

#[test]
fn nothing_is_aborted_that_is_over() {
    let mut observed = moving("");
    annotate(&mut observed, labels::ABORT, "1");
    let mut release = (*observed.release).clone();
    release.status.get_or_insert_default().current_revision = Some("shop-2".to_owned());
    observed.release = release.into();
    let course = course(&observed, &asked(), &[], NOW);
    assert_eq!(course.report.answers[0].message, "no rollout is under way: shop-2 runs completely");
}

#[test]
fn a_request_is_taken_up_once_for_each_value() {
    let mut observed = moving("");
    annotate(&mut observed, labels::RETRY, "1");
    observed.children[2] = record("shop-2", 2, Some(rejection(Cause::CrashLoop)));
    let tried = course(&observed, &asked(), &[], NOW);
    assert_eq!((tried.revision.as_deref().unwrap(), tried.rejection, tried.is_new), ("shop-2", None, true));
    assert_eq!(tried.report.answers[0].message, "shop-2 is tried again");

    let mut release = (*observed.release).clone();
    release.status.get_or_insert_default().requests.push(crate::api::RequestStatus {
        annotation: labels::RETRY.to_owned(),
        value: "1".to_owned(),
        outcome: RequestOutcome::Done,
        message: String::new(),
    });
    observed.release = release.into();
    let again = course(&observed, &asked(), &[], NOW);
    assert_eq!((again.revision.as_deref().unwrap(), again.report.answers), ("shop-1", Vec::new()));
}

#[test]
fn a_note_survives_its_notation() {
    let noted = Rejection { request: Some("a=b".to_owned()), ..rejection(Cause::OutOfMemory) };
    assert_eq!(Rejection::of_text(&noted.to_text()), Some(noted));
    assert_eq!(Rejection::of_text("{}"), None);
}
