//! Reads answers. What is not understood is told by what was expected and of what kind it was, never by its content.

use std::time::Duration;

use super::super::error::{Error, Result, Stage};
use super::super::name::NodeName;
use super::super::term::Term;

/// How much memory a node uses, in bytes: what `erlang:memory/0` calls by the same names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Of processes and system together.
    pub total: u64,
    /// Of processes.
    pub processes: u64,
    /// Of everything that belongs to no process.
    pub system: u64,
    /// Of atoms.
    pub atom: u64,
    /// Of binaries outside of processes.
    pub binary: u64,
    /// Of loaded code.
    pub code: u64,
    /// Of ETS tables.
    pub ets: u64,
}

/// How far the start, or the end, of a node has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InitStatus {
    /// Its applications are being started.
    Starting,
    /// All of them run.
    Started,
    /// They are being stopped.
    Stopping,
}

/// What came of asking a node to connect to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connected {
    /// They are connected now, or were before.
    Yes,
    /// The other could not be reached or refused.
    No,
    /// The node itself is not distributed any more.
    NotDistributed,
}

/// Takes the answer to a call, or the reason why there is none.
pub(in crate::beam) fn result(call: &'static str, term: Term) -> Result<Term> {
    match term.as_tuple() {
        Some([tag, reason]) if tag.as_atom() == Some("badrpc") => {
            Err(Error::Failed { call, reason: class(reason).unwrap_or("an unknown error").to_owned() })
        }
        _ => Ok(term),
    }
}

/// The class of an error. What comes with it is left out: a stack trace may repeat the arguments of the call.
fn class(reason: &Term) -> Option<&str> {
    match reason.as_tuple() {
        Some([exit, reason]) if exit.as_atom() == Some("EXIT") => match reason.as_tuple() {
            Some([class, ..]) => class.as_atom(),
            _ => reason.as_atom(),
        },
        _ => reason.as_atom(),
    }
}

fn unexpected(expected: &'static str, found: &Term) -> Error {
    Error::protocol(Stage::Call, expected, found.kind())
}

pub(in crate::beam) fn names(term: &Term) -> Result<Vec<NodeName>> {
    const EXPECTED: &str = "a list of node names";
    let name = |term: &Term| {
        let name = term.as_atom().ok_or_else(|| unexpected(EXPECTED, term))?;
        name.parse().map_err(|error| Error::bad_name(Stage::Call, &error))
    };
    term.as_list().ok_or_else(|| unexpected(EXPECTED, term))?.iter().map(name).collect()
}

pub(in crate::beam) fn memory(term: &Term) -> Result<Memory> {
    const EXPECTED: &str = "a list of pairs of an atom and a number of bytes";
    let mut memory = Memory::default();
    for pair in term.as_list().ok_or_else(|| unexpected(EXPECTED, term))? {
        let Some([kind, bytes]) = pair.as_tuple() else { return Err(unexpected(EXPECTED, pair)) };
        let kind = kind.as_atom().ok_or_else(|| unexpected(EXPECTED, kind))?;
        let place = match kind {
            "total" => &mut memory.total,
            "processes" => &mut memory.processes,
            "system" => &mut memory.system,
            "atom" => &mut memory.atom,
            "binary" => &mut memory.binary,
            "code" => &mut memory.code,
            "ets" => &mut memory.ets,
            _ => continue,
        };
        *place = count(bytes)?;
    }
    Ok(memory)
}

pub(in crate::beam) fn count(term: &Term) -> Result<u64> {
    let value = term.as_integer().and_then(|value| u64::try_from(value).ok());
    value.ok_or_else(|| unexpected("a number that is not negative", term))
}

/// A number as the value of an expression, with the bindings that it leaves.
pub(in crate::beam) fn value(term: &Term) -> Result<u64> {
    match term.as_tuple() {
        Some([tag, value, _]) if tag.as_atom() == Some("value") => count(value),
        _ => Err(unexpected("{value, number, bindings}", term)),
    }
}

pub(in crate::beam) fn integer(term: &Term) -> Result<i64> {
    term.as_integer().ok_or_else(|| unexpected("an integer of 64 bits", term))
}

pub(in crate::beam) fn text(term: &Term) -> Result<String> {
    match term {
        Term::Text(bytes) => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        _ => Err(unexpected("a string", term)),
    }
}

pub(in crate::beam) fn init_status(term: &Term) -> Result<InitStatus> {
    const EXPECTED: &str = "{starting | started | stopping, _}";
    let Some([status, _provided]) = term.as_tuple() else { return Err(unexpected(EXPECTED, term)) };
    match status.as_atom() {
        Some("starting") => Ok(InitStatus::Starting),
        Some("started") => Ok(InitStatus::Started),
        Some("stopping") => Ok(InitStatus::Stopping),
        _ => Err(unexpected(EXPECTED, status)),
    }
}

/// How long a node has run, by its own clock, whose unit is `second` parts of a second.
pub(in crate::beam) fn uptime(now: i64, start: i64, second: i64) -> Result<Duration> {
    let elapsed = u128::try_from(i128::from(now) - i128::from(start));
    let second = u128::try_from(second).ok().filter(|second| *second > 0);
    let (Ok(elapsed), Some(second)) = (elapsed, second) else {
        return Err(Error::protocol(Stage::Call, "a start in the past", "one in the future, or a time without a unit"));
    };
    let milliseconds = elapsed * 1000 / second;
    Ok(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX)))
}

