//! What is written is read again, and nothing that is read can do harm.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// Writes a term in the way that the VM does.
fn write(term: &Term, out: &mut Vec<u8>) {
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    match term {
        Term::Integer(value) => match (u8::try_from(*value), i32::try_from(*value)) {
            (Ok(value), _) => out.extend([tag::SMALL_INTEGER, value]),
            (_, Ok(value)) => {
                out.push(tag::INTEGER);
                out.extend(value.to_be_bytes());
            }
            _ => {
                out.extend([tag::SMALL_BIG, 8, u8::from(*value < 0)]);
                out.extend(value.unsigned_abs().to_le_bytes());
            }
        },
        Term::Atom(name) => {
            out.push(tag::ATOM_UTF8);
            out.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
            out.extend(name.bytes());
        }
        Term::Tuple(elements) => {
            out.push(tag::LARGE_TUPLE);
            out.extend(length(elements.len()));
            elements.iter().for_each(|element| write(element, out));
        }
        Term::List(elements) => {
            if !elements.is_empty() {
                out.push(tag::LIST);
                out.extend(length(elements.len()));
                elements.iter().for_each(|element| write(element, out));
            }
            out.push(tag::NIL);
        }
        Term::Text(bytes) => {
            out.push(tag::STRING);
            out.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
            out.extend(bytes);
        }
        Term::Binary(bytes) => {
            out.push(tag::BINARY);
            out.extend(length(bytes.len()));
            out.extend(bytes);
        }
        Term::Reference(words) => {
            out.push(tag::NEWER_REFERENCE);
            out.extend(u16::try_from(words.len()).unwrap().to_be_bytes());
            write(&Term::Atom("n@h".into()), out);
            out.extend([0; 4]);
            words.iter().for_each(|word| out.extend(word.to_be_bytes()));
        }
        Term::Opaque("a float") => {
            out.push(tag::NEW_FLOAT);
            out.extend(1.5_f64.to_be_bytes());
        }
        Term::Opaque("a map") => {
            out.push(tag::MAP);
            out.extend(length(1));
            out.extend([tag::NIL, tag::NIL]);
        }
        Term::Opaque(other) => unreachable!("{other}"),
    }
}

fn bytes() -> impl Strategy<Value = Box<[u8]>> {
    proptest::collection::vec(any::<u8>(), 0..40).prop_map(Into::into)
}

fn terms() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Term::Integer),
        (-300_i64..300).prop_map(Term::Integer),
        "\\PC{0,20}".prop_map(|name| Term::Atom(name.into())),
        bytes().prop_map(Term::Text),
        bytes().prop_map(Term::Binary),
        proptest::collection::vec(any::<u32>(), 0..6).prop_map(|words| Term::Reference(words.into())),
        Just(Term::Opaque("a float")),
        Just(Term::Opaque("a map")),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let several = proptest::collection::vec(inner, 0..8);
        prop_oneof![
            several.clone().prop_map(|elements| Term::Tuple(elements.into())),
            several.prop_map(|elements| Term::List(elements.into())),
        ]
    })
}

/// Bytes that the term holds on the heap.
fn footprint(term: &Term) -> usize {
    match term {
        Term::Integer(_) | Term::Opaque(_) => 0,
        Term::Atom(name) => name.len(),
        Term::Text(bytes) | Term::Binary(bytes) => bytes.len(),
        Term::Reference(words) => 4 * words.len(),
        Term::Tuple(elements) | Term::List(elements) => {
            elements.iter().map(|element| size_of::<Term>() + footprint(element)).sum()
        }
    }
}

fn decode(bytes: &[u8]) -> Result<Term, Malformed> {
    Decoder::new(&[&[VERSION], bytes].concat()).next()
}

