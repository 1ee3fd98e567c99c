//! A connection to a node that is played: answers in any order, ticks, and every way to end.

use std::time::Duration;

use futures::future::join_all;
use rstest::rstest;
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep};

use super::super::error::{Closing, Error, Stage};
use super::super::frame::{Frames, Width};
use super::super::handshake::Introduced;
use super::super::term::Process;
use super::driver::MOST_CALLS;
use super::{Connection, Limits};

const LIMIT: Duration = Duration::from_secs(5);

/// A node at the other end of the connection.
struct Node {
    stream: DuplexStream,
    frames: Frames,
}

impl Node {
    /// Waits for a frame that is no tick, and returns the reference of the call in it.
    async fn hears_a_call(&mut self) -> [u8; 4] {
        loop {
            let frame = self.frames.next(&mut self.stream).await.unwrap();
            // The last word of the one reference: its tag, a length, our name, our creation, three words.
            if let Some(at) = frame.windows(4).position(|bytes| bytes == [90, 0, 3, 119]) {
                let name = usize::from(frame[at + 4]);
                return *frame[at + 5 + name + 12..].first_chunk().unwrap();
            }
        }
    }

    async fn sends(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn says(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).unwrap();
        self.sends(&[&length.to_be_bytes(), frame].concat()).await;
    }

