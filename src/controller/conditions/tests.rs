//! Every reason with its words, as the person reads them who was woken up by it.

use rstest::rstest;

use super::*;
use crate::controller::apply::{self, Outcome};
use crate::controller::fixture::{
    complete, failure, name_taken, observed, pod, running, running_stateful, troubled, valid,
};
use crate::controller::observe::NotRead;
use crate::controller::status::Verdict;
use crate::resources::fixture;
use crate::resources::reference::{Content, Reference};
use crate::resources::stateful_set::Fixed;

const THREE: &str = "replicas: 3";
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn words(told: Told) -> (&'static str, String, String) {
    (told.status, told.reason.to_string(), told.message)
}

fn is(status: &'static str, reason: &str, message: &str) -> (&'static str, String, String) {
    (status, reason.to_owned(), message.to_owned())
}

fn progress(is_complete: bool, is_late: bool) -> Progress {
    Progress { is_complete, is_late, rejected: None, message: "2 of 3 nodes run shop-2 and are available".to_owned() }
}

fn problem() -> [Problem; 2] {
    [Problem::new("spec.image", "must not be empty"), Problem::new("spec.replicas", "must not be negative")]
}

#[test]
fn ready_without_a_deployment() {
    let told = ready(&observed(fixture::release(THREE)), &WorkloadView::default());
    assert_eq!(words(told), is("False", "NotCreated", "no Deployment was made yet"));
}

#[rstest]
#[case::all(3, is("True", "AllNodesReady", "3 of 3 nodes are ready"))]
#[case::some(2, is("False", "NodesNotReady", "2 of 3 nodes are ready"))]
#[case::none(0, is("False", "NodesNotReady", "0 of 3 nodes are ready"))]
#[case::more_while_scaling_down(5, is("True", "AllNodesReady", "5 of 3 nodes are ready"))]
fn ready_counts_nodes(#[case] pods: i32, #[case] expected: (&'static str, String, String)) {
    let view = complete(pods, "shop-1");
    assert_eq!(words(ready(&running(THREE, view.clone()), &view)), expected);
}

#[test]
fn nodes_that_are_ready_stay_so_while_kubernetes_has_not_looked_at_a_change_yet() {
    let view = WorkloadView { observed: false, ..complete(3, "shop-1") };
    assert_eq!(ready(&running(THREE, view.clone()), &view).status, "True");
}

#[rstest]
#[case::complete(progress(true, false), is("False", "RolloutComplete", ""))]
#[case::under_way(progress(false, false), is("True", "RolloutInProgress", "2 of 3 nodes run shop-2 and are available"))]
#[case::late(
    progress(false, true),
    is("False", "ProgressDeadlineExceeded", "2 of 3 nodes run shop-2 and are available")
)]
fn progressing_follows_the_rollout(#[case] progress: Progress, #[case] expected: (&'static str, String, String)) {
    let outcome = Outcome::default();
    let told = progressing(&observed(fixture::release(THREE)), &valid("shop-2", Ok(&outcome)), &progress);
    assert_eq!(words(told), expected);
}

#[rstest]
#[case::valid(&[])]
#[case::invalid(&problem())]
fn a_paused_release_does_not_progress(#[case] problems: &[Problem]) {
    let outcome = Outcome::default();
    let verdict = if problems.is_empty() { valid("shop-2", Ok(&outcome)) } else { Verdict::Invalid(problems) };
    let told = progressing(&observed(fixture::release("paused: true")), &verdict, &progress(false, false));
    assert_eq!(words(told), is("False", "Paused", "spec.paused is true: nothing but the status is written"));
}

#[test]
fn an_invalid_release_does_not_progress() {
    let told = progressing(&observed(fixture::release(THREE)), &Verdict::Invalid(&problem()), &progress(false, false));
    let message = "the release is not valid: what runs is left alone until it is corrected";
    assert_eq!(words(told), is("False", "ConfigurationInvalid", message));
}

