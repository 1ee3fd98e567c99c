//! A node that says what a test tells it to say.

use tokio::io::{AsyncWriteExt as _, DuplexStream};

use super::super::cookie::Cookie;
use super::super::frame::{self, FrameError, Frames, Width};
use super::flags;
use super::message::{Challenge, ChallengeReply, LONGEST, SendName, Status, theirs};

/// The name that the node gives us.
pub(super) const GIVEN: &str = "1AB@beam-operator";

pub(super) struct Node {
    pub(super) stream: DuplexStream,
    frames: Frames,
    width: Width,
}

impl Node {
    pub(super) fn new(stream: DuplexStream, width: Width) -> Self {
        Self { stream, frames: Frames::new(width, LONGEST), width }
    }

    pub(super) async fn hears(&mut self) -> Result<Vec<u8>, FrameError> {
        self.frames.next(&mut self.stream).await
    }

    pub(super) async fn says(&mut self, message: &[u8]) {
        frame::write(&mut self.stream, self.width, message).await.unwrap();
    }

    /// Bytes without a frame.
    pub(super) async fn sends(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(super) async fn hears_a_name(&mut self) -> SendName {
        SendName::decode(&self.hears().await.unwrap()).unwrap()
    }

    pub(super) async fn names_us(&mut self) {
        self.hears_a_name().await;
        self.says(&Status::Named { name: GIVEN.into(), creation: 7 }.encode()).await;
    }

    pub(super) async fn challenges_as(&mut self, name: &str, flags: u64) {
        let challenge = Challenge { flags, number: 42, creation: 9, name: name.into() };
        self.says(&challenge.encode()).await;
    }

    /// Everything up to our proof, which it returns.
    pub(super) async fn hears_our_proof(&mut self) -> ChallengeReply {
        self.names_us().await;
        self.challenges_as("shop@10.0.0.1", flags::OURS).await;
        ChallengeReply::decode(&self.hears().await.unwrap()).unwrap()
    }

    /// Proves that it knows the cookie.
    pub(super) async fn proves(&mut self, cookie: &Cookie, to: &ChallengeReply) {
        self.says(&theirs::encode_ack(&cookie.digest(to.challenge))).await;
    }
}
