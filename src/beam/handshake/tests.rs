//! Handshakes with a node that is played: every status, and every way in which it can go wrong.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;
use tokio::io::AsyncWriteExt as _;

use super::scripted::{GIVEN, Node};
use super::*;

const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9100);
const LIMIT: Duration = Duration::from_secs(7);

fn cookie() -> Cookie {
    Cookie::new("swordfish").unwrap()
}

fn given() -> OwnName {
    OwnName::Given { host: "beam-operator".to_owned() }
}

fn chosen() -> OwnName {
    OwnName::Chosen("beam-operator-7@10.0.0.9".parse().unwrap())
}

/// Our side against a played one, which holds its end of the connection until both are done.
async fn meet_as(
    own_name: OwnName,
    expected: Option<&str>,
    width: Width,
    script: impl AsyncFnOnce(&mut Node),
) -> Result<Introduced> {
    let (mut ours, theirs) = tokio::io::duplex(4096);
    let mut node = Node::new(theirs, width);
    let expected = expected.map(|name| name.parse().unwrap());
    let cookie = cookie();
    let introduction =
        Introduction { address: ADDRESS, own_name: &own_name, cookie: &cookie, expected: expected.as_ref() };
    let (result, ()) = tokio::join!(perform(&mut ours, width, introduction, Deadline::after(LIMIT)), script(&mut node));
    result
}

async fn meet(script: impl AsyncFnOnce(&mut Node)) -> Result<Introduced> {
    meet_as(given(), None, Width::Two, script).await
}

#[rstest]
#[case::tcp(Width::Two)]
#[case::tls(Width::Four)]
#[tokio::test]
async fn both_sides_know_each_other(#[case] width: Width) {
    let introduced = meet_as(given(), Some("shop@10.0.0.1"), width, async |node| {
        let reply = node.hears_our_proof().await;
        assert_eq!(reply.digest, cookie().digest(42));
        node.proves(&cookie(), &reply).await;
    });
    let introduced = introduced.await.unwrap();

    assert_eq!(introduced.peer.as_str(), "shop@10.0.0.1");
    assert_eq!(introduced.us, Process { node: GIVEN.to_owned(), creation: 7 });
}

#[tokio::test]
async fn we_ask_for_a_name_and_stay_hidden() {
    let _ = meet(async |node| {
        let name = node.hears_a_name().await;
        assert_eq!((name.name.as_str(), name.creation), ("beam-operator", 0));
        assert_eq!(name.flags & (flags::NAME_ME | 1), flags::NAME_ME);
        node.stream.shutdown().await.unwrap();
    })
    .await;
}

#[rstest]
#[case::ok(Status::Ok)]
#[case::simultaneous(Status::OkSimultaneous)]
#[case::alive(Status::Alive)]
#[tokio::test]
async fn with_a_chosen_name(#[case] status: Status) {
    let introduced = meet_as(chosen(), None, Width::Two, async |node| {
        let name = node.hears_a_name().await;
        assert_eq!(name.name, "beam-operator-7@10.0.0.9");
        assert!(name.creation != 0 && name.flags & flags::NAME_ME == 0);
        node.says(&status.encode()).await;
        if status == Status::Alive {
            assert_eq!(node.hears().await.unwrap(), b"strue");
        }
        node.challenges_as("shop@10.0.0.1", flags::OURS).await;
        let reply = ChallengeReply::decode(&node.hears().await.unwrap()).unwrap();
        node.proves(&cookie(), &reply).await;
    });

    assert_eq!(introduced.await.unwrap().us.node, "beam-operator-7@10.0.0.9");
}

#[tokio::test]
async fn the_node_is_busy() {
    let error = meet(async |node| node.says(&Status::Nok.encode()).await).await.unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error:?}");
}

#[tokio::test]
async fn the_node_does_not_allow_us() {
    let error = meet(async |node| node.says(&Status::NotAllowed.encode()).await).await.unwrap_err();
    assert!(matches!(error, Error::NotAllowed { .. }), "{error:?}");
}

#[rstest]
#[case::ok(given(), b"sok", "a name for us", "ok")]
#[case::alive(given(), b"salive", "a name for us", "alive")]
#[case::named(chosen(), b"snamed:\0\x03a@b\0\0\0\x01", "ok or a refusal", "named")]
#[case::no_name(given(), b"snamed:\0\x02ab\0\0\0\x01", "the name of a node", "\"ab\"")]
#[case::unknown(given(), b"smaybe", "a status", "6 bytes that begin with 's'")]
#[case::other(given(), b"HTTP/1.1 400", "a status", "12 bytes that begin with 'H'")]
#[case::empty(given(), b"", "a status", "an empty message")]
#[tokio::test]
async fn another_status(#[case] own: OwnName, #[case] says: &[u8], #[case] what: &str, #[case] got: &str) {
    let error = meet_as(own, None, Width::Two, async |node| node.says(says).await).await.unwrap_err();

    let Error::Protocol { stage: Stage::Status, expected, found } = error else { panic!("{error:?}") };
    assert!(expected == what && found.contains(got), "{expected} {found}");
}