pub(in crate::beam) fn connected(term: &Term) -> Result<Connected> {
    match term.as_atom() {
        Some("true") => Ok(Connected::Yes),
        Some("false") => Ok(Connected::No),
        Some("ignored") => Ok(Connected::NotDistributed),
        _ => Err(unexpected("true, false or ignored", term)),
    }
}

pub(in crate::beam) fn done(term: &Term) -> Result<()> {
    match term.as_atom() {
        Some("true") => Ok(()),
        _ => Err(unexpected("true", term)),
    }
}

pub(in crate::beam) fn ticktime(term: &Term) -> Result<Option<Duration>> {
    let seconds = match term.as_tuple() {
        Some([change, seconds]) if change.as_atom() == Some("ongoing_change_to") => seconds,
        _ if term.as_atom() == Some("ignored") => return Ok(None),
        _ => term,
    };
    count(seconds).map(|seconds| Some(Duration::from_secs(seconds)))
}

pub(in crate::beam) fn setting(term: &Term) -> Result<Option<bool>> {
    const EXPECTED: &str = "undefined or {ok, true | false}";
    if term.as_atom() == Some("undefined") {
        return Ok(None);
    }
    match term.as_tuple() {
        Some([_ok, value]) => match value.as_atom() {
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            _ => Err(unexpected(EXPECTED, value)),
        },
        _ => Err(unexpected(EXPECTED, term)),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use rstest::rstest;

    use super::*;

    fn atom(name: &str) -> Term {
        Term::Atom(name.into())
    }

    fn tuple(elements: impl Into<Box<[Term]>>) -> Term {
        Term::Tuple(elements.into())
    }

    fn list(elements: impl Into<Box<[Term]>>) -> Term {
        Term::List(elements.into())
    }

    #[test]
    fn memory_by_kind() {
        let pair = |kind, bytes| tuple([atom(kind), Term::Integer(bytes)]);
        let answer = list([pair("total", 5_000_000_000), pair("processes_used", 3), pair("ets", 7)]);

        assert_eq!(memory(&answer).unwrap(), Memory { total: 5_000_000_000, ets: 7, ..Memory::default() });
    }

    #[test]
    fn values_of_expressions() {
        assert_eq!(value(&tuple([atom("value"), Term::Integer(7), list([])])).unwrap(), 7);
        assert!(value(&tuple([atom("value"), atom("none"), list([])])).is_err());
        assert!(value(&Term::Integer(7)).is_err());
    }

    #[test]
    fn node_names() {
        let answer = list([atom("a@h"), atom("b@h")]);
        assert_eq!(names(&answer).unwrap(), ["a@h".parse().unwrap(), "b@h".parse().unwrap()]);
        assert_eq!(names(&list([])).unwrap(), []);
    }

    #[test]
    fn an_uptime_in_any_unit() {
        let negative = uptime(-576_460_749_000_000_000, -576_460_752_000_000_000, 1_000_000_000).unwrap();
        assert_eq!(negative, Duration::from_secs(3));
        assert_eq!(uptime(2500, 0, 1000).unwrap(), Duration::from_millis(2500));
        uptime(0, 1, 1000).unwrap_err();
        uptime(1, 0, 0).unwrap_err();
        uptime(i64::MAX, i64::MIN, 1).unwrap();
    }

    #[rstest]
    #[case::number(Term::Integer(60), Some(60))]
    #[case::changing(tuple([atom("ongoing_change_to"), Term::Integer(30)]), Some(30))]
    #[case::not_distributed(atom("ignored"), None)]
    fn a_tick_time(#[case] answer: Term, #[case] seconds: Option<u64>) {
        assert_eq!(ticktime(&answer).unwrap(), seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case(atom("undefined"), None)]
    #[case(tuple([atom("ok"), atom("false")]), Some(false))]
    fn a_setting(#[case] answer: Term, #[case] value: Option<bool>) {
        assert_eq!(setting(&answer).unwrap(), value);
    }

    fn told<T: Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_understood_is_told_without_its_content() {
        let secret = || Term::Text((*b"swordfish").into());
        let errors = [
            told(names(&list([secret()]))),
            told(memory(&list([tuple([atom("total"), secret()])]))),
            told(count(&Term::Integer(-1))),
            told(integer(&secret())),
            told(text(&atom("swordfish"))),
            told(init_status(&tuple([secret(), secret()]))),
            told(connected(&secret())),
            told(done(&secret())),
            told(ticktime(&secret())),
            told(setting(&tuple([atom("ok"), secret()]))),
        ];

        for error in &errors {
            assert!(error.starts_with("the answer to a call: expected ") && !error.contains("sword"), "{error}");
        }
        assert_eq!(errors[0], "the answer to a call: expected a list of node names, got a string");
    }

    #[rstest]
    #[case::undefined(tuple([atom("EXIT"), tuple([atom("undef"), list([Term::Text((*b"swordfish").into())])])]), "undef")]
    #[case::exit(tuple([atom("EXIT"), atom("noproc")]), "noproc")]
    #[case::plain(atom("nodedown"), "nodedown")]
    #[case::strange(Term::Text((*b"swordfish").into()), "an unknown error")]
    fn a_failure_is_told_by_its_class(#[case] reason: Term, #[case] class: &str) {
        let error = result("erlang:memory/0", tuple([atom("badrpc"), reason])).unwrap_err().to_string();

        assert_eq!(error, format!("erlang:memory/0 failed on the node: {class}"));
    }
}