    /// Answers a call with a small number.
    async fn answers(&mut self, reference: [u8; 4], number: u8) {
        let control = [112, 131, 104, 3, 97, 2, 119, 0, 119, 0];
        let message = [131, 104, 2, 90, 0, 3, 119, 1, b'n', 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        self.says(&[&control[..], &message, &reference, &[97, number]].concat()).await;
    }

    /// How many ticks come until the connection ends, and when.
    async fn counts_ticks(&mut self) -> usize {
        let mut ticks = 0;
        while let Ok(frame) = self.frames.next(&mut self.stream).await {
            assert!(frame.is_empty());
            ticks += 1;
        }
        ticks
    }
}

fn connection(limits: &Limits) -> (Connection, Node) {
    let (ours, stream) = tokio::io::duplex(64 * 1024);
    let us = Process { node: "1@beam-operator".to_owned(), creation: 7 };
    let introduced = Introduced { peer: "shop@10.0.0.1".parse().unwrap(), us };
    let connection = Connection::start(ours, "10.0.0.1:9100".parse().unwrap(), introduced, limits);
    (connection, Node { stream, frames: Frames::new(Width::Four, 4096) })
}

fn patient() -> Limits {
    Limits { idle: Duration::from_hours(1), ..Limits::default() }
}

#[tokio::test(start_paused = true)]
async fn answers_find_their_calls_in_any_order() {
    let (connection, mut node) = connection(&patient());
    let script = async {
        let first = node.hears_a_call().await;
        let second = node.hears_a_call().await;
        node.answers(second, 2).await;
        // A tick in between belongs to nobody.
        node.sends(&[0; 4]).await;
        node.answers(first, 1).await;
    };
    let (first, second, ()) = tokio::join!(connection.run_queue(LIMIT), connection.process_count(LIMIT), script);

    assert_eq!((first.unwrap(), second.unwrap()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_late_is_thrown_away() {
    let (connection, mut node) = connection(&patient());

    let error = connection.run_queue(LIMIT).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { stage: Stage::Call, limit: LIMIT }), "{error:?}");
    let late = node.hears_a_call().await;
    node.answers(late, 1).await;

    let script = async {
        let reference = node.hears_a_call().await;
        node.answers(reference, 2).await;
    };
    let (answer, ()) = tokio::join!(connection.run_queue(LIMIT), script);
    assert_eq!(answer.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn so_many_calls_wait_and_no_more() {
    let (connection, mut node) = connection(&patient());
    let answers = join_all((0..=MOST_CALLS).map(|_| connection.run_queue(LIMIT))).await;

    let refused = answers.iter().filter(|answer| matches!(answer, Err(Error::TooManyCalls { .. })));
    assert_eq!(refused.count(), 1);
    for _ in 0..MOST_CALLS {
        node.hears_a_call().await;
    }
    // Who gave up makes room.
    let script = async {
        let reference = node.hears_a_call().await;
        node.answers(reference, 9).await;
    };
    let (answer, ()) = tokio::join!(connection.run_queue(LIMIT), script);
    assert_eq!(answer.unwrap(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_tick_is_answered() {
    let (_connection, mut node) = connection(&patient());
    let begun = Instant::now();
    node.sends(&[0; 4]).await;

    assert!(node.frames.next(&mut node.stream).await.unwrap().is_empty());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// Every 16 seconds of the 60, until the node has been silent for 75.
#[tokio::test(start_paused = true)]
async fn a_silent_node_gets_ticks_and_is_given_up() {
    let (connection, mut node) = connection(&patient());
    let begun = Instant::now();

    assert_eq!(node.counts_ticks().await, 4);
    assert_eq!(connection.closed().await, Closing::Silent(Duration::from_secs(75)));
    assert_eq!(begun.elapsed().as_secs(), 75);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_ticks_stays_and_needs_no_ticks_of_ours() {
    let (connection, mut node) = connection(&patient());
    for _ in 0..20 {
        sleep(Duration::from_secs(15)).await;
        node.sends(&[0; 4]).await;
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(connection.closing(), None);
    drop(connection);

    assert_eq!(node.counts_ticks().await, 20);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dribbles_is_given_up() {
    let (connection, mut node) = connection(&patient());
    let dribble = async {
        node.sends(&1000_u32.to_be_bytes()).await;
        loop {
            sleep(Duration::from_secs(10)).await;
            if node.stream.write_all(b"p").await.is_err() {
                break;
            }
        }
    };
    let (closing, ()) = tokio::join!(connection.closed(), dribble);

    assert_eq!(closing, Closing::Silent(Duration::from_secs(75)));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_reads_nothing_is_given_up() {
    let (ours, stream) = tokio::io::duplex(64);
    let us = Process { node: "1@beam-operator".to_owned(), creation: 7 };
    let introduced = Introduced { peer: "shop@10.0.0.1".parse().unwrap(), us };
    let connection = Connection::start(ours, "10.0.0.1:9100".parse().unwrap(), introduced, &patient());

    let error = connection.run_queue(LIMIT).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    assert_eq!(connection.closed().await, Closing::Stuck(Duration::from_mins(1)));
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_anything() {
    let (connection, mut node) = connection(&Limits { idle: Duration::from_secs(20), ..Limits::default() });
    let begun = Instant::now();

    assert_eq!(node.counts_ticks().await, 1);
    assert_eq!(connection.closed().await, Closing::Idle(Duration::from_secs(20)));
    assert_eq!(begun.elapsed().as_secs(), 20);
    let error = connection.run_queue(LIMIT).await.unwrap_err();
    assert!(matches!(error, Error::Closed(Closing::Idle(_))), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_not_idle() {
    let (connection, mut node) = connection(&Limits { idle: Duration::from_secs(20), ..Limits::default() });
    let script = async {
        let reference = node.hears_a_call().await;
        sleep(Duration::from_secs(30)).await;
        node.answers(reference, 3).await;
    };
    let (answer, ()) = tokio::join!(connection.run_queue(Duration::from_mins(1)), script);

    assert_eq!(answer.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_owner_drops_it() {
    let (connection, mut node) = connection(&patient());
    drop(connection);

    assert_eq!(node.counts_ticks().await, 0);
}

#[rstest]
#[case::oversized(&[0xff; 4], "a frame of 4294967295 bytes")]
#[case::unknown_kind(&[0, 0, 0, 1, 131], "a frame of a kind that was not agreed on at byte 0")]
#[case::no_term(&[0, 0, 0, 2, 112, 0], "another version of the term format at byte 1")]
#[tokio::test(start_paused = true)]
async fn garbage_ends_it_and_every_call(#[case] bytes: &[u8], #[case] what: &str) {
    let (connection, mut node) = connection(&patient());
    let script = async {
        node.hears_a_call().await;
        node.sends(bytes).await;
    };
    let (answer, ()) = tokio::join!(connection.run_queue(LIMIT), script);

    let Err(Error::Closed(Closing::Garbage(found))) = answer else { panic!("{answer:?}") };
    assert_eq!(found, what);
}

#[tokio::test(start_paused = true)]
async fn the_node_goes_away_in_the_middle_of_a_call() {
    let (connection, mut node) = connection(&patient());
    let script = async {
        node.hears_a_call().await;
        drop(node);
    };
    let (answer, ()) = tokio::join!(connection.run_queue(LIMIT), script);

    assert!(matches!(answer, Err(Error::Closed(Closing::ByPeer))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_type_is_told() {
    let (connection, mut node) = connection(&patient());
    let script = async {
        let reference = node.hears_a_call().await;
        node.answers(reference, 3).await;
    };
    let (answer, ()) = tokio::join!(connection.memory(LIMIT), script);

    let found = answer.unwrap_err().to_string();
    let expected = "a list of pairs of an atom and a number of bytes";
    assert_eq!(found, format!("the answer to a call: expected {expected}, got an integer"));
}