/// Nor does it get to see a digest of the cookie.
#[tokio::test]
async fn the_node_is_another_one() {
    let error = meet_as(given(), Some("shop@10.0.0.1"), Width::Two, async |node| {
        node.names_us().await;
        node.challenges_as("admin@10.0.0.1", flags::OURS).await;
    });
    let Error::NameMismatch { expected, actual } = error.await.unwrap_err() else { panic!("another error") };
    assert_eq!((expected.as_str(), actual.as_str()), ("shop@10.0.0.1", "admin@10.0.0.1"));
}

#[tokio::test]
async fn the_node_is_too_old() {
    let error = meet(async |node| {
        node.names_us().await;
        node.challenges_as("shop@10.0.0.1", 0x7499c).await;
    });
    let error = error.await.unwrap_err().to_string();
    assert!(error.contains("expected a node of OTP 25 or newer, got shop@10.0.0.1"), "{error}");
}

#[tokio::test]
async fn the_node_has_another_cookie() {
    let error = meet(async |node| {
        node.hears_our_proof().await;
        node.stream.shutdown().await.unwrap();
    });
    let error = error.await.unwrap_err();
    assert!(matches!(error, Error::WrongCookie { evidence: Evidence::Rejected, .. }), "{error:?}");
    assert!(!format!("{error:?}{error}").contains("swordfish"));
}

#[tokio::test]
async fn the_node_cannot_prove_its_own() {
    let error = meet(async |node| {
        let reply = node.hears_our_proof().await;
        node.proves(&Cookie::new("haddock").unwrap(), &reply).await;
    });
    let error = error.await.unwrap_err();
    assert!(matches!(error, Error::WrongCookie { evidence: Evidence::BadProof, .. }), "{error:?}");
}

#[tokio::test]
async fn the_node_returns_our_own_proof() {
    let error = meet(async |node| {
        let reply = node.hears_our_proof().await;
        node.says(&super::message::theirs::encode_ack(&reply.digest)).await;
    });
    let error = error.await.unwrap_err();
    assert!(matches!(error, Error::WrongCookie { evidence: Evidence::BadProof, .. }), "{error:?}");
}

#[tokio::test]
async fn the_node_hangs_up() {
    let error = meet(async |node| node.stream.shutdown().await.unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::HungUp { stage: Stage::Status, .. }), "{error:?}");

    let error = meet(async |node| {
        node.names_us().await;
        node.stream.shutdown().await.unwrap();
    });
    let error = error.await.unwrap_err();
    assert!(matches!(error, Error::HungUp { stage: Stage::Challenge, .. }), "{error:?}");
}

#[rstest]
#[case::status(Stage::Status)]
#[case::challenge(Stage::Challenge)]
#[case::proof(Stage::Proof)]
#[tokio::test(start_paused = true)]
async fn the_node_stalls(#[case] at: Stage) {
    let begun = tokio::time::Instant::now();
    let error = meet(async |node| match at {
        Stage::Challenge => node.names_us().await,
        Stage::Proof => {
            node.hears_our_proof().await;
        }
        // Half of a frame.
        _ => node.sends(&[0, 9, b's']).await,
    });
    let error = error.await.unwrap_err();

    assert!(matches!(error, Error::TimedOut { stage, limit: LIMIT } if stage == at), "{error:?}");
    assert_eq!(begun.elapsed().as_secs(), LIMIT.as_secs());
}

#[tokio::test]
async fn a_frame_that_is_too_long() {
    let error = meet(async |node| node.sends(&[0xff, 0xff]).await).await.unwrap_err();

    assert!(matches!(&error, Error::Protocol { found, .. } if found == "a frame of 65535 bytes"), "{error:?}");
}

#[tokio::test]
async fn the_node_speaks_tls() {
    let alert = [0x15, 3, 3, 0, 2, 2, 10];
    let error = meet(async |node| node.sends(&alert).await).await.unwrap_err();

    assert!(matches!(error, Error::TlsExpected { .. }), "{error:?}");
}

proptest! {
    #[test]
    fn no_node_does_harm(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let garbage = meet(async |node| {
                for message in &messages {
                    node.says(message).await;
                }
                node.stream.shutdown().await.unwrap();
            });
            prop_assert!(garbage.await.is_err());
            Ok(())
        })?;
    }
}
