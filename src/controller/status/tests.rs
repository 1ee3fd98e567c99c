//! The status as a table, and that it comes to rest.

mod stateful;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::api::{ElixirRelease, RolloutPhase};
use crate::controller::fixture::{
    complete, deployment, failure, name_taken, observed, ordinal, pod, running, stateful_set, troubled, valid,
};
use crate::controller::pod::TroubleKind;
use crate::resources::fixture;

const THREE: &str = "replicas: 3";

/// A moment with a fraction of a second, so many seconds after another.
fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 500_000_000).unwrap()
}

/// The status of a release whose Deployment is this far and which asks for `shop-2`.
fn told(spec: &str, view: WorkloadView) -> ElixirReleaseStatus {
    status(&running(spec, view), &valid("shop-2", Ok(&Outcome::default())), at(0))
}

/// The same release once its status is stored, at a generation.
fn stored(observed: &Observed, status: &ElixirReleaseStatus, generation: i64) -> Observed {
    let mut release: ElixirRelease = (*observed.release).clone();
    release.status = Some(status.clone());
    release.metadata.generation = Some(generation);
    Observed { release: release.into(), ..observed.clone() }
}

fn find<'a>(status: &'a ElixirReleaseStatus, type_: &str) -> &'a Condition {
    status.condition(type_).unwrap()
}

#[test]
fn a_release_of_which_nothing_was_made() {
    let shop = observed(fixture::release(THREE));
    let status = status(&shop, &Verdict::Invalid(&[]), at(0));
    assert_eq!((status.replicas, status.ready_replicas, status.updated_replicas), (0, 0, 0));
    assert_eq!(status.ready.as_deref(), Some("0/3"));
    assert_eq!((status.current_revision, status.target_revision, status.rollout), (None, None, None));
}

#[test]
fn a_release_that_runs() {
    insta::assert_yaml_snapshot!(told(THREE, complete(3, "shop-2")));
}

#[rstest]
#[case::wanted_and_ready(WorkloadView { ready: 2, ..complete(3, "shop-2") }, (3, 2, 3), "2/3")]
#[case::of_the_target(WorkloadView { replicas: 4, updated: 1, ..complete(3, "shop-2") }, (4, 3, 1), "3/3")]
#[case::of_another_revision(complete(3, "shop-1"), (3, 3, 0), "3/3")]
fn counts(#[case] view: WorkloadView, #[case] expected: (i32, i32, i32), #[case] ready: &str) {
    let status = told(THREE, view);
    assert_eq!((status.replicas, status.ready_replicas, status.updated_replicas), expected);
    assert_eq!(status.ready.as_deref(), Some(ready));
}

#[rstest]
#[case::by_default("", Some("shop"))]
#[case::named("cluster: {name: market}", Some("market"))]
#[case::lone("cluster: {name: market, distribution: Disabled}", None)]
fn the_cluster_is_named(#[case] spec: &str, #[case] expected: Option<&str>) {
    let status = told(spec, complete(1, "shop-2"));
    assert_eq!(status.cluster.map(|cluster| cluster.name).as_deref(), expected);
}

#[test]
fn of_a_release_that_cannot_be_read_only_that_is_new() {
    let before = told(THREE, complete(3, "shop-2"));
    let metadata = kube::api::ObjectMeta { generation: Some(7), ..kube::api::ObjectMeta::default() };
    let problem = "spec.image: is 7".to_owned();
    let release = Unreadable { metadata, status: Some(before.clone()), problem };
    let after = unreadable(&release, at(9));
    let told = find(&after, "ConfigurationValid");
    assert_eq!(
        (told.status.as_str(), told.reason.as_str(), told.observed_generation),
        ("False", "Unreadable", Some(7))
    );
    assert!(told.message.ends_with("until it is corrected: spec.image: is 7"), "{}", told.message);
    let others = |status: &ElixirReleaseStatus| {
        status.conditions.iter().filter(|it| it.type_ != "ConfigurationValid").cloned().collect::<Vec<_>>()
    };
    assert_eq!((others(&after), after.ready.clone()), (others(&before), before.ready));
    assert_eq!(unreadable(&Unreadable { status: Some(after.clone()), ..release }, at(99)), after, "it comes to rest");
}

#[test]
fn the_selector_selects_the_pods() {
    assert_eq!(told(THREE, complete(3, "shop-2")).selector.as_deref(), Some("beam-operator.io/release=shop"));
}

