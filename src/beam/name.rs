//! The name of a node: `alive@host`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name, as an atom holds no more characters.
const LONGEST: usize = 255;

/// The full name of a node. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

/// The text is not the name of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no node name: it has to be of the form name@host, in at most {LONGEST} characters")]
pub struct InvalidName {
    text: String,
}

impl NodeName {
    /// The part before the `@`, by which EPMD knows the node.
    #[must_use]
    pub fn alive(&self) -> &str {
        self.parts().0
    }

    /// The part after the `@`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.parts().1
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in bytes that a peer sent: UTF-8, or else Latin-1, which is what OTP puts into its handshake.
    pub(super) fn from_peer(bytes: &[u8]) -> Result<Self, InvalidName> {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.parse(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().parse(),
        }
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once('@').unwrap_or((&self.0, ""))
    }
}

impl FromStr for NodeName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let well_formed = text.split_once('@').is_some_and(|(alive, host)| {
            !alive.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_control)
        });
        if well_formed && text.chars().count() <= LONGEST {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName { text: text.chars().take(LONGEST).collect() })
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::ipv4("shop@10.0.0.1", "shop", "10.0.0.1")]
    #[case::ipv6("shop@fd00::1", "shop", "fd00::1")]
    #[case::host_name("shop@shop-0.shop.default.svc", "shop", "shop-0.shop.default.svc")]
    fn a_name_has_two_parts(#[case] text: &str, #[case] alive: &str, #[case] host: &str) {
        let name: NodeName = text.parse().unwrap();

        assert_eq!((name.alive(), name.host(), name.to_string()), (alive, host, text.to_owned()));
    }

    #[rstest]
    #[case::no_host("shop")]
    #[case::empty_host("shop@")]
    #[case::empty_alive("@host")]
    #[case::two("a@b@c")]
    #[case::control("a@b\n")]
    fn what_is_no_name(#[case] text: &str) {
        text.parse::<NodeName>().unwrap_err();
    }

    #[test]
    fn a_name_fits_an_atom() {
        assert!(format!("a@{}", "b".repeat(253)).parse::<NodeName>().is_ok());
        assert!(format!("a@{}", "b".repeat(254)).parse::<NodeName>().is_err());
    }

    #[test]
    fn a_peer_may_speak_latin_1() {
        assert_eq!(NodeName::from_peer(b"caf\xe9@host").unwrap().as_str(), "café@host");
    }
}
