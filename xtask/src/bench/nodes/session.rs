//! The side of a node on one connection, from the bytes that come to those that go: the handshake, then calls and ticks.
//!
//! See [the distribution protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol), of which this is what a client
//! needs that is hidden, lets itself be named, and calls `rex`.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use md5::{Digest as _, Md5};

use super::term::{self, Term, VERSION};
use super::world::{NodeId, World, node_name};

/// A quarter of `net_ticktime`, as it is unless set otherwise: how often a node looks whether it has to tick.
pub(super) const TICK: Duration = Duration::from_secs(15);

/// What the node can do: all that is mandatory up to OTP 28, and to be visible.
const FLAGS: u64 = 0x4_0707_0f94 | 1;
/// What the client asks for: to be named.
const NAME_ME: u64 = 1 << 33;

const CREATION: u32 = 1;
/// The kind of every frame where neither side has an atom cache or fragments.
const PASS_THROUGH: u8 = 112;
/// The control message to a process by its identifier.
const SEND: i64 = 2;

/// Messages after the handshake, each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::bench) struct Traffic {
    pub(in crate::bench) calls: u64,
    pub(in crate::bench) answers: u64,
    /// Ticks of the operator.
    pub(in crate::bench) ticks_heard: u64,
    /// Ticks of the node.
    pub(in crate::bench) ticks_sent: u64,
}

impl Traffic {
    /// What came to it since it was `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls - before.calls,
            answers: self.answers - before.answers,
            ticks_heard: self.ticks_heard - before.ticks_heard,
            ticks_sent: self.ticks_sent - before.ticks_sent,
        }
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, more: Self) {
        self.calls += more.calls;
        self.answers += more.answers;
        self.ticks_heard += more.ticks_heard;
        self.ticks_sent += more.ticks_sent;
    }
}

/// A connection to a node.
pub(super) struct Session {
    node: NodeId,
    /// Tells this connection from all others.
    number: u32,
    stage: Stage,
    heard: Vec<u8>,
    /// Whether anything has come, and gone, since the node last looked whether it has to tick.
    has_read: bool,
    has_written: bool,
    next_look: Instant,
}

enum Stage {
    Name,
    Proof,
    Connected,
}

impl Session {
    pub(super) fn new(node: NodeId, number: u32) -> Self {
        Self {
            node,
            number,
            stage: Stage::Name,
            heard: Vec::new(),
            has_read: false,
            has_written: false,
            next_look: Instant::now() + TICK,
        }
    }