#[test]
fn a_term_is_small() {
    assert!(size_of::<Term>() <= 24);
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(term in terms()) {
        let mut bytes = vec![VERSION];
        write(&term, &mut bytes);
        let mut decoder = Decoder::new(&bytes);

        prop_assert_eq!(decoder.next().unwrap(), term);
        prop_assert!(decoder.is_empty());
    }

    #[test]
    fn a_cut_term_is_an_error(term in terms(), cut in any::<prop::sample::Index>()) {
        let mut bytes = vec![VERSION];
        write(&term, &mut bytes);
        bytes.truncate(cut.index(bytes.len()));

        prop_assert!(Decoder::new(&bytes).next().is_err());
    }

    /// Random bytes rarely get past the first tag, so these are made of tags and small numbers mostly.
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(prop_oneof![70..121_u8, 0..4_u8, any::<u8>()], 0..300)) {
        if let Ok(term) = decode(&bytes) {
            prop_assert!(footprint(&term) <= size_of::<Term>() * bytes.len() + 2 * bytes.len());
        }
    }

    #[test]
    fn a_changed_byte_does_no_harm(term in terms(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = vec![VERSION];
        write(&term, &mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = byte;

        let _ = Decoder::new(&bytes).next();
    }
}

#[rstest]
#[case::list(&[tag::LIST, 0xff, 0xff, 0xff, 0xff, tag::NIL])]
#[case::tuple(&[tag::LARGE_TUPLE, 0xff, 0xff, 0xff, 0xff])]
#[case::map(&[tag::MAP, 0xff, 0xff, 0xff, 0xff])]
#[case::binary(&[tag::BINARY, 0xff, 0xff, 0xff, 0xff])]
#[case::bits(&[tag::BIT_BINARY, 0xff, 0xff, 0xff, 0xff, 9])]
#[case::integer(&[tag::LARGE_BIG, 0xff, 0xff, 0xff, 0xff, 0])]
#[case::fun(&[tag::NEW_FUN, 0xff, 0xff, 0xff, 0xff])]
#[case::reference(&[tag::NEWER_REFERENCE, 0xff, 0xff, tag::NIL])]
#[case::compressed(&[80, 0xff, 0xff, 0xff, 0xff])]
#[case::cached_atom(&[82, 0])]
#[case::nothing(&[])]
fn a_lie_about_length_is_found_out(#[case] bytes: &[u8]) {
    decode(bytes).unwrap_err();
}

#[test]
fn terms_nest_so_deep_and_no_deeper() {
    let nested = |depth| decode(&[[tag::SMALL_TUPLE, 1].repeat(depth), vec![tag::NIL]].concat());

    assert!(nested(31).is_ok());
    assert_eq!(nested(32).unwrap_err().what, "terms nested too deep");
    assert_eq!(nested(100_000).unwrap_err().what, "terms nested too deep");
}

#[test]
fn there_are_so_many_terms_and_no_more() {
    let list = |length: u32| decode(&[&[tag::LIST][..], &length.to_be_bytes(), &vec![tag::NIL; 40_000]].concat());

    assert!(list(32_000).is_ok());
    assert_eq!(list(39_999).unwrap_err().what, "more elements than there can be");
}

#[rstest]
#[case::most(&[tag::SMALL_BIG, 8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], Term::Integer(i64::MAX))]
#[case::least(&[tag::SMALL_BIG, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0x80], Term::Integer(i64::MIN))]
#[case::more(&[tag::SMALL_BIG, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0x80], Term::Opaque("an integer of more than 64 bits"))]
#[case::padded(&[tag::SMALL_BIG, 10, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0], Term::Integer(7))]
#[case::long(&[tag::SMALL_BIG, 9, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1], Term::Opaque("an integer of more than 64 bits"))]
fn integers_of_any_size(#[case] bytes: &[u8], #[case] term: Term) {
    assert_eq!(decode(bytes), Ok(term));
}

#[rstest]
#[case::improper(&[tag::LIST, 0, 0, 0, 1, tag::NIL, tag::SMALL_INTEGER, 1], "an improper list")]
#[case::pid(&[tag::NEW_PID, tag::SMALL_ATOM_UTF8, 1, b'n', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], "a pid")]
#[case::fun(&[tag::EXPORT, tag::SMALL_ATOM_UTF8, 1, b'm', tag::SMALL_ATOM_UTF8, 1, b'f', tag::SMALL_INTEGER, 0], "a fun")]
fn what_no_answer_holds_is_stepped_over(#[case] bytes: &[u8], #[case] what: &'static str) {
    assert_eq!(decode(bytes), Ok(Term::Opaque(what)));
}

#[test]
fn an_old_atom_is_latin_1() {
    assert_eq!(decode(&[tag::ATOM, 0, 1, 0xe9]), Ok(Term::Atom("é".into())));
}