#[test]
fn nothing_is_wrong() {
    let outcome = Outcome::default();
    let told = degraded(&running(THREE, complete(3, "shop-1")), &valid("shop-1", Ok(&outcome)), NOW);
    assert_eq!(words(told), is("False", "AsExpected", ""));
}

#[rstest]
#[case::unreadable(
    failure(),
    "ControllerRevision shop-1 holds no pod template: delete it, and the operator records the present one. It is tried \
     again with growing pauses; what runs is left alone"
)]
#[case::no_randomness(
    apply::Error::Randomness("no entropy".to_owned()),
    "no cookie can be made: no entropy. It is tried again with growing pauses; what runs is left alone"
)]
fn a_write_that_failed(#[case] error: apply::Error, #[case] message: &str) {
    let told = degraded(&running(THREE, complete(3, "shop-1")), &valid("shop-1", Err(&error)), NOW);
    assert_eq!(words(told), is("True", "WriteFailed", message));
}

/// A release that reads Secret `env`, which could not be read this time, and has read before or not.
fn unread(is_forbidden: bool, is_known: bool) -> Observed {
    let reference = Reference { kind: ReferenceKind::Secret, name: "env".to_owned() };
    let why = if is_forbidden { "secrets \"env\" is forbidden (Forbidden, 403)" } else { "no answer in time" };
    let contents = is_known.then(|| (reference.clone(), Content::default())).into_iter().collect();
    let unread = vec![NotRead { reference, why: why.to_owned(), is_forbidden }];
    Observed { contents, unread, ..running(THREE, complete(3, "shop-1")) }
}

#[rstest]
#[case::forbidden(
    unread(true, true),
    "Secret env could not be read: secrets \"env\" is forbidden (Forbidden, 403) (allow the operator's ServiceAccount to get \
     Secrets here). It is tried again with growing pauses; until then what was read before counts"
)]
#[case::late_and_never_read(
    unread(false, false),
    "Secret env could not be read: no answer in time. It is tried again with growing pauses; until then what runs is left alone"
)]
fn an_object_that_could_not_be_read(#[case] shop: Observed, #[case] message: &str) {
    let told = degraded(&shop, &valid("shop-1", Ok(&Outcome::default())), NOW);
    assert_eq!(words(told), is("True", "ReferenceUnreadable", message));
    assert_eq!(degraded(&shop, &Verdict::Unread, NOW).reason, Reason::ReferenceUnreadable);
    assert_eq!(degraded(&shop, &valid("shop-1", Err(&failure())), NOW).reason, Reason::WriteFailed);
}

#[test]
fn without_it_nothing_is_done_and_nothing_judged() {
    let shop = unread(true, false);
    let message = "what the pods read is not known: what runs is left alone until it can be read";
    let told = progressing(&shop, &Verdict::Unread, &progress(false, false));
    assert_eq!(words(told), is("False", "ReferenceUnreadable", message));
    let message = "cannot be judged before what the pods read can be read: see the condition Degraded";
    assert_eq!(words(configuration_valid(&Verdict::Unread)), is("Unknown", "ReferenceUnreadable", message));
}

#[test]
fn a_name_that_somebody_else_has() {
    let told = degraded(&running(THREE, complete(3, "shop-1")), &valid("shop-1", Ok(&name_taken())), NOW);
    let message = "not made by this operator and left alone: Deployment shop. Delete or rename it, or rename the \
                   release; it is looked at again every few minutes";
    assert_eq!(words(told), is("True", "NameTaken", message));
}

#[test]
fn pods_that_cannot_be_made() {
    let view = WorkloadView { failure: Some("exceeded quota: pods=3".into()), ..complete(2, "shop-1") };
    let told = degraded(&running(THREE, view), &valid("shop-1", Ok(&Outcome::default())), NOW);
    assert_eq!(words(told), is("True", "PodCreationFailed", "pods cannot be created: exceeded quota: pods=3"));
}