    /// Whether both sides have proven who they are.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.stage, Stage::Connected)
    }

    /// What the node says to bytes that came.
    pub(super) fn hears(&mut self, bytes: &[u8], world: &World, traffic: &mut Traffic) -> Result<Vec<u8>> {
        self.heard.extend_from_slice(bytes);
        let mut says = Vec::new();
        while let Some(frame) = self.next_frame() {
            match self.stage {
                Stage::Name => says.extend(self.named(&frame)?),
                Stage::Proof => says.extend(self.proven(&frame, world)?),
                Stage::Connected => says.extend(self.connected(&frame, world, traffic)?),
            }
        }
        Ok(says)
    }

    /// What the node says when nothing comes: a tick, if it is time for one. As in OTP it looks for that at intervals, and
    /// ticks if it has said nothing since the last look, or, as the client is hidden, has heard nothing.
    pub(super) fn looks(&mut self, now: Instant, traffic: &mut Traffic) -> Vec<u8> {
        if !self.is_connected() || now < self.next_look {
            return Vec::new();
        }
        self.next_look = now + TICK;
        let is_due = !self.has_read || !self.has_written;
        (self.has_read, self.has_written) = (false, false);
        if !is_due {
            return Vec::new();
        }
        traffic.ticks_sent += 1;
        framed32(&[])
    }

    fn next_frame(&mut self) -> Option<Vec<u8>> {
        let (width, length) = if self.is_connected() {
            (4, u32::from_be_bytes(*self.heard.first_chunk()?) as usize)
        } else {
            (2, usize::from(u16::from_be_bytes(*self.heard.first_chunk()?)))
        };
        let frame = self.heard.get(width..width + length)?.to_vec();
        self.heard.drain(..width + length);
        Some(frame)
    }

    /// Names the client and challenges it.
    fn named(&mut self, frame: &[u8]) -> Result<Vec<u8>> {
        let (head, host) = frame.split_at_checked(15).context("a name that is cut")?;
        ensure!(head[0] == b'N', "no name of handshake version 6");
        let flags = u64::from_be_bytes(head[1..9].try_into()?);
        ensure!(flags & NAME_ME != 0, "a client that chooses its own name");
        let name = format!("{:X}@{}", self.number, String::from_utf8_lossy(host));
        let status = [&b"snamed:"[..], &with_length(&name), &CREATION.to_be_bytes()].concat();
        let (flags, challenge) = (FLAGS.to_be_bytes(), self.challenge().to_be_bytes());
        let challenge =
            [b"N", &flags[..], &challenge, &CREATION.to_be_bytes(), &with_length(&node_name(self.node))].concat();
        self.stage = Stage::Proof;
        Ok([framed16(&status), framed16(&challenge)].concat())
    }

    /// Takes the proof of the client and gives that of the node.
    fn proven(&mut self, frame: &[u8], world: &World) -> Result<Vec<u8>> {
        let (head, proof) = frame.split_at_checked(5).context("a proof that is cut")?;
        ensure!(head[0] == b'r', "no proof of the cookie");
        let cookie = world.cookie(self.node);
        ensure!(proof == digest(cookie, self.challenge()), "{} has another cookie", node_name(self.node));
        let challenge = u32::from_be_bytes(head[1..].try_into()?);
        self.stage = Stage::Connected;
        Ok(framed16(&[&b"a"[..], &digest(cookie, challenge)].concat()))
    }

    fn connected(&mut self, frame: &[u8], world: &World, traffic: &mut Traffic) -> Result<Vec<u8>> {
        self.has_read = true;
        if frame.is_empty() {
            traffic.ticks_heard += 1;
            return Ok(Vec::new());
        }
        traffic.calls += 1;
        let answer = self.answer(frame, world)?;
        self.has_written = true;
        traffic.answers += 1;
        Ok(framed32(&answer))
    }

    /// The answer to `{'$gen_call', {Pid, Ref}, {call, Module, Function, Arguments, user}}`: `{Ref, Result}`, to that process.
    fn answer(&self, frame: &[u8], world: &World) -> Result<Vec<u8>> {
        let mut terms = frame.strip_prefix(&[PASS_THROUGH]).context("a frame of another kind")?;
        let (_control, message) = Term::read(&mut terms).zip(Term::read(&mut terms)).context("no message")?;
        let Some((pid, reference, call)) = request(&message) else { bail!("no call of rex: {message:?}") };
        let [_call, Term::Atom(module), Term::Atom(function), Term::List(arguments), _user] = call else {
            bail!("no call of a function: {call:?}")
        };
        let result = world.answer(self.node, module, function, arguments);
        let result = result.with_context(|| format!("{module}:{function} is not simulated"))?;
        let control = term::tuple(&[term::integer(SEND), term::atom(""), pid.to_vec()]);
        let message = term::tuple(&[reference.to_vec(), result]);
        Ok([&[PASS_THROUGH, VERSION][..], &control, &[VERSION], &message].concat())
    }

    /// A number that is another one for each connection.
    fn challenge(&self) -> u32 {
        self.number.wrapping_mul(0x9e37_79b9)
    }
}

/// Who calls, the reference of the call, and the call.
fn request<'a, 'b>(message: &'b Term<'a>) -> Option<(&'a [u8], &'a [u8], &'b [Term<'a>])> {
    let Term::Tuple(elements) = message else { return None };
    match elements.as_slice() {
        [Term::Atom("$gen_call"), Term::Tuple(from), Term::Tuple(call)] => match from.as_slice() {
            [Term::Opaque(pid), Term::Opaque(reference)] => Some((pid, reference, call)),
            _ => None,
        },
        _ => None,
    }
}

fn digest(cookie: &[u8], challenge: u32) -> [u8; 16] {
    Md5::new().chain_update(cookie).chain_update(challenge.to_string()).finalize().into()
}

fn with_length(text: &str) -> Vec<u8> {
    framed16(text.as_bytes())
}

fn framed16(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a short message");
    [&length.to_be_bytes()[..], body].concat()
}

