//! Whole elections. Time is paused: it only moves when everybody waits.

use std::cell::Cell;
use std::rc::Rc;

use http::Method;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::lease_server::{Fate, LeaseServer};
use super::{TIMING, seconds};
use crate::operator::leader::{Elector, Lost};

fn candidate(server: &LeaseServer, identity: &str) -> Elector {
    candidate_with(server, identity, || Fate::Answered)
}

fn candidate_with(server: &LeaseServer, identity: &str, fate: impl FnMut() -> Fate + Send + 'static) -> Elector {
    Elector::new(server.client(fate), "beam-system", "beam-operator".to_owned(), identity.to_owned(), TIMING)
}

/// A candidate that leads, on a connection that fails after `healthy`.
async fn leader_cut_off_after(server: &LeaseServer, healthy: u64, fate: Fate) -> Elector {
    let start = Instant::now();
    let fate = move || if start.elapsed() < seconds(healthy) { Fate::Answered } else { fate };
    let mut leader = candidate_with(server, "a", fate);
    leader.acquire().await.unwrap();
    leader
}

#[tokio::test(start_paused = true)]
async fn one_of_two_leads() {
    let server = LeaseServer::default();
    let (mut a, mut b) = (candidate(&server, "a"), candidate(&server, "b"));
    let (a, b) = tokio::join!(timeout(seconds(600), async { (a.acquire().await, a.hold().await) }), async {
        sleep(seconds(1)).await;
        timeout(seconds(600), b.acquire()).await
    });
    assert!(a.is_err(), "the leader keeps leading");
    assert!(b.is_err(), "the standby keeps waiting");
    assert_eq!(server.holder().as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_at_rest_only_patches_six_times_a_minute() {
    let server = LeaseServer::default();
    let mut a = candidate(&server, "a");
    a.acquire().await.unwrap();
    server.state().requests.clear();
    assert!(timeout(seconds(595), a.hold()).await.is_err());
    let requests = &server.state().requests;
    assert!(requests.iter().all(|(method, _)| *method == Method::PATCH));
    assert_eq!(requests.len(), 59);
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_followed_when_its_lease_has_expired() {
    let server = LeaseServer::default();
    let (mut a, mut b) = (candidate(&server, "a"), candidate(&server, "b"));
    a.acquire().await.unwrap();
    let start = Instant::now();
    let dies_after_its_second_renewal = timeout(seconds(25), a.hold());
    let (died, took) = tokio::join!(dies_after_its_second_renewal, async {
        b.acquire().await.unwrap();
        start.elapsed()
    });
    assert!(died.is_err());
    assert!(took >= seconds(50) && took <= seconds(56), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_at_the_next_look() {
    let server = LeaseServer::default();
    let (mut a, mut b) = (candidate(&server, "a"), candidate(&server, "b"));
    a.acquire().await.unwrap();
    let start = Instant::now();
    tokio::join!(async { b.acquire().await.unwrap() }, async {
        sleep(seconds(2)).await;
        a.release().await;
        assert_eq!(server.holder(), None);
    });
    assert!(start.elapsed() < seconds(6), "{:?}", start.elapsed());
    let lease = server.state().lease.clone().unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_release_survives_a_renewal_that_was_cut_short() {
    let server = LeaseServer::default();
    let mut a = candidate(&server, "a");
    a.acquire().await.unwrap();
    server.edit(&json!({"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}));
    a.release().await;
    assert_eq!(server.holder(), None);
}

#[tokio::test(start_paused = true)]
async fn a_leader_does_not_release_what_another_holds() {
    let server = LeaseServer::default();
    let mut a = candidate(&server, "a");
    a.acquire().await.unwrap();
    server.edit(&json!({"spec": {"holderIdentity": "b"}}));
    a.release().await;
    assert_eq!(server.holder().as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_without_api_server_stops_before_another_can_start() {
    for fate in [Fate::Refused, Fate::Unheard, Fate::Hanging] {
        let server = LeaseServer::default();
        let start = Instant::now();
        let mut a = leader_cut_off_after(&server, 25, fate).await;
        let mut b = candidate(&server, "b");
        let (lost, ()) = tokio::join!(async { (a.hold().await, Instant::now()) }, async { b.acquire().await.unwrap() });
        assert_eq!(lost.0, Lost::Deadline(seconds(20)), "{fate:?}");
        assert!(lost.1 - start <= seconds(41), "{fate:?}: stopped after {:?}", lost.1 - start);
        assert!(Instant::now() - lost.1 >= seconds(9), "{fate:?}: two leaders");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_is_survived() {
    let server = LeaseServer::default();
    let start = Instant::now();
    let outage = move || if (9..17).contains(&start.elapsed().as_secs()) { Fate::Hanging } else { Fate::Answered };
    let mut a = candidate_with(&server, "a", outage);
    a.acquire().await.unwrap();
    assert!(timeout(seconds(120), a.hold()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_edited_or_deleted_is_kept() {
    let server = LeaseServer::default();
    let mut a = candidate(&server, "a");
    a.acquire().await.unwrap();
    server.edit(&json!({"metadata": {"annotations": {"looked-at": "by somebody"}}}));
    assert!(timeout(seconds(60), a.hold()).await.is_err());
    server.state().lease = None;
    assert!(timeout(seconds(60), a.hold()).await.is_err());
    assert_eq!(server.holder().as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_taken_is_lost_at_the_next_renewal() {
    let server = LeaseServer::default();
    let mut a = candidate(&server, "a");
    a.acquire().await.unwrap();
    server.edit(&json!({"spec": {"holderIdentity": "b"}}));
    let start = Instant::now();
    assert_eq!(a.hold().await, Lost::Taken("b".to_owned()));
    assert!(start.elapsed() < seconds(11));
}

/// Three candidates crash, come back, and lose requests and answers at random, for hours: never do two lead at once.
#[tokio::test(start_paused = true)]
async fn there_are_never_two_leaders() {
    for seed in 0..20 {
        let server = LeaseServer::default();
        let (leaders, terms) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let candidates = (0..3).map(|number| {
            let random = StdRng::seed_from_u64(seed * 100 + number);
            run_for_ever(server.clone(), format!("c{number}"), random, leaders.clone(), terms.clone())
        });
        let hours = timeout(seconds(2 * 3600), futures::future::join_all(candidates)).await;
        assert!(hours.is_err());
        assert!(terms.get() > 5, "only {} terms with seed {seed}", terms.get());
    }
}

async fn run_for_ever(
    server: LeaseServer,
    name: String,
    mut random: StdRng,
    leaders: Rc<Cell<u32>>,
    terms: Rc<Cell<u32>>,
) {
    for restart in 0.. {
        let mut network = StdRng::seed_from_u64(random.random());
        let fate = move || match network.random_range(0..100) {
            0..50 => Fate::Answered,
            50..70 => Fate::Refused,
            70..85 => Fate::Unheard,
            _ => Fate::Hanging,
        };
        let mut elector = candidate_with(&server, &format!("{name}-{restart}"), fate);
        elector.acquire().await.unwrap();
        terms.set(terms.get() + 1);
        leaders.set(leaders.get() + 1);
        assert_eq!(leaders.get(), 1, "two leaders");
        let crash_after = seconds(random.random_range(1..600));
        let _lost_or_crashed = timeout(crash_after, elector.hold()).await;
        leaders.set(leaders.get() - 1);
        sleep(seconds(random.random_range(0..60))).await;
    }
}
