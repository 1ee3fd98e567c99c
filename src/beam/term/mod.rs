//! Terms, as far as the answers of a node hold them.
//!
//! A node that is asked may be broken or hostile, and the operator must outlive it. The crates that read the external
//! term format trust its counts and nest as deep as they are told, so this is a decoder of our own, for less: what no
//! answer of ours can hold is stepped over and remembered as [`Term::Opaque`], compressed terms are refused, and memory,
//! depth and number of terms have limits that the sender cannot move.
//!
//! See the [external term format](https://www.erlang.org/doc/apps/erts/erl_ext_dist).

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub(super) use decode::{Decoder, Malformed};
pub(super) use encode::{Encoder, Process};

/// The first byte of every term outside of another one.
const VERSION: u8 = 131;

/// The tags of the format.
mod tag {
    pub(super) const NEW_FLOAT: u8 = 70;
    pub(super) const BIT_BINARY: u8 = 77;
    pub(super) const NEW_PID: u8 = 88;
    pub(super) const NEW_PORT: u8 = 89;
    pub(super) const NEWER_REFERENCE: u8 = 90;
    pub(super) const SMALL_INTEGER: u8 = 97;
    pub(super) const INTEGER: u8 = 98;
    pub(super) const FLOAT: u8 = 99;
    pub(super) const ATOM: u8 = 100;
    pub(super) const REFERENCE: u8 = 101;
    pub(super) const PORT: u8 = 102;
    pub(super) const PID: u8 = 103;
    pub(super) const SMALL_TUPLE: u8 = 104;
    pub(super) const LARGE_TUPLE: u8 = 105;
    pub(super) const NIL: u8 = 106;
    pub(super) const STRING: u8 = 107;
    pub(super) const LIST: u8 = 108;
    pub(super) const BINARY: u8 = 109;
    pub(super) const SMALL_BIG: u8 = 110;
    pub(super) const LARGE_BIG: u8 = 111;
    pub(super) const NEW_FUN: u8 = 112;
    pub(super) const EXPORT: u8 = 113;
    pub(super) const NEW_REFERENCE: u8 = 114;
    pub(super) const SMALL_ATOM: u8 = 115;
    pub(super) const MAP: u8 = 116;
    pub(super) const ATOM_UTF8: u8 = 118;
    pub(super) const SMALL_ATOM_UTF8: u8 = 119;
    pub(super) const V4_PORT: u8 = 120;
}

/// A term that a node sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Integer(i64),
    Atom(Box<str>),
    Tuple(Box<[Term]>),
    List(Box<[Term]>),
    /// A list of bytes, which is what the VM writes most text as.
    Text(Box<[u8]>),
    Binary(Box<[u8]>),
    /// The words of a reference, whose node does not matter: we ask for our own.
    Reference(Box<[u32]>),
    /// Something that no answer of ours holds; this says what it is.
    Opaque(&'static str),
}

impl Term {
    /// Of what kind the term is, for an error. Never its content.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Integer(_) => "an integer".to_owned(),
            Self::Atom(_) => "an atom".to_owned(),
            Self::Tuple(elements) => format!("a tuple of {}", elements.len()),
            Self::List(elements) => format!("a list of {}", elements.len()),
            Self::Text(_) => "a string".to_owned(),
            Self::Binary(_) => "a binary".to_owned(),
            Self::Reference(_) => "a reference".to_owned(),
            Self::Opaque(what) => (*what).to_owned(),
        }
    }

    pub(super) fn as_atom(&self) -> Option<&str> {
        match self {
            Self::Atom(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn as_tuple(&self) -> Option<&[Term]> {
        match self {
            Self::Tuple(elements) => Some(elements),
            _ => None,
        }
    }

    /// The elements of a list that is not text.
    pub(super) fn as_list(&self) -> Option<&[Term]> {
        match self {
            Self::List(elements) => Some(elements),
            _ => None,
        }
    }
}
