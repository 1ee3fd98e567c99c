//! What is told once, and what is not told at all.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::api::RolloutStatus;

/// A status of three nodes at a revision with these conditions, each as type, status, reason and message.
fn status(revision: &str, phase: RolloutPhase, conditions: &[(&str, &str, &str, &str)]) -> ElixirReleaseStatus {
    let conditions = conditions.iter().map(|(type_, status, reason, message)| Condition {
        type_: (*type_).to_owned(),
        status: (*status).to_owned(),
        reason: (*reason).to_owned(),
        message: (*message).to_owned(),
        observed_generation: None,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    });
    ElixirReleaseStatus {
        replicas: 3,
        current_revision: (phase == RolloutPhase::Complete).then(|| revision.to_owned()),
        target_revision: Some(revision.to_owned()),
        rollout: Some(RolloutStatus { phase, step: None, message: String::new() }),
        conditions: conditions.collect(),
        ..ElixirReleaseStatus::default()
    }
}

const VALID: (&str, &str, &str, &str) = ("ConfigurationValid", "True", "Valid", "");
const ODD: (&str, &str, &str, &str) = ("ConfigurationValid", "True", "ValidWithWarnings", "spec.env[0]: is unused");
const WRONG: (&str, &str, &str, &str) = ("ConfigurationValid", "False", "Invalid", "spec.image: must not be empty");
const FINE: (&str, &str, &str, &str) = ("Degraded", "False", "AsExpected", "");
const CRASHING: (&str, &str, &str, &str) = ("Degraded", "True", "CrashLoop", "1 of 3 pods cannot run");
const TAKEN: (&str, &str, &str, &str) = ("Degraded", "True", "NameTaken", "not made by this operator");

const ALL: [&[(&str, &str, &str, &str)]; 6] =
    [&[VALID, FINE], &[ODD, FINE], &[WRONG, FINE], &[VALID, CRASHING], &[VALID, TAKEN], &[WRONG, CRASHING]];

/// `shop-1`, complete, with these conditions.
fn shop(conditions: &[(&str, &str, &str, &str)]) -> ElixirReleaseStatus {
    status("shop-1", RolloutPhase::Complete, conditions)
}

