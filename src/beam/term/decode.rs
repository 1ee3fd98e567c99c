//! Reads terms from bytes that anybody may have made.

use super::{Term, VERSION, tag};

/// How deep terms may nest. Answers nest five deep; the stack traces in errors a few more.
const DEEPEST: u8 = 32;

/// How many terms a frame may hold, at 24 bytes each. The names of all nodes of the largest cluster are fewer.
const MOST: u32 = 32 * 1024;

/// The bytes are no term that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub(in crate::beam) struct Malformed {
    pub(in crate::beam) what: &'static str,
    /// Counted from the first byte.
    pub(in crate::beam) at: usize,
}

type Result<T> = std::result::Result<T, Malformed>;

/// Reads the terms of one frame, one after the other.
pub(in crate::beam) struct Decoder<'a> {
    all: usize,
    rest: &'a [u8],
    /// How many terms more there may be.
    budget: u32,
}

impl<'a> Decoder<'a> {
    pub(in crate::beam) fn new(bytes: &'a [u8]) -> Self {
        Self { all: bytes.len(), rest: bytes, budget: MOST }
    }

    /// The next term.
    pub(in crate::beam) fn next(&mut self) -> Result<Term> {
        match self.byte()? {
            VERSION => self.term(DEEPEST),
            _ => Err(self.malformed("another version of the term format")),
        }
    }

    /// Whether everything has been read.
    pub(in crate::beam) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn term(&mut self, depth: u8) -> Result<Term> {
        let depth = depth.checked_sub(1).ok_or_else(|| self.malformed("terms nested too deep"))?;
        self.budget = self.budget.checked_sub(1).ok_or_else(|| self.malformed("too many terms"))?;
        match self.byte()? {
            tag::SMALL_INTEGER => Ok(Term::Integer(i64::from(self.byte()?))),
            tag::INTEGER => Ok(Term::Integer(i64::from(i32::from_be_bytes(self.array()?)))),
            tag::SMALL_BIG => {
                let length = usize::from(self.byte()?);
                self.big(length)
            }
            tag::LARGE_BIG => {
                let length = self.length()?;
                self.big(length)
            }
            tag::SMALL_ATOM_UTF8 => {
                let length = usize::from(self.byte()?);
                self.atom_utf8(length)
            }
            tag::ATOM_UTF8 => {
                let length = usize::from(self.word16()?);
                self.atom_utf8(length)
            }
            tag::SMALL_ATOM => {
                let length = usize::from(self.byte()?);
                self.atom_latin1(length)
            }
            tag::ATOM => {
                let length = usize::from(self.word16()?);
                self.atom_latin1(length)
            }
            tag::SMALL_TUPLE => {
                let arity = usize::from(self.byte()?);
                Ok(Term::Tuple(self.terms(arity, depth)?))
            }
            tag::LARGE_TUPLE => {
                let arity = self.length()?;
                Ok(Term::Tuple(self.terms(arity, depth)?))
            }
            tag::NIL => Ok(Term::List(Box::default())),
            tag::STRING => {
                let length = usize::from(self.word16()?);
                Ok(Term::Text(self.take(length)?.into()))
            }
            tag::LIST => self.list(depth),
            tag::BINARY => {
                let length = self.length()?;
                Ok(Term::Binary(self.take(length)?.into()))
            }
            tag::NEWER_REFERENCE => self.reference(4, depth),
            tag::NEW_REFERENCE => self.reference(1, depth),
            other => self.opaque(other, depth),
        }
    }

    /// Steps over what no answer holds.
    fn opaque(&mut self, tag: u8, depth: u8) -> Result<Term> {
        let (what, nested, bytes) = match tag {
            tag::NEW_FLOAT => ("a float", 0, 8),
            tag::FLOAT => ("a float", 0, 31),
            tag::PID => ("a pid", 1, 9),
            tag::NEW_PID => ("a pid", 1, 12),
            tag::PORT => ("a port", 1, 5),
            tag::NEW_PORT => ("a port", 1, 8),
            tag::V4_PORT => ("a port", 1, 12),
            tag::REFERENCE => ("an old reference", 1, 5),
            tag::EXPORT => ("a fun", 3, 0),
            tag::BIT_BINARY => ("a bit string", 0, self.length()?.saturating_add(1)),
            // The size counts itself.
            tag::NEW_FUN => ("a fun", 0, self.length()?.saturating_sub(4)),
            tag::MAP => ("a map", self.length()?.saturating_mul(2), 0),
            _ => return Err(self.malformed("a tag that nobody should send")),
        };
        for _ in 0..nested {
            self.term(depth)?;
        }
        self.take(bytes)?;
        Ok(Term::Opaque(what))
    }

    fn terms(&mut self, count: usize, depth: u8) -> Result<Box<[Term]>> {
        // A term takes a byte at least, so a count beyond that is a lie; and more than the budget will not be read.
        if count > self.rest.len() || count > self.budget as usize {
            return Err(self.malformed("more elements than there can be"));
        }
        let mut terms = Vec::with_capacity(count);
        for _ in 0..count {
            terms.push(self.term(depth)?);
        }
        Ok(terms.into())
    }

    fn list(&mut self, depth: u8) -> Result<Term> {
        let length = self.length()?;
        let elements = self.terms(length, depth)?;
        match self.term(depth)? {
            Term::List(tail) if tail.is_empty() => Ok(Term::List(elements)),
            _ => Ok(Term::Opaque("an improper list")),
        }
    }

    fn big(&mut self, length: usize) -> Result<Term> {
        let negative = self.byte()? != 0;
        let digits = self.take(length)?;
        let (low, high) = digits.split_at(digits.len().min(8));
        let mut bytes = [0; 8];
        bytes[..low.len()].copy_from_slice(low);
        let magnitude = i128::from(u64::from_le_bytes(bytes));
        let value = i64::try_from(if negative { -magnitude } else { magnitude });
        match value {
            Ok(value) if high.iter().all(|digit| *digit == 0) => Ok(Term::Integer(value)),
            _ => Ok(Term::Opaque("an integer of more than 64 bits")),
        }
    }

    fn atom_utf8(&mut self, length: usize) -> Result<Term> {
        let name = std::str::from_utf8(self.take(length)?);
        name.map(|name| Term::Atom(name.into())).map_err(|_| self.malformed("an atom that is not UTF-8"))
    }

    fn atom_latin1(&mut self, length: usize) -> Result<Term> {
        let name: String = self.take(length)?.iter().map(|byte| char::from(*byte)).collect();
        Ok(Term::Atom(name.into()))
    }

    fn reference(&mut self, creation: usize, depth: u8) -> Result<Term> {
        let count = usize::from(self.word16()?);
        let _node = self.term(depth)?;
        let _creation = self.take(creation)?;
        let (words, _) = self.take(count * 4)?.as_chunks::<4>();
        Ok(Term::Reference(words.iter().map(|word| u32::from_be_bytes(*word)).collect()))
    }

    fn length(&mut self) -> Result<usize> {
        let length = u32::from_be_bytes(self.array()?);
        usize::try_from(length).map_err(|_| self.malformed("a length beyond memory"))
    }

    fn word16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk().ok_or_else(|| self.malformed("an early end"))?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.malformed("an early end"))?;
        self.rest = rest;
        Ok(head)
    }

    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, at: self.all - self.rest.len() }
    }
}