#[rstest]
#[case::complete(complete(3, "shop-2"), RolloutPhase::Complete, "")]
#[case::no_node_wanted_yet_one_left(
    WorkloadView { replicas: 4, ..complete(3, "shop-2") },
    RolloutPhase::Progressing,
    "3 of 3 nodes run shop-2 and are available; 1 of an earlier one still run"
)]
#[case::started(
    WorkloadView { updated: 1, available: 3, ..complete(3, "shop-2") },
    RolloutPhase::Progressing,
    "1 of 3 nodes run shop-2 and are available; 2 of an earlier one still run"
)]
#[case::not_available(
    WorkloadView { available: 2, ..complete(3, "shop-2") },
    RolloutPhase::Progressing,
    "2 of 3 nodes run shop-2 and are available"
)]
#[case::another_revision(
    complete(3, "shop-1"),
    RolloutPhase::Progressing,
    "0 of 3 nodes run shop-2 and are available; 3 of an earlier one still run"
)]
#[case::not_observed(
    WorkloadView { observed: false, ..complete(3, "shop-2") },
    RolloutPhase::Progressing,
    "0 of 3 nodes run shop-2 and are available; 3 of an earlier one still run"
)]
#[case::not_scaled(complete(2, "shop-2"), RolloutPhase::Progressing, "2 of 3 nodes run shop-2 and are available")]
#[case::late(
    WorkloadView { available: 2, deadline_exceeded: true, ..complete(3, "shop-2") },
    RolloutPhase::Failed,
    "2 of 3 nodes run shop-2 and are available"
)]
#[case::complete_after_all(
    WorkloadView { deadline_exceeded: true, ..complete(3, "shop-2") },
    RolloutPhase::Complete,
    ""
)]
fn phases(#[case] view: WorkloadView, #[case] phase: RolloutPhase, #[case] message: &str) {
    let rollout = told(THREE, view).rollout.unwrap();
    assert_eq!((rollout.phase, rollout.message.as_str()), (phase, message));
}

#[rstest]
#[case::under_way(2, RolloutPhase::Paused)]
#[case::complete(3, RolloutPhase::Complete)]
fn a_paused_rollout(#[case] pods: i32, #[case] phase: RolloutPhase) {
    let status = told("{replicas: 3, paused: true}", complete(pods, "shop-2"));
    assert_eq!(status.rollout.unwrap().phase, phase);
}

#[test]
fn the_current_revision_is_the_last_that_ran_completely() {
    let shop = running(THREE, complete(3, "shop-1"));
    let fine = Outcome::default();
    let first = status(&shop, &valid("shop-1", Ok(&fine)), at(0));
    assert_eq!((first.current_revision.as_deref(), first.target_revision.as_deref()), (Some("shop-1"), Some("shop-1")));

    let second = status(&stored(&shop, &first, 2), &valid("shop-2", Ok(&fine)), at(1));
    assert_eq!(
        (second.current_revision.as_deref(), second.target_revision.as_deref()),
        (Some("shop-1"), Some("shop-2"))
    );

    let done = stored(&running(THREE, complete(3, "shop-2")), &second, 2);
    assert_eq!(status(&done, &valid("shop-2", Ok(&fine)), at(2)).current_revision.as_deref(), Some("shop-2"));
}

#[test]
fn a_release_that_is_not_valid_keeps_its_revisions() {
    let shop = running(THREE, complete(3, "shop-2"));
    let before = told(THREE, complete(3, "shop-2"));
    let after = status(&stored(&shop, &before, 2), &Verdict::Invalid(&[]), at(1));
    assert_eq!((&after.current_revision, &after.target_revision), (&before.current_revision, &before.target_revision));
}

/// What came of generation 2, after generation 1 was applied.
#[derive(Debug)]
enum Came {
    Applied,
    Invalid,
    Paused,
    Failed,
    NameTaken,
}

#[rstest]
#[case(Came::Applied, 2)]
#[case(Came::Invalid, 1)]
#[case(Came::Paused, 1)]
#[case(Came::Failed, 1)]
#[case(Came::NameTaken, 1)]
fn what_runs_is_of_the_generation_that_was_applied(#[case] came: Came, #[case] generation: i64) {
    let paused = matches!(came, Came::Paused);
    let spec = |paused: bool| format!("{{replicas: 3, paused: {paused}, migrations: [{{name: ecto, eval: a}}]}}");
    let shop = running(&spec(paused), complete(3, "shop-1"));
    let (mut fine, mut taken, failure) = (Outcome::default(), name_taken(), failure());
    for outcome in [&mut fine, &mut taken] {
        outcome.rollout.migrated = Some(conditions::told("True", conditions::Reason::Migrated, String::new()));
    }
    let first = stored(&running(&spec(false), complete(3, "shop-1")), &ElixirReleaseStatus::default(), 1);
    let before = status(&first, &valid("shop-1", Ok(&fine)), at(0));

    let verdict = match came {
        Came::Invalid => Verdict::Invalid(&[]),
        Came::Failed => valid("shop-1", Err(&failure)),
        Came::NameTaken => valid("shop-1", Ok(&taken)),
        Came::Applied | Came::Paused => valid("shop-1", Ok(&fine)),
    };
    let after = status(&stored(&shop, &before, 2), &verdict, at(1));
    for type_ in ["Ready", "Progressing", "Degraded", "Migrated"] {
        assert_eq!(find(&after, type_).observed_generation, Some(generation), "{type_}");
    }
    assert_eq!(find(&after, "ConfigurationValid").observed_generation, Some(2));
    assert_eq!(after.observed_generation, Some(2));
}

#[test]
fn a_first_generation_that_is_not_valid_was_never_applied() {
    let first = stored(&observed(fixture::release(THREE)), &ElixirReleaseStatus::default(), 1);
    let status = status(&first, &Verdict::Invalid(&[]), at(0));
    assert_eq!(find(&status, "Ready").observed_generation, None);
    assert_eq!(find(&status, "ConfigurationValid").observed_generation, Some(1));
}