fn framed32(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a frame that fits its length");
    [&length.to_be_bytes()[..], body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        World::new(2, vec![b"secret".to_vec()])
    }

    fn connected(world: &World) -> Session {
        let mut session = Session::new(NodeId(1), 7);
        let flags = NAME_ME.to_be_bytes();
        let name = [b"N", &flags[..], &[0; 4], &with_length("beam-operator")].concat();
        let said = session.hears(&framed16(&name), world, &mut Traffic::default()).unwrap();
        assert!(said.starts_with(b"\0\x1csnamed:\0\x0f7@beam-operator\0\0\0\x01\0\x27N"), "{said:?}");
        assert!(said.ends_with(b"mesh-0000@127.83.0.1"));
        let proof = [&b"r"[..], &9_u32.to_be_bytes(), &digest(b"secret", session.challenge())].concat();
        let said = session.hears(&framed16(&proof), world, &mut Traffic::default()).unwrap();
        assert_eq!(said, framed16(&[&b"a"[..], &digest(b"secret", 9)].concat()));
        session
    }

    fn pid() -> Vec<u8> {
        [&[88, 119, 1, b'n'][..], &[0; 12]].concat()
    }

    fn reference() -> Vec<u8> {
        [&[90, 0, 3, 119, 1, b'n'][..], &[0; 16]].concat()
    }

    fn call(module: &str, function: &str, argument: &str) -> Vec<u8> {
        let control = term::tuple(&[term::integer(6), pid(), term::atom(""), term::atom("rex")]);
        let (module, function) = (term::atom(module), term::atom(function));
        let arguments = term::list(&[term::atom(argument)]);
        let call = term::tuple(&[term::atom("call"), module, function, arguments, term::atom("user")]);
        let from = term::tuple(&[pid(), reference()]);
        let message = term::tuple(&[term::atom("$gen_call"), from, call]);
        framed32(&[&[PASS_THROUGH, VERSION][..], &control, &[VERSION], &message].concat())
    }

    #[test]
    fn a_call_is_answered_to_whoever_made_it_however_its_bytes_come() {
        let (world, mut traffic) = (world(), Traffic::default());
        let mut session = connected(&world);
        let (mut said, call) = (Vec::new(), call("erlang", "nodes", "visible"));
        for byte in call {
            said.extend(session.hears(&[byte], &world, &mut traffic).unwrap());
        }

        let control = term::tuple(&[term::integer(2), term::atom(""), pid()]);
        let message = term::tuple(&[reference(), term::list(&[term::atom("mesh-0000@127.83.0.0")])]);
        assert_eq!(said, framed32(&[&[PASS_THROUGH, VERSION][..], &control, &[VERSION], &message].concat()));
        assert_eq!(traffic, Traffic { calls: 1, answers: 1, ..Traffic::default() });
    }

    #[test]
    fn a_call_that_is_not_simulated_is_an_error() {
        let world = world();
        let error = connected(&world).hears(&call("os", "cmd", "ls"), &world, &mut Traffic::default()).unwrap_err();
        assert_eq!(error.to_string(), "os:cmd is not simulated");
    }

    #[test]
    fn a_client_with_another_cookie_is_refused() {
        let mut session = connected(&world());
        session.stage = Stage::Proof;
        let proof = [&b"r"[..], &[0; 4], &digest(b"wrong", session.challenge())].concat();
        session.hears(&framed16(&proof), &world(), &mut Traffic::default()).unwrap_err();
    }

    #[test]
    fn a_node_ticks_where_either_side_was_silent() {
        let (world, mut traffic) = (world(), Traffic::default());
        let mut session = connected(&world);
        let first = session.next_look;
        assert_eq!(session.looks(Instant::now(), &mut traffic), b"", "not yet");
        assert_eq!(session.looks(first, &mut traffic), [0; 4], "nothing was said");
        session.hears(&call("erlang", "nodes", "visible"), &world, &mut traffic).unwrap();
        assert_eq!(session.looks(first + TICK, &mut traffic), b"", "both have spoken");
        session.hears(&[0; 4], &world, &mut traffic).unwrap();
        assert_eq!(session.looks(first + TICK * 2, &mut traffic), [0; 4], "the node has said nothing");
        assert_eq!(traffic, Traffic { calls: 1, answers: 1, ticks_heard: 1, ticks_sent: 2 });
    }
}
