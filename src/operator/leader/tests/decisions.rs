//! What a candidate does next, given what it has seen.

use k8s_openapi::api::coordination::v1::Lease;
use rstest::rstest;
use serde_json::json;
use tokio::time::Instant;

use super::{TIMING, seconds};
use crate::operator::leader::Lost;
use crate::operator::leader::election::{Election, Failure, Step};

const ME: &str = "me";
const RENEWED_LONG_AGO: &str = "1970-01-01T00:00:00.000000Z";
const RENEWED_IN_THE_FUTURE: &str = "2999-01-01T00:00:00.000000Z";

fn lease(version: u32, holder: Option<&str>) -> Lease {
    lease_renewed(version, holder, RENEWED_LONG_AGO)
}

fn lease_renewed(version: u32, holder: Option<&str>, renewed: &str) -> Lease {
    serde_json::from_value(json!({
        "metadata": {"name": "beam-operator", "resourceVersion": version.to_string()},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 30, "leaseTransitions": 4, "renewTime": renewed},
    }))
    .unwrap()
}

fn candidate(now: Instant) -> Election {
    Election::new(ME.to_owned(), TIMING, now)
}

fn leader(now: Instant) -> Election {
    let mut election = candidate(now);
    election.looked(None, now);
    election.wrote(&lease(1, Some(ME)), now);
    election
}

/// The step as one word, with the version of the Lease that it is based on.
fn word(step: &Step) -> String {
    match step {
        Step::Wait(_) => "wait".to_owned(),
        Step::Look => "look".to_owned(),
        Step::Create => "create".to_owned(),
        Step::Take(seen) => format!("take {}", seen.resource_version),
        Step::Renew(seen) => format!("renew {}", seen.resource_version),
        Step::Stop(_) => "stop".to_owned(),
    }
}

#[test]
fn a_candidate_looks_before_it_writes() {
    let now = Instant::now();
    assert_eq!(candidate(now).next(now), Step::Look);
}

#[rstest]
#[case::no_lease(None, "create")]
#[case::no_holder(Some(lease(7, None)), "take 7")]
#[case::empty_holder(Some(lease(7, Some(""))), "take 7")]
#[case::own_lease_of_an_earlier_run(Some(lease(7, Some(ME))), "take 7")]
#[case::held(Some(lease(7, Some("other"))), "wait")]
fn a_free_lease_is_taken_at_once(#[case] lease: Option<Lease>, #[case] expect: &str) {
    let now = Instant::now();
    let mut election = candidate(now);
    election.looked(lease.as_ref(), now);
    assert_eq!(word(&election.next(now)), expect);
}

#[rstest]
#[case::slow_clock(RENEWED_LONG_AGO)]
#[case::fast_clock(RENEWED_IN_THE_FUTURE)]
fn the_clock_of_the_holder_does_not_matter(#[case] renewed: &str) {
    let start = Instant::now();
    let held = lease_renewed(7, Some("other"), renewed);
    let mut election = candidate(start);
    for passed in [0, 5, 10, 15, 20, 25] {
        let now = start + seconds(passed);
        assert_eq!(election.next(now), Step::Look);
        election.looked(Some(&held), now);
        assert_eq!(election.next(now), Step::Wait(now + seconds(5)));
    }
    assert_eq!(word(&election.next(start + seconds(30))), "take 7");
}

#[test]
fn a_renewal_starts_the_wait_anew() {
    let start = Instant::now();
    let mut election = candidate(start);
    election.looked(Some(&lease(7, Some("other"))), start);
    election.looked(Some(&lease(8, Some("other"))), start + seconds(25));
    assert_eq!(election.next(start + seconds(30)), Step::Look);
    election.looked(Some(&lease(8, Some("other"))), start + seconds(53));
    assert_eq!(election.next(start + seconds(53)), Step::Wait(start + seconds(55)));
    assert_eq!(word(&election.next(start + seconds(55))), "take 8");
}

#[test]
fn the_duration_is_the_holders() {
    let start = Instant::now();
    let mut held = lease(7, Some("other"));
    held.spec.as_mut().unwrap().lease_duration_seconds = Some(60);
    let mut election = candidate(start);
    election.looked(Some(&held), start);
    assert_eq!(election.next(start + seconds(59)), Step::Look);
    assert_eq!(word(&election.next(start + seconds(60))), "take 7");
}