fn lines(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Vec<String> {
    let line = |happening: Happening| {
        let kind = if happening.is_warning { "Warning" } else { "Normal" };
        format!("{kind} {} {}: {}", happening.reason, happening.action, happening.note)
    };
    happenings(before, after).into_iter().map(line).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn the_first_status_of_a_healthy_release_is_no_news() {
    let first = status("shop-1", RolloutPhase::Progressing, &[VALID, FINE]);
    assert_eq!(lines(&ElixirReleaseStatus::default(), &first), NOTHING);
}

#[rstest]
#[case::wrong_from_the_start(None, WRONG, &["Warning ConfigurationInvalid Validate: spec.image: must not be empty"])]
#[case::becomes_wrong(Some(VALID), WRONG, &["Warning ConfigurationInvalid Validate: spec.image: must not be empty"])]
#[case::corrected(Some(WRONG), VALID, &["Normal ConfigurationCorrected Validate: the release is valid again"])]
#[case::odd_from_the_start(None, ODD, &["Warning ConfigurationWarning Validate: spec.env[0]: is unused"])]
#[case::becomes_odd(Some(VALID), ODD, &["Warning ConfigurationWarning Validate: spec.env[0]: is unused"])]
#[case::corrected_but_odd(Some(WRONG), ODD, &["Warning ConfigurationWarning Validate: spec.env[0]: is unused"])]
#[case::no_longer_odd(Some(ODD), VALID, &[])]
#[case::degraded_from_the_start(None, CRASHING, &["Warning CrashLoop Watch: 1 of 3 pods cannot run"])]
#[case::becomes_degraded(Some(FINE), CRASHING, &["Warning CrashLoop Watch: 1 of 3 pods cannot run"])]
#[case::degraded_for_another_reason(Some(CRASHING), TAKEN, &["Warning NameTaken Watch: not made by this operator"])]
#[case::recovers(Some(CRASHING), FINE, &["Normal Recovered Watch: no longer: CrashLoop"])]
#[case::as_expected_from_the_start(None, FINE, &[])]
fn a_condition_that_tells_something_new(
    #[case] was: Option<(&str, &str, &str, &str)>,
    #[case] is: (&str, &str, &str, &str),
    #[case] expected: &[&str],
) {
    let was: Vec<_> = was.into_iter().collect();
    assert_eq!(lines(&shop(&was), &shop(&[is])), expected);
}

#[test]
fn a_problem_with_other_words_is_another_problem() {
    let other = ("ConfigurationValid", "False", "Invalid", "spec.replicas: must not be negative");
    let expected = ["Warning ConfigurationInvalid Validate: spec.replicas: must not be negative"];
    assert_eq!(lines(&shop(&[WRONG]), &shop(&[other])), expected);
}

#[test]
fn a_rollout_is_told_when_it_starts_and_when_it_is_complete() {
    let (one, two) = (RolloutPhase::Progressing, RolloutPhase::Complete);
    let before = shop(&[VALID, FINE]);
    let under_way = ElixirReleaseStatus {
        current_revision: before.current_revision.clone(),
        ..status("shop-2", one, &[VALID, FINE])
    };
    let done = status("shop-2", two, &[VALID, FINE]);

    assert_eq!(lines(&before, &under_way), ["Normal RolloutStarted Rollout: from shop-1 to shop-2"]);
    assert_eq!(lines(&under_way, &done), ["Normal RolloutComplete Rollout: all 3 nodes run shop-2"]);
}

#[test]
fn the_first_rollout_only_ends() {
    let under_way = status("shop-1", RolloutPhase::Progressing, &[]);
    assert_eq!(lines(&under_way, &shop(&[])), ["Normal RolloutComplete Rollout: all 3 nodes run shop-1"]);
}

#[test]
fn scaling_is_no_rollout() {
    let scaling = ElixirReleaseStatus {
        rollout: Some(RolloutStatus { phase: RolloutPhase::Progressing, step: None, message: String::new() }),
        ..shop(&[])
    };
    assert_eq!(lines(&shop(&[]), &scaling), NOTHING);
    assert_eq!(lines(&scaling, &shop(&[])), NOTHING);
}

proptest! {
    #[test]
    fn nothing_is_told_twice(
        before in 0..ALL.len(), after in 0..ALL.len(), from in "shop-[12]", to in "shop-[12]", is_done in any::<bool>(),
    ) {
        let phase = if is_done { RolloutPhase::Complete } else { RolloutPhase::Progressing };
        let (before, after) = (status(&from, RolloutPhase::Complete, ALL[before]), status(&to, phase, ALL[after]));
        let told = happenings(&before, &after);
        let reasons: std::collections::BTreeSet<_> = told.iter().map(|happening| &happening.reason).collect();
        prop_assert_eq!(reasons.len(), told.len());
        prop_assert_eq!(happenings(&after, &after), []);
    }
}

const WHOLE: (&str, &str, &str, &str) = ("Clustered", "True", "AllNodesConnected", "3 nodes");
const SPLIT: (&str, &str, &str, &str) = ("Clustered", "False", "Partitioned", "[a] | [b]");
const STARTING: (&str, &str, &str, &str) = ("Clustered", "Unknown", "NodesNotReady", "no node is ready yet");
const UNSEEN: (&str, &str, &str, &str) = ("Clustered", "Unknown", "Unreachable", "a cannot be asked");

#[rstest]
#[case::fell_apart(WHOLE, SPLIT, Some((true, "Partitioned", "[a] | [b]")))]
#[case::came_together(SPLIT, WHOLE, Some((false, "MeshComplete", "3 nodes; no longer: Partitioned")))]
#[case::not_to_be_asked(WHOLE, UNSEEN, Some((true, "Unreachable", "a cannot be asked")))]
#[case::asked_again(UNSEEN, WHOLE, None)]
#[case::met_for_the_first_time(STARTING, WHOLE, None)]
#[case::all_stopped(WHOLE, STARTING, None)]
#[case::as_before(SPLIT, SPLIT, None)]
fn the_mesh(
    #[case] before: (&str, &str, &str, &str),
    #[case] after: (&str, &str, &str, &str),
    #[case] expected: Option<(bool, &str, &str)>,
) {
    let [before, after] = [before, after].map(|told| status("shop-1", RolloutPhase::Complete, &[told]));
    let told = happenings(&before, &after);
    let told: Vec<_> = told.iter().map(|it| (it.is_warning, &*it.reason, &*it.note)).collect();
    assert_eq!(told, expected.into_iter().collect::<Vec<_>>());
}