#[rstest]
#[case::image(
    TroubleKind::ImagePull,
    "container release: image shop:9: not found",
    "ImagePullFailed",
    "1 of 2 pods cannot run. shop-1-b: container release: image shop:9: not found. To mend it, correct spec.image or \
     spec.imagePullSecrets"
)]
#[case::config(
    TroubleKind::ContainerConfig,
    "container release: secret \"env\" not found",
    "ContainerConfigError",
    "1 of 2 pods cannot run. shop-1-b: container release: secret \"env\" not found. To mend it, correct what it names"
)]
#[case::memory(
    TroubleKind::OutOfMemory,
    "container release: was killed",
    "OutOfMemory",
    "1 of 2 pods cannot run. shop-1-b: container release: was killed. To mend it, raise spec.resources.limits.memory"
)]
#[case::crash(
    TroubleKind::CrashLoop,
    "container release: ended with exit code 1",
    "CrashLoop",
    "1 of 2 pods cannot run. shop-1-b: container release: ended with exit code 1. To mend it, read the log of its last \
     run with kubectl logs --previous"
)]
#[case::room(
    TroubleKind::Unschedulable,
    "0/3 nodes are available",
    "Unschedulable",
    "1 of 2 pods cannot run. shop-1-b: 0/3 nodes are available. To mend it, free or add room, or lower \
     spec.resources.requests and placement rules"
)]
fn a_pod_in_trouble(#[case] kind: TroubleKind, #[case] trouble: &str, #[case] reason: &str, #[case] message: &str) {
    let mut shop = running(THREE, complete(2, "shop-1"));
    shop.pods = vec![pod("shop-1-a"), troubled("shop-1-b", kind, trouble)];
    let told = degraded(&shop, &valid("shop-1", Ok(&Outcome::default())), NOW);
    assert_eq!(words(told), is("True", reason, message));
}

#[test]
fn a_trouble_that_is_over_and_a_pod_that_has_ended_are_told_no_more() {
    let mut over = troubled("a", TroubleKind::CrashLoop, "crashed");
    over.trouble.as_mut().unwrap().until = Some(NOW);
    let mut ended = pod("b");
    ended.has_ended = true;
    let mut shop = running(THREE, complete(2, "shop-1"));
    shop.pods = vec![over.clone(), ended.clone()];
    assert_eq!(degraded(&shop, &valid("shop-1", Ok(&Outcome::default())), NOW).reason, Reason::AsExpected);

    over.trouble.as_mut().unwrap().until = Some("2026-11-23T04:42:32Z".parse().unwrap());
    assert_eq!(shop.relief(NOW), None);
    shop.pods = vec![over, ended];
    let told = degraded(&shop, &valid("shop-1", Ok(&Outcome::default())), NOW);
    assert!(told.message.starts_with("1 of 1 pods cannot run. a: crashed."), "{}", told.message);
    assert_eq!(shop.relief(NOW), Some("2026-11-23T04:42:32Z".parse().unwrap()));
}

#[test]
fn the_worst_trouble_is_told_and_of_equals_the_first_by_name() {
    let mut shop = running(THREE, complete(2, "shop-1"));
    shop.pods = vec![
        troubled("a", TroubleKind::CrashLoop, "crashed"),
        troubled("c", TroubleKind::ImagePull, "no image"),
        troubled("b", TroubleKind::ImagePull, "no image"),
    ];
    let told = degraded(&shop, &valid("shop-1", Ok(&Outcome::default())), NOW);
    let message = "3 of 3 pods cannot run. b: no image. To mend it, correct spec.image or spec.imagePullSecrets";
    assert_eq!(words(told), is("True", "ImagePullFailed", message));
}

#[test]
fn a_rollout_without_progress_whose_pods_show_no_trouble() {
    let view = WorkloadView { deadline_exceeded: true, ..complete(2, "shop-1") };
    let shop = running("{replicas: 3, rollout: {progressDeadlineSeconds: 120}}", view);
    let told = degraded(&shop, &valid("shop-1", Ok(&Outcome::default())), NOW);
    let message = "no progress for 120 seconds (spec.rollout.progressDeadlineSeconds): pods run but do not become \
                   available; look at their readiness probe and log";
    assert_eq!(words(told), is("True", "ProgressDeadlineExceeded", message));
}

