//! The handshake: both sides say who they are and prove that they know the cookie.
//!
//! ```text
//! we  ── name, flags ──────────────► node
//!     ◄────────────────── status ──      whether it wants to talk, and how it calls us
//!     ◄── name, flags, challenge ──      who it is: the only place where a node tells its true name
//!     ── digest, our challenge ────►     our proof
//!     ◄────────────────── digest ──      its proof
//! ```
//!
//! The node says who it is before we prove anything. So a caller who does not know its name learns it here, and one who
//! expected another node finds out before that gets to see a digest of the cookie, from which it could be guessed.
//!
//! **We let the node name us** ([`OwnName::Given`]). Every name that a node hears becomes an atom, and atoms are never
//! freed: with a random name per connection, the node's table of about a million atoms would fill up, also from
//! connections that it refuses. Names that a node gives out itself it takes back and gives out again. They are unique as
//! well, so that one connection never waits for the end of another.
//!
//! A node says nothing about a wrong cookie; it closes the connection on our proof.
//!
//! See the [distribution handshake](https://www.erlang.org/doc/apps/erts/erl_dist_protocol#distribution-handshake).

mod flags;
mod message;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};

use self::message::{Challenge, ChallengeReply, SendName, Status};
use super::cookie::Cookie;
use super::deadline::Deadline;
use super::error::{Error, Evidence, Result, Stage};
use super::frame::{self, FrameError, Frames, Width};
use super::name::NodeName;
use super::term::Process;

/// The first two bytes of a TLS alert, which is what a node with TLS answers to a handshake without.
const TLS_ALERT: u32 = 0x1503;

/// How we are called on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnName {
    /// The node makes up the part before the `@`, and takes the name back when the connection ends.
    Given {
        /// The part after the `@`, by which the node's list of hidden nodes shows who we are.
        host: String,
    },
    /// This name, which the node never forgets.
    Chosen(NodeName),
}

/// What to say, and to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Introduction<'a> {
    pub(super) address: SocketAddr,
    pub(super) own_name: &'a OwnName,
    pub(super) cookie: &'a Cookie,
    /// Whom we expect; anybody if `None`.
    pub(super) expected: Option<&'a NodeName>,
}

/// What both sides know after a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Introduced {
    /// What the node calls itself.
    pub(super) peer: NodeName,
    /// What the node calls us.
    pub(super) us: Process,
}

/// Performs our side of the handshake on a fresh connection.
pub(super) async fn perform(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    width: Width,
    introduction: Introduction<'_>,
    deadline: Deadline,
) -> Result<Introduced> {
    let frames = Frames::new(width, message::LONGEST);
    let mut talk = Talk { stream, width, frames, introduction };
    let us = deadline.hold(Stage::Status, talk.present()).await?;
    let (peer, challenge) = deadline.hold(Stage::Challenge, talk.challenge()).await?;
    deadline.hold(Stage::Proof, talk.prove(&peer, challenge)).await?;
    Ok(Introduced { peer, us })
}