#[test]
fn a_transition_is_a_change_of_status_and_not_of_words() {
    let times =
        |status: &ElixirReleaseStatus| find(status, "Ready").last_transition_time.0.as_second() - at(0).as_second();
    let (two, three) = (running(THREE, complete(2, "shop-2")), running(THREE, complete(3, "shop-2")));
    let fine = Outcome::default();
    let verdict = valid("shop-2", Ok(&fine));

    let none = status(&running(THREE, complete(0, "shop-2")), &verdict, at(0));
    let some = status(&stored(&two, &none, 1), &verdict, at(5));
    assert_eq!((find(&some, "Ready").message.as_str(), times(&some)), ("2 of 3 nodes are ready", 0));
    let all = status(&stored(&three, &some, 1), &verdict, at(9));
    assert_eq!((find(&all, "Ready").status.as_str(), times(&all)), ("True", 9));
}

#[test]
fn times_have_whole_seconds() {
    let time = find(&told(THREE, complete(3, "shop-2")), "Ready").last_transition_time.0;
    assert_eq!(time.subsec_nanosecond(), 0);
}

fn view() -> impl Strategy<Value = WorkloadView> {
    let revision = prop::option::of(prop::sample::select(&["shop-1", "shop-2"][..]));
    (revision, any::<[bool; 3]>(), prop::array::uniform5(0..5_i32)).prop_map(|(revision, flags, counts)| {
        let [observed, fails, deadline_exceeded] = flags;
        let [wanted, replicas, updated, ready, available] = counts;
        WorkloadView {
            is_apart: false,
            revision: revision.map(Into::into),
            observed,
            wanted,
            replicas,
            updated: updated.min(replicas),
            ready: ready.min(replicas),
            available: available.min(ready).min(replicas),
            failure: fails.then(|| "exceeded quota".into()),
            deadline_exceeded,
            fixed: None,
        }
    })
}

fn anything() -> impl Strategy<Value = Observed> {
    let pods = prop::collection::vec(prop::option::of(prop::sample::select(&["image", "crash"][..])), 0..3);
    (prop::option::of(view()), pods, any::<bool>(), 0..4_i32).prop_map(|(view, pods, paused, replicas)| {
        let shop = observed(fixture::release(&format!("{{replicas: {replicas}, paused: {paused}}}")));
        let pods = pods.into_iter().map(|trouble| match trouble {
            Some(what) => troubled("a", TroubleKind::CrashLoop, what),
            None => pod("b"),
        });
        Observed { pods: pods.collect(), children: view.map(deployment).into_iter().collect(), ..shop }
    })
}

/// The same of a release that asks for a StatefulSet, has one or not, and perhaps a Deployment as well.
fn anything_stateful() -> impl Strategy<Value = Observed> {
    (anything(), prop::option::of(view()), prop::option::of(0..700_i64)).prop_map(|(shop, view, moved)| {
        let mut release = (*shop.release).clone();
        release.spec.workload.kind = crate::api::WorkloadKind::StatefulSet;
        let children = shop.children.iter().cloned().chain(view.map(stateful_set)).collect();
        let pods = shop.pods.iter().cloned().chain(moved.map(|seconds| ordinal(0, at(-seconds)))).collect();
        Observed { release: release.into(), children, pods, ..shop }
    })
}

/// Tells what came of one reconcile, chosen by number.
fn tell(observed: &Observed, came: usize, seconds: i64) -> ElixirReleaseStatus {
    let problems = [Problem::new("spec.image", "must not be empty")];
    let (fine, taken, failure) = (Outcome::default(), name_taken(), failure());
    let verdicts = [
        Verdict::Invalid(&problems),
        Verdict::Valid { warnings: &problems, revision: None, applied: Ok(&fine) },
        valid("shop-1", Ok(&fine)),
        valid("shop-2", Ok(&fine)),
        valid("shop-2", Ok(&taken)),
        valid("shop-2", Err(&failure)),
    ];
    status(observed, &verdicts[came % verdicts.len()], at(seconds))
}

proptest! {
    #[test]
    fn a_release_at_rest_has_the_status_that_it_has(
        before in prop_oneof![anything(), anything_stateful()], came_before in any::<usize>(),
        after in prop_oneof![anything(), anything_stateful()], came in any::<usize>(),
    ) {
        let first = tell(&before, came_before, 0);
        let second = tell(&stored(&after, &first, 2), came, 60);
        prop_assert_eq!(tell(&stored(&after, &second, 2), came, 120), second);
    }

    #[test]
    fn a_status_says_each_thing_once(shop in prop_oneof![anything(), anything_stateful()], came in any::<usize>()) {
        let status = tell(&shop, came, 0);
        let types: Vec<_> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        prop_assert_eq!(types, ["Ready", "Progressing", "Degraded", "Clustered", "ConfigurationValid"]);
        prop_assert!(status.conditions.iter().all(|condition| !condition.reason.is_empty()));
    }
}
