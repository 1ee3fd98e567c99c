//! Terms, as far as the operator's calls and the answers to them hold them.
//!
//! See the [external term format](https://www.erlang.org/doc/apps/erts/erl_ext_dist).

/// The first byte of every term outside of another one.
pub(super) const VERSION: u8 = 131;

const NEW_PID: u8 = 88;
const NEWER_REFERENCE: u8 = 90;
const SMALL_INTEGER: u8 = 97;
const INTEGER: u8 = 98;
const SMALL_TUPLE: u8 = 104;
const NIL: u8 = 106;
const STRING: u8 = 107;
const LIST: u8 = 108;
const SMALL_BIG: u8 = 110;
const SMALL_ATOM_UTF8: u8 = 119;

/// A term that the operator sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Term<'a> {
    Atom(&'a str),
    Tuple(Vec<Term<'a>>),
    List(Vec<Term<'a>>),
    /// The bytes of a process identifier, a reference or a number, which are at most repeated.
    Opaque(&'a [u8]),
}

impl<'a> Term<'a> {
    /// Reads a term from the beginning of the bytes, which it takes away. `None` if it is none that the operator sends.
    pub(super) fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        match *bytes.first()? {
            VERSION => {
                take(bytes, 1)?;
                Self::read(bytes)
            }
            SMALL_INTEGER => Some(Self::Opaque(take(bytes, 2)?)),
            INTEGER => Some(Self::Opaque(take(bytes, 5)?)),
            SMALL_ATOM_UTF8 => {
                let length = usize::from(*bytes.get(1)?);
                Some(Self::Atom(std::str::from_utf8(&take(bytes, 2 + length)?[2..]).ok()?))
            }
            NEW_PID => {
                let name = usize::from(*bytes.get(2)?);
                Some(Self::Opaque(take(bytes, 3 + name + 12)?))
            }
            NEWER_REFERENCE => {
                let words = usize::from(u16::from_be_bytes([*bytes.get(1)?, *bytes.get(2)?]));
                let name = usize::from(*bytes.get(4)?);
                Some(Self::Opaque(take(bytes, 5 + name + 4 + 4 * words)?))
            }
            SMALL_TUPLE => {
                let arity = take(bytes, 2)?[1];
                (0..arity).map(|_| Self::read(bytes)).collect::<Option<_>>().map(Self::Tuple)
            }
            NIL => take(bytes, 1).map(|_| Self::List(Vec::new())),
            LIST => {
                let length = u32::from_be_bytes(take(bytes, 5)?[1..].try_into().ok()?);
                let elements = (0..length).map(|_| Self::read(bytes)).collect::<Option<_>>()?;
                (take(bytes, 1)? == [NIL]).then_some(Self::List(elements))
            }
            _ => None,
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(head)
}

pub(super) fn atom(name: &str) -> Vec<u8> {
    with_length8(SMALL_ATOM_UTF8, name.as_bytes())
}

/// An integer as a VM writes it: as short as it can be.
pub(super) fn integer(value: i64) -> Vec<u8> {
    if let Ok(small) = u8::try_from(value) {
        return vec![SMALL_INTEGER, small];
    }
    if let Ok(word) = i32::try_from(value) {
        return [&[INTEGER][..], &word.to_be_bytes()].concat();
    }
    let digits = value.unsigned_abs().to_le_bytes();
    let length = digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
    let mut bytes = with_length8(SMALL_BIG, &[&[u8::from(value < 0)][..], &digits[..length]].concat());
    // The sign is not one of the digits.
    bytes[1] -= 1;
    bytes
}

pub(super) fn string(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&[STRING][..], &length.to_be_bytes(), text.as_bytes()].concat()
}

pub(super) fn tuple(elements: &[Vec<u8>]) -> Vec<u8> {
    let arity = u8::try_from(elements.len()).expect("a small tuple");
    [&[SMALL_TUPLE, arity][..], &elements.concat()].concat()
}

pub(super) fn list(elements: &[Vec<u8>]) -> Vec<u8> {
    if elements.is_empty() {
        return vec![NIL];
    }
    let length = u32::try_from(elements.len()).expect("a list that fits a frame");
    [&[LIST][..], &length.to_be_bytes(), &elements.concat(), &[NIL]].concat()
}

fn with_length8(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("not more than 255 bytes");
    [&[tag, length][..], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_a_vm_writes_them() {
        assert_eq!(integer(0), [97, 0]);
        assert_eq!(integer(256), [98, 0, 0, 1, 0]);
        assert_eq!(integer(-1), [98, 255, 255, 255, 255]);
        // term_to_binary(5000000000) and term_to_binary(-576460752303423488)
        assert_eq!(integer(5_000_000_000), [110, 5, 0, 0, 242, 5, 42, 1]);
        assert_eq!(integer(-576_460_752_303_423_488), [110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 8]);
    }

    #[test]
    fn what_is_written_is_read() {
        let written = tuple(&[atom("ok"), list(&[atom("a@h"), integer(7)]), list(&[])]);
        let mut bytes = &written[..];
        let elements = vec![Term::Atom("a@h"), Term::Opaque(&[97, 7])];
        let expected = Term::Tuple(vec![Term::Atom("ok"), Term::List(elements), Term::List(vec![])]);
        assert_eq!(Term::read(&mut bytes), Some(expected));
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_term_that_is_cut_is_none() {
        let written = tuple(&[atom("ok"), list(&[atom("a@h"), integer(7)])]);
        for length in 0..written.len() {
            assert_eq!(Term::read(&mut &written[..length]), None);
        }
    }

    #[test]
    fn identifiers_are_kept_as_they_are() {
        let pid = [&[88, 119, 1, b'n'][..], &[0; 12]].concat();
        let reference = [&[90, 0, 3, 119, 1, b'n'][..], &[0; 16]].concat();
        let both = tuple(&[pid.clone(), reference.clone()]);
        let expected = Term::Tuple(vec![Term::Opaque(&pid), Term::Opaque(&reference)]);
        assert_eq!(Term::read(&mut &both[..]), Some(expected));
    }
}
