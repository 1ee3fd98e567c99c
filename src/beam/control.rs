//! What connected nodes tell each other: a control message, and for some of them a message to a process.
//!
//! Of some thirty control messages a client needs two. It sends `REG_SEND`, a message to a process known by its name, and
//! reads the messages to itself. Everything else a node may say concerns links, monitors and groups that do not exist
//! here, and is passed over.
//!
//! Without the flags for an atom cache and fragments every frame is a pass-through: a byte of its own, then both terms.
//!
//! See [protocol between connected nodes](https://www.erlang.org/doc/apps/erts/erl_dist_protocol#protocol-between-connected-nodes).

use zeroize::Zeroizing;

use super::call::Call;
use super::term::{Decoder, Encoder, Malformed, Process, Term};

const PASS_THROUGH: u8 = 112;

/// A message to a process by its name.
const REG_SEND: i32 = 6;

/// The control messages that carry a message to a process by its identifier: plain, with a trace token, with the sender,
/// and with both.
const SENDS: [i64; 4] = [2, 12, 22, 23];

/// An empty frame, which says that this side is alive.
pub(super) const TICK: [u8; 4] = [0; 4];

/// The number of a call on its connection.
pub(super) type CallId = u32;

/// What a node said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Tick,
    /// The answer to a call.
    Answer(CallId, Term),
    /// Something that does not concern us.
    Other,
}

/// A frame, its length in front, with a call: the request of a `gen_server:call` to `rex`, the server behind `rpc`.
///
/// The leader of the process that carries it out is the node's own `user`, so that nothing it prints comes our way.
pub(super) fn call(us: &Process, id: CallId, call: &Call) -> Zeroizing<Vec<u8>> {
    let mut frame = Encoder::new();
    frame.raw(&[0; 4]);
    frame.raw(&[PASS_THROUGH]);
    frame.begin();
    frame.tuple(4);
    frame.integer(REG_SEND);
    frame.pid(us);
    frame.atom("");
    frame.atom("rex");
    frame.begin();
    frame.tuple(3);
    frame.atom("$gen_call");
    frame.tuple(2);
    frame.pid(us);
    // Older formats leave the first word 18 bits.
    frame.reference(us, [0, 0, id]);
    frame.tuple(5);
    frame.atom("call");
    call.write(&mut frame);
    frame.atom("user");
    let mut frame = frame.finish();
    let length = u32::try_from(frame.len() - 4).unwrap_or(u32::MAX);
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// Reads a frame without its length.
pub(super) fn read(frame: &[u8]) -> Result<Heard, Malformed> {
    let Some((kind, terms)) = frame.split_first() else { return Ok(Heard::Tick) };
    if *kind != PASS_THROUGH {
        return Err(Malformed { what: "a frame of a kind that was not agreed on", at: 0 });
    }
    let mut terms = Decoder::new(terms);
    let control = terms.next()?;
    let operation = control.as_tuple().and_then(|elements| elements.first()).and_then(Term::as_integer);
    match operation {
        Some(operation) if SENDS.contains(&operation) => {
            let message = terms.next()?;
            if terms.is_empty() {
                Ok(answer(message))
            } else {
                Err(Malformed { what: "bytes after the end of a message", at: frame.len() })
            }
        }
        Some(_) => Ok(Heard::Other),
        None => Err(Malformed { what: "a control message without an operation", at: 1 }),
    }
}

fn answer(message: Term) -> Heard {
    let Term::Tuple(elements) = message else { return Heard::Other };
    let Ok(elements) = <Box<[Term; 2]>>::try_from(elements) else { return Heard::Other };
    match *elements {
        [Term::Reference(reference), result] => match *reference {
            [0, 0, id] => Heard::Answer(id, result),
            _ => Heard::Other,
        },
        _ => Heard::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::cookie::Cookie;
    use super::super::name::NodeName;
    use super::*;

    fn us() -> Process {
        Process { node: "1@beam-operator".to_owned(), creation: 7 }
    }

    /// `term_to_binary` of OTP's own, for `{6, Pid, '', rex}` and `{'$gen_call', {Pid, Ref}, {call, …, user}}`.
    #[test]
    fn a_call_as_rex_takes_it() {
        let frame = call(&us(), 9, &Call::Memory);
        let length = u32::from_be_bytes(*frame.first_chunk().unwrap());
        assert_eq!(length as usize, frame.len() - 4);
        assert_eq!(frame[4], PASS_THROUGH);

        let mut terms = Decoder::new(&frame[5..]);
        let atom = |name: &str| Term::Atom(name.into());
        let tuple = |elements: Vec<Term>| Term::Tuple(elements.into());
        let control = tuple(vec![Term::Integer(6), Term::Opaque("a pid"), atom(""), atom("rex")]);
        assert_eq!(terms.next().unwrap(), control);
        let from = tuple(vec![Term::Opaque("a pid"), Term::Reference([0, 0, 9].into())]);
        let request =
            tuple(vec![atom("call"), atom("erlang"), atom("memory"), Term::List(Box::default()), atom("user")]);
        assert_eq!(terms.next().unwrap(), tuple(vec![atom("$gen_call"), from, request]));
        assert!(terms.is_empty());
    }

    #[test]
    fn the_longest_call_stays_where_it_is() {
        let node: NodeName = format!("a@{}", "\u{1f980}".repeat(253)).parse().unwrap();
        let cookie = Cookie::new("x".repeat(255)).unwrap();
        let us = Process { node: "x".repeat(255), creation: 1 };

        // Encoding asserts that the memory did not move.
        assert!(call(&us, CallId::MAX, &Call::SetCookie { node, cookie }).len() > 2000);
    }

    fn frame(operation: u8, message: &[u8]) -> Vec<u8> {
        // {Operation, '', ''}
        let control = [131, 104, 3, 97, operation, 119, 0, 119, 0];
        [&[PASS_THROUGH], &control[..], message].concat()
    }

    #[rstest]
    #[case::plain(2)]
    #[case::traced(12)]
    #[case::with_sender(22)]
    fn an_answer(#[case] operation: u8) {
        let reference = [90, 0, 3, 119, 1, b'n', 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        let message = [&[131, 104, 2][..], &reference, &[97, 42]].concat();

        assert_eq!(read(&frame(operation, &message)), Ok(Heard::Answer(9, Term::Integer(42))));
    }

    #[rstest]
    #[case::no_message_to_us(&frame(1, b""), Heard::Other)]
    #[case::no_answer(&frame(2, &[131, 97, 1]), Heard::Other)]
    #[case::another_reference(&frame(2, &[131, 104, 2, 90, 0, 1, 119, 0, 0, 0, 0, 7, 0, 0, 0, 9, 97, 1]), Heard::Other)]
    #[case::a_tick(b"", Heard::Tick)]
    fn what_is_no_answer(#[case] frame: &[u8], #[case] heard: Heard) {
        assert_eq!(read(frame), Ok(heard));
    }

    #[rstest]
    #[case::fragment(&[131, 69, 0])]
    #[case::no_control(&[PASS_THROUGH])]
    #[case::no_operation(&[PASS_THROUGH, 131, 106])]
    #[case::no_message(&frame(2, b""))]
    #[case::more_than_a_message(&frame(2, &[131, 106, 0]))]
    fn garbage(#[case] frame: &[u8]) {
        read(frame).unwrap_err();
    }

    proptest! {
        #[test]
        fn no_frame_does_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read(&frame(2, &bytes));
        }
    }
}