#[test]
fn a_standby_that_cannot_look_pauses() {
    let now = Instant::now();
    let mut election = candidate(now);
    election.failed(Failure::Other, now, now);
    assert_eq!(election.next(now), Step::Wait(now + seconds(5)));
    assert_eq!(election.next(now + seconds(5)), Step::Look);
}

#[test]
fn the_loser_of_a_race_looks_at_once() {
    let now = Instant::now();
    let mut election = candidate(now);
    election.looked(Some(&lease(7, None)), now);
    election.failed(Failure::Conflict, now, now);
    assert_eq!(election.next(now), Step::Look);
    election.looked(Some(&lease(8, Some("other"))), now);
    assert_eq!(word(&election.next(now)), "wait");
}

#[test]
fn a_namespace_that_is_gone_is_no_loop() {
    let now = Instant::now();
    let mut election = candidate(now);
    election.looked(None, now);
    election.failed(Failure::NotFound, now, now);
    assert_eq!(election.next(now), Step::Create);
    election.failed(Failure::NotFound, now, now);
    assert_eq!(election.next(now), Step::Wait(now + seconds(5)));
}

#[test]
fn a_leader_renews_after_half_of_the_deadline() {
    let now = Instant::now();
    assert_eq!(leader(now).next(now), Step::Wait(now + seconds(10)));
    assert_eq!(word(&leader(now).next(now + seconds(10))), "renew 1");
}

#[test]
fn a_leader_that_cannot_renew_retries_until_its_deadline() {
    let start = Instant::now();
    let mut election = leader(start);
    for tried in [10, 12, 14, 16] {
        assert_eq!(word(&election.next(start + seconds(tried))), "renew 1");
        election.failed(Failure::Other, start + seconds(tried), start + seconds(tried));
        assert_eq!(election.next(start + seconds(tried)), Step::Wait(start + seconds(tried + 2)));
    }
    election.failed(Failure::Other, start + seconds(19), start + seconds(19));
    assert_eq!(election.next(start + seconds(19)), Step::Wait(start + seconds(20)));
    assert_eq!(election.next(start + seconds(20)), Step::Stop(Lost::Deadline(seconds(20))));
}

#[rstest]
#[case::somebody_annotated_it(Some(lease(2, Some(ME))), "renew 2")]
#[case::somebody_deleted_it(None, "create")]
#[case::somebody_took_it(Some(lease(2, Some("other"))), "stop")]
#[case::somebody_freed_it(Some(lease(2, None)), "stop")]
fn a_leader_looks_into_a_conflict_at_once(#[case] found: Option<Lease>, #[case] expect: &str) {
    let now = Instant::now() + seconds(10);
    let mut election = leader(now - seconds(10));
    election.failed(Failure::Conflict, now, now);
    assert_eq!(election.next(now), Step::Look);
    election.looked(found.as_ref(), now);
    assert_eq!(word(&election.next(now)), expect);
}

#[test]
fn conflict_after_conflict_is_no_loop() {
    let now = Instant::now() + seconds(10);
    let mut election = leader(now - seconds(10));
    election.failed(Failure::Conflict, now, now);
    election.looked(Some(&lease(2, Some(ME))), now);
    election.failed(Failure::Conflict, now, now);
    assert_eq!(election.next(now), Step::Wait(now + seconds(2)));
}

#[test]
fn requests_leave_time_for_another_try() {
    let start = Instant::now();
    assert_eq!(candidate(start).request_limit(start), seconds(5));
    for (passed, limit) in [(10, 5), (15, 3), (18, 2), (19, 1)] {
        let given = leader(start).request_limit(start + seconds(passed));
        assert!(given <= seconds(limit) && given > seconds(limit - 1), "{given:?} after {passed} s");
    }
}

#[test]
fn a_deleted_lease_is_created_again() {
    let now = Instant::now() + seconds(10);
    let mut election = leader(now - seconds(10));
    election.failed(Failure::NotFound, now, now);
    assert_eq!(election.next(now), Step::Create);
}