#[test]
fn what_the_operator_cannot_do_comes_before_what_kubernetes_cannot() {
    let view = WorkloadView { failure: Some("quota".into()), deadline_exceeded: true, ..complete(2, "shop-1") };
    let mut shop = running(THREE, view);
    shop.pods = vec![troubled("a", TroubleKind::ImagePull, "no image")];

    let reason = |shop: &Observed, verdict: &Verdict| degraded(shop, verdict, NOW).reason;
    let (failure, taken, fine) = (failure(), name_taken(), Outcome::default());
    assert_eq!(reason(&shop, &valid("shop-1", Err(&failure))), Reason::WriteFailed);
    assert_eq!(reason(&shop, &valid("shop-1", Ok(&taken))), Reason::NameTaken);
    assert_eq!(reason(&shop, &valid("shop-1", Ok(&fine))), Reason::PodCreationFailed);
    assert_eq!(reason(&shop, &Verdict::Invalid(&problem())), Reason::PodCreationFailed);
    shop.children.clear();
    assert_eq!(reason(&shop, &valid("shop-1", Ok(&fine))), Reason::ImagePullFailed);
}

#[test]
fn configuration_that_is_valid() {
    let told = configuration_valid(&valid("shop-1", Ok(&Outcome::default())));
    assert_eq!(words(told), is("True", "Valid", ""));
}

#[test]
fn configuration_that_is_odd() {
    let verdict = Verdict::Valid { warnings: &problem(), revision: Some("shop-1"), applied: Ok(&Outcome::default()) };
    let message = "spec.image: must not be empty; spec.replicas: must not be negative";
    assert_eq!(words(configuration_valid(&verdict)), is("True", "ValidWithWarnings", message));
}

#[test]
fn configuration_that_is_wrong_is_told_whole() {
    let message = "spec.image: must not be empty; spec.replicas: must not be negative";
    assert_eq!(words(configuration_valid(&Verdict::Invalid(&problem()))), is("False", "Invalid", message));
}

#[test]
fn ready_without_a_stateful_set() {
    let told = ready(&observed(fixture::release("workload: {kind: StatefulSet}")), &WorkloadView::default());
    assert_eq!(words(told), is("False", "NotCreated", "no StatefulSet was made yet"));
}

#[rstest]
#[case::in_order(
    "OrderedReady",
    "shop-0",
    "run kubectl delete pod shop-2: it is of an earlier revision, and podManagementPolicy OrderedReady waits for it"
)]
#[case::at_once("Parallel", "shop-0", "correct spec.image or spec.imagePullSecrets")]
#[case::in_order_and_of_the_revision("OrderedReady", "shop-1", "correct spec.image or spec.imagePullSecrets")]
fn a_broken_pod_that_a_stateful_set_waits_for(#[case] policy: &str, #[case] revision: &str, #[case] remedy: &str) {
    let fixed = Fixed { pod_management_policy: policy.into(), ..Fixed::default() };
    let mut shop = running_stateful(THREE, WorkloadView { fixed: Some(fixed), ..complete(3, "shop-1") });
    let broken = troubled("shop-2", TroubleKind::ImagePull, "no image");
    shop.pods = vec![PodView { revision: Some(revision.into()), ..broken }];
    let told = degraded(&shop, &valid("shop-1", Ok(&Outcome::default())), NOW);
    assert_eq!(told.message, format!("1 of 1 pods cannot run. shop-2: no image. To mend it, {remedy}"));
}

#[test]
fn a_stateful_set_that_makes_no_pods_tells_why_in_its_events() {
    let view = WorkloadView { deadline_exceeded: true, ..complete(2, "shop-1") };
    let shop = running_stateful(THREE, view);
    let told = degraded(&shop, &valid("shop-1", Ok(&Outcome::default())), NOW);
    let message = "no progress for 600 seconds (spec.rollout.progressDeadlineSeconds): pods are not made; kubectl \
                   describe statefulset shop says why";
    assert_eq!(words(told), is("True", "ProgressDeadlineExceeded", message));
}
