//! The messages of the handshake, version 6: pure functions between them and bytes.
//!
//! See [the handshake in detail](https://www.erlang.org/doc/apps/erts/erl_dist_protocol#the-handshake-in-detail).

use super::super::cookie::Digest;

/// No message of a handshake is longer: the longest holds a name of 255 characters.
pub(in crate::beam) const LONGEST: u32 = 2048;

/// How we present ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SendName {
    pub(super) flags: u64,
    pub(super) creation: u32,
    /// Our name; or only our host, where the node shall name us.
    pub(super) name: String,
}

/// What the node makes of our name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    /// The node was about to connect to us, and gave that up.
    OkSimultaneous,
    /// The node is about to connect to us, and we should give up.
    Nok,
    NotAllowed,
    /// The node believes that we are connected, and asks whether to go on.
    Alive,
    /// The node has named us.
    Named {
        name: Vec<u8>,
        creation: u32,
    },
}

/// Who the node is, and what we have to prove that we know the cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) flags: u64,
    pub(super) number: u32,
    pub(super) creation: u32,
    pub(super) name: Vec<u8>,
}

/// Our proof, and what the node has to prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChallengeReply {
    pub(super) challenge: u32,
    pub(super) digest: Digest,
}

/// The message whose answer to [`Status::Alive`] makes the node drop the connection that it believed in.
pub(super) const GO_ON: &[u8] = b"strue";

impl SendName {
    pub(super) fn encode(&self) -> Vec<u8> {
        let length = u16::try_from(self.name.len()).unwrap_or(u16::MAX);
        let mut bytes = vec![b'N'];
        bytes.extend_from_slice(&self.flags.to_be_bytes());
        bytes.extend_from_slice(&self.creation.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }
}

impl Status {
    /// `None` for anything but a status.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.strip_prefix(b"s")? {
            b"ok" => Some(Self::Ok),
            b"ok_simultaneous" => Some(Self::OkSimultaneous),
            b"nok" => Some(Self::Nok),
            b"not_allowed" => Some(Self::NotAllowed),
            b"alive" => Some(Self::Alive),
            named => {
                let (length, rest) = named.strip_prefix(b"named:")?.split_first_chunk()?;
                let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                let creation = u32::from_be_bytes(*rest.first_chunk()?);
                Some(Self::Named { name: name.to_vec(), creation })
            }
        }
    }

    /// The word for it, for an error.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::OkSimultaneous => "ok_simultaneous",
            Self::Nok => "nok",
            Self::NotAllowed => "not_allowed",
            Self::Alive => "alive",
            Self::Named { .. } => "named",
        }
    }
}

impl Challenge {
    /// `None` for anything but a challenge of this version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (flags, rest) = bytes.strip_prefix(b"N")?.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (creation, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        // What follows the name is for later versions.
        let name = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
        Some(Self {
            flags: u64::from_be_bytes(*flags),
            number: u32::from_be_bytes(*number),
            creation: u32::from_be_bytes(*creation),
            name: name.to_vec(),
        })
    }
}

impl ChallengeReply {
    pub(super) fn encode(&self) -> Vec<u8> {
        [&b"r"[..], &self.challenge.to_be_bytes(), &self.digest].concat()
    }
}

/// The node's proof; `None` for anything else.
pub(super) fn decode_ack(bytes: &[u8]) -> Option<Digest> {
    bytes.strip_prefix(b"a")?.try_into().ok()
}

/// The node's side, for a peer that a test plays.
#[cfg(test)]
pub(super) mod theirs {
    use super::*;

    impl SendName {
        pub(in crate::beam::handshake) fn decode(bytes: &[u8]) -> Option<Self> {
            let (flags, rest) = bytes.strip_prefix(b"N")?.split_first_chunk()?;
            let (creation, rest) = rest.split_first_chunk()?;
            let (length, name) = rest.split_first_chunk()?;
            assert_eq!(usize::from(u16::from_be_bytes(*length)), name.len());
            Some(Self {
                flags: u64::from_be_bytes(*flags),
                creation: u32::from_be_bytes(*creation),
                name: String::from_utf8(name.to_vec()).ok()?,
            })
        }
    }