struct Talk<'a, S> {
    stream: &'a mut S,
    width: Width,
    frames: Frames,
    introduction: Introduction<'a>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    /// Says our name and waits for what the node makes of it.
    async fn present(&mut self) -> Result<Process> {
        let creation = rand::random::<u32>() | 1;
        let (name, flags) = match self.introduction.own_name {
            OwnName::Given { host } => (host.as_str(), flags::OURS | flags::NAME_ME),
            OwnName::Chosen(name) => (name.as_str(), flags::OURS),
        };
        // Who is named by the node has no creation of its own yet.
        let sent = if flags & flags::NAME_ME == 0 { creation } else { 0 };
        let name = name.to_owned();
        self.send(Stage::Status, &SendName { flags, creation: sent, name: name.clone() }.encode()).await?;
        let status = self.receive(Stage::Status).await?;
        let Some(status) = Status::decode(&status) else {
            return Err(Error::protocol(Stage::Status, "a status", describe(&status)));
        };
        let address = self.introduction.address;
        match (status, self.introduction.own_name) {
            (Status::Named { name, creation }, OwnName::Given { .. }) => {
                let node = NodeName::from_peer(&name).map_err(|error| Error::bad_name(Stage::Status, &error))?;
                Ok(Process { node: node.as_str().to_owned(), creation })
            }
            (Status::Ok | Status::OkSimultaneous, OwnName::Chosen(_)) => Ok(Process { node: name, creation }),
            (Status::Alive, OwnName::Chosen(_)) => {
                // The connection that it believes in is gone, or else we would not be here.
                self.send(Stage::Status, message::GO_ON).await?;
                Ok(Process { node: name, creation })
            }
            (Status::Nok, _) => Err(Error::Busy { address }),
            (Status::NotAllowed, _) => Err(Error::NotAllowed { address }),
            (other, OwnName::Given { .. }) => Err(Error::protocol(Stage::Status, "a name for us", other.word())),
            (other, OwnName::Chosen(_)) => Err(Error::protocol(Stage::Status, "ok or a refusal", other.word())),
        }
    }

    /// Waits for who the node is. Whoever is not expected gets no proof.
    async fn challenge(&mut self) -> Result<(NodeName, u32)> {
        let bytes = self.receive(Stage::Challenge).await?;
        let Some(challenge) = Challenge::decode(&bytes) else {
            return Err(Error::protocol(Stage::Challenge, "a challenge of handshake version 6", describe(&bytes)));
        };
        let peer = NodeName::from_peer(&challenge.name).map_err(|error| Error::bad_name(Stage::Challenge, &error))?;
        if let Some(expected) = self.introduction.expected.filter(|expected| **expected != peer) {
            return Err(Error::NameMismatch { expected: expected.clone(), actual: peer });
        }
        if !flags::are_enough(challenge.flags) {
            let found = format!("{peer} with the flags {:#x}", challenge.flags);
            return Err(Error::protocol(Stage::Challenge, "a node of OTP 25 or newer", found));
        }
        Ok((peer, challenge.number))
    }

    /// Proves that we know the cookie, and sees that the node does.
    async fn prove(&mut self, peer: &NodeName, theirs: u32) -> Result<()> {
        let cookie = self.introduction.cookie;
        let challenge = rand::random();
        let reply = ChallengeReply { challenge, digest: cookie.digest(theirs) };
        let wrong = |evidence| Error::WrongCookie { peer: peer.clone(), evidence };
        let proof = async {
            self.send(Stage::Proof, &reply.encode()).await?;
            self.receive(Stage::Proof).await
        };
        let bytes = match proof.await {
            Err(Error::HungUp { .. }) => return Err(wrong(Evidence::Rejected)),
            other => other?,
        };
        match message::decode_ack(&bytes) {
            Some(digest) if digest == cookie.digest(challenge) => Ok(()),
            Some(_) => Err(wrong(Evidence::BadProof)),
            None => Err(Error::protocol(Stage::Proof, "the node's proof", describe(&bytes))),
        }
    }

    async fn send(&mut self, stage: Stage, message: &[u8]) -> Result<()> {
        let sent = frame::write(self.stream, self.width, message).await;
        sent.map_err(|error| self.failed(stage, error))
    }

    async fn receive(&mut self, stage: Stage) -> Result<Vec<u8>> {
        let received = self.frames.next(self.stream).await;
        received.map_err(|error| self.failed(stage, error))
    }

    fn failed(&self, stage: Stage, error: FrameError) -> Error {
        let address = self.introduction.address;
        match error {
            FrameError::Closed => Error::HungUp { address, stage },
            FrameError::TooLong(TLS_ALERT) if self.width == Width::Two => Error::TlsExpected { address },
            FrameError::TooLong(length) => {
                Error::protocol(stage, "a message of the handshake", format!("a frame of {length} bytes"))
            }
            // A node that does not take our certificate may say so only after the handshake of TLS.
            FrameError::Io(source) if is_tls(&source) => Error::Tls { address, source },
            FrameError::Io(source) => Error::Unreachable { address, source },
        }
    }
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>()).is_some()
}

/// A message by its length and tag; its content may be anything.
fn describe(message: &[u8]) -> String {
    match message.first() {
        Some(tag) if tag.is_ascii_graphic() => {
            format!("{} bytes that begin with {:?}", message.len(), char::from(*tag))
        }
        Some(tag) => format!("{} bytes that begin with {tag}", message.len()),
        None => "an empty message".to_owned(),
    }
}
