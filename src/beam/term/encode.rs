//! Writes terms, piece by piece and straight into the frame that is sent.
//!
//! One of the calls has a cookie for its argument. So there is no tree of terms in between that would have to be wiped,
//! and what is written lies in memory that is wiped when it is dropped and that never moves while it grows.

use zeroize::Zeroizing;

use super::{VERSION, tag};

/// More than the longest call takes, which a test holds it to: memory that grows leaves its old content behind.
const CAPACITY: usize = 4096;

/// Longest atom, in bytes, with a length of one byte.
const SHORT: usize = u8::MAX as usize;

/// Our side of a connection, as it appears in terms: the name that we bear there, and when we took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::beam) struct Process {
    pub(in crate::beam) node: String,
    pub(in crate::beam) creation: u32,
}

/// Terms in the making.
pub(in crate::beam) struct Encoder(Zeroizing<Vec<u8>>);

impl Encoder {
    pub(in crate::beam) fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(CAPACITY)))
    }

    pub(in crate::beam) fn finish(self) -> Zeroizing<Vec<u8>> {
        debug_assert!(self.0.capacity() == CAPACITY, "the frame has moved while it grew");
        self.0
    }

    /// Bytes as they are.
    pub(in crate::beam) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Begins a term that is not part of another.
    pub(in crate::beam) fn begin(&mut self) {
        self.0.push(VERSION);
    }

    /// Begins a tuple of as many elements.
    pub(in crate::beam) fn tuple(&mut self, arity: u8) {
        self.raw(&[tag::SMALL_TUPLE, arity]);
    }

    /// Begins a list of as many elements, which [`Self::nil`] has to end.
    pub(in crate::beam) fn list(&mut self, length: u32) {
        self.0.push(tag::LIST);
        self.raw(&length.to_be_bytes());
    }

    pub(in crate::beam) fn nil(&mut self) {
        self.0.push(tag::NIL);
    }

    pub(in crate::beam) fn integer(&mut self, value: i32) {
        self.0.push(tag::INTEGER);
        self.raw(&value.to_be_bytes());
    }

    pub(in crate::beam) fn atom(&mut self, name: &str) {
        self.atom_of(name.as_bytes());
    }

    /// An atom of these bytes in UTF-8.
    pub(in crate::beam) fn atom_of(&mut self, name: &[u8]) {
        // No name here is longer than the 255 characters of an atom, of four bytes at most.
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        if name.len() <= SHORT {
            self.raw(&[tag::SMALL_ATOM_UTF8, length.to_be_bytes()[1]]);
        } else {
            self.0.push(tag::ATOM_UTF8);
            self.raw(&length.to_be_bytes());
        }
        self.raw(name);
    }

    /// The identifier of the one process that we pretend to be.
    pub(in crate::beam) fn pid(&mut self, of: &Process) {
        self.0.push(tag::NEW_PID);
        self.atom(&of.node);
        let (id, serial) = (1_u32, 0_u32);
        for word in [id, serial, of.creation] {
            self.raw(&word.to_be_bytes());
        }
    }

    /// A reference of ours.
    pub(in crate::beam) fn reference(&mut self, of: &Process, words: [u32; 3]) {
        self.0.push(tag::NEWER_REFERENCE);
        self.raw(&3_u16.to_be_bytes());
        self.atom(&of.node);
        self.raw(&of.creation.to_be_bytes());
        for word in words {
            self.raw(&word.to_be_bytes());
        }
    }
}