    impl Status {
        pub(in crate::beam::handshake) fn encode(&self) -> Vec<u8> {
            let mut bytes = vec![b's'];
            match self {
                Self::Named { name, creation } => {
                    bytes.extend_from_slice(b"named:");
                    bytes.extend_from_slice(&u16::try_from(name.len()).unwrap().to_be_bytes());
                    bytes.extend_from_slice(name);
                    bytes.extend_from_slice(&creation.to_be_bytes());
                }
                word => bytes.extend_from_slice(word.word().as_bytes()),
            }
            bytes
        }
    }

    impl Challenge {
        pub(in crate::beam::handshake) fn encode(&self) -> Vec<u8> {
            let mut bytes = vec![b'N'];
            bytes.extend_from_slice(&self.flags.to_be_bytes());
            bytes.extend_from_slice(&self.number.to_be_bytes());
            bytes.extend_from_slice(&self.creation.to_be_bytes());
            bytes.extend_from_slice(&u16::try_from(self.name.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(&self.name);
            bytes
        }
    }

    impl ChallengeReply {
        pub(in crate::beam::handshake) fn decode(bytes: &[u8]) -> Option<Self> {
            let (challenge, digest) = bytes.strip_prefix(b"r")?.split_first_chunk()?;
            Some(Self { challenge: u32::from_be_bytes(*challenge), digest: digest.try_into().ok()? })
        }
    }

    pub(in crate::beam::handshake) fn encode_ack(digest: &Digest) -> Vec<u8> {
        [&b"a"[..], digest].concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::theirs::encode_ack;
    use super::*;

    fn statuses() -> impl Strategy<Value = Status> {
        prop_oneof![
            Just(Status::Ok),
            Just(Status::OkSimultaneous),
            Just(Status::Nok),
            Just(Status::NotAllowed),
            Just(Status::Alive),
            (proptest::collection::vec(any::<u8>(), 0..300), any::<u32>())
                .prop_map(|(name, creation)| Status::Named { name, creation }),
        ]
    }

    #[test]
    fn our_name_as_otp_takes_it() {
        let bytes = SendName { flags: 0x0102, creation: 3, name: "a@b".to_owned() }.encode();
        assert_eq!(bytes, b"N\0\0\0\0\0\0\x01\x02\0\0\0\x03\0\x03a@b");
    }

    proptest! {
        #[test]
        fn what_is_sent_is_understood(
            flags: u64, creation: u32, number: u32, digest: Digest, name in "[a-z]{1,20}@[a-z]{1,20}", status in statuses(),
        ) {
            let send = SendName { flags, creation, name: name.clone() };
            prop_assert_eq!(SendName::decode(&send.encode()), Some(send));
            prop_assert_eq!(Status::decode(&status.encode()), Some(status));
            let challenge = Challenge { flags, number, creation, name: name.into_bytes() };
            prop_assert_eq!(Challenge::decode(&challenge.encode()), Some(challenge));
            let reply = ChallengeReply { challenge: number, digest };
            prop_assert_eq!(ChallengeReply::decode(&reply.encode()), Some(reply));
            prop_assert_eq!(decode_ack(&encode_ack(&digest)), Some(digest));
        }

        #[test]
        fn no_bytes_do_harm(tag in "[sNa]", bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let bytes = [tag.as_bytes(), &bytes].concat();
            let _ = (Status::decode(&bytes), Challenge::decode(&bytes), decode_ack(&bytes));
        }

        #[test]
        fn a_cut_message_is_none(number: u32, cut in any::<prop::sample::Index>()) {
            let challenge = Challenge { flags: 1, number, creation: 1, name: b"a@b".to_vec() }.encode();
            prop_assert_eq!(Challenge::decode(&challenge[..cut.index(challenge.len())]), None);
            let named = Status::Named { name: b"a@b".to_vec(), creation: number }.encode();
            prop_assert_eq!(Status::decode(&named[..cut.index(named.len())]), None);
        }
    }
}
