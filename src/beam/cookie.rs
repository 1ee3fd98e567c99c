//! The cookie: whoever knows it may run code on every node of a cluster.
//!
//! So it is a type of its own, of which nothing is ever printed and which is wiped from memory when it is dropped. It
//! never travels in the handshake: both sides prove that they know it by a digest over a number that the other chose.

use std::fmt;

use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// Longest cookie, as an atom holds no more characters.
const LONGEST: usize = 255;

/// What both sides of a connection have to know.
#[derive(Clone)]
pub struct Cookie(Zeroizing<Box<[u8]>>);

/// The text cannot be a cookie. It is not repeated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCookie {
    /// There is nothing in it.
    #[error("the cookie is empty")]
    Empty,
    /// It does not fit an atom.
    #[error("the cookie is longer than the {LONGEST} characters of an atom")]
    TooLong,
    /// A VM turns other characters into its cookie by its locale, so what they come to cannot be told from outside.
    #[error("the cookie has characters other than ASCII, which a VM reads as its locale says; use ASCII ones")]
    NotAscii,
}

/// Proof that the sender knows the cookie.
pub(super) type Digest = [u8; 16];

impl Cookie {
    /// The cookie with exactly these bytes; nothing is trimmed, as a VM trims nothing either.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, InvalidCookie> {
        let bytes = bytes.as_ref();
        if bytes.is_empty() {
            return Err(InvalidCookie::Empty);
        }
        if !bytes.iter().all(|byte| byte.is_ascii() && *byte != 0) {
            return Err(InvalidCookie::NotAscii);
        }
        if bytes.len() > LONGEST {
            return Err(InvalidCookie::TooLong);
        }
        Ok(Self(Zeroizing::new(bytes.into())))
    }

    /// The answer to a challenge: the MD5 sum of the cookie followed by the challenge in decimal.
    pub(super) fn digest(&self, challenge: u32) -> Digest {
        Md5::new().chain_update(&*self.0).chain_update(challenge.to_string()).finalize().into()
    }

    /// For encoding it as an atom, which is how a node is given another one.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Nothing of it, not even its length.
impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// `erlang:md5(["swordfish" | integer_to_list(4294967295)])`, as OTP says.
    #[test]
    fn the_digest_is_that_of_otp() {
        let digest = Cookie::new("swordfish").unwrap().digest(u32::MAX);

        assert_eq!(u128::from_be_bytes(digest), 0x308c_af62_f067_f0e6_b32f_4326_3ac6_c0da);
    }

    #[rstest]
    #[case::empty("", InvalidCookie::Empty)]
    #[case::long(&"x".repeat(256), InvalidCookie::TooLong)]
    #[case::not_ascii("sch\u{f6}n", InvalidCookie::NotAscii)]
    #[case::zero("a\0b", InvalidCookie::NotAscii)]
    fn what_is_no_cookie(#[case] text: &str, #[case] why: InvalidCookie) {
        assert_eq!(Cookie::new(text).unwrap_err(), why);
    }

    #[test]
    fn nothing_of_it_is_printed() {
        assert_eq!(format!("{:?}", Cookie::new("swordfish").unwrap()), "Cookie");
    }
}
