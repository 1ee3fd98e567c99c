//! ConfigMaps and Secrets that pods read but others own.
//!
//! Their content is never kept: reading one leaves a digest and the names of its keys, which is all that validation and
//! the revision need.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::syntax::is_object_name;
use super::tls::certificate::{Certificate, CertificateFlaw};

/// The kind of an object that a pod reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// An object, in the namespace of the release, that its pods read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Its kind.
    pub kind: ReferenceKind,
    /// Its name.
    pub name: String,
}

impl Reference {
    /// Whether an object can have the name. One that no object can have must not get into the path of a request, where
    /// it would end the name (`a?x` reads `a`) or leave none at all.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        is_object_name(&self.name)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}

/// One place in a pod that reads an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The object.
    pub reference: Reference,
    /// Path of the field that reads it, such as `spec.envFrom[0].secretRef`.
    pub field: String,
    /// Path of the field with its name, such as `spec.envFrom[0].secretRef.name`.
    pub named_by: String,
    /// The key that must exist; `None` when the whole object is read.
    pub key: Option<String>,
    /// Whether the key becomes a file; else it becomes a variable.
    pub is_file: bool,
    /// Whether the pod starts without it.
    pub optional: bool,
}

/// What is known of the content of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Digest of keys and values.
    pub digest: u64,
    /// Names of the keys, of which variables and files can be made.
    pub keys: BTreeSet<String>,
    /// Names of the keys of which only files can be made: those in the `binaryData` of a ConfigMap.
    pub file_keys: BTreeSet<String>,
    /// Whether a change of it restarts the nodes: not with the annotation `beam-operator.io/restart: "false"`.
    pub restart: bool,
    /// What is wrong with each value as a cookie, for keys that some release uses as one.
    pub cookie_flaws: BTreeMap<String, CookieFlaw>,
    /// What it is as the certificate of a node, if it has the keys of one.
    pub certificate: Option<Result<Certificate, CertificateFlaw>>,
}

/// Why the VM would not take a value as its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieFlaw {
    /// It has no characters.
    Empty,
    /// It has more than the 255 characters of an atom.
    TooLong,
    /// It has a character that is not printable ASCII, such as the newline that `echo` appends.
    Character,
    /// It starts with `-` or `+`, which the VM reads as a flag.
    LooksLikeFlag,
}

/// The referenced objects that exist. One that was looked for and is absent has no entry.
pub type Contents = BTreeMap<Reference, Content>;

impl CookieFlaw {
    /// What is wrong with some bytes as a cookie, if anything is.
    ///
    /// A cookie is an atom, so at most 255 characters, and `auth.erl` takes printable ASCII without spaces only.
    #[must_use]
    pub fn of(value: &[u8]) -> Option<Self> {
        match value {
            [] => Some(Self::Empty),
            [b'-' | b'+', ..] => Some(Self::LooksLikeFlag),
            _ if value.len() > 255 => Some(Self::TooLong),
            _ if !value.iter().all(u8::is_ascii_graphic) => Some(Self::Character),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"", Some(CookieFlaw::Empty))]
    #[case(b"-setcookie", Some(CookieFlaw::LooksLikeFlag))]
    #[case(b"+S", Some(CookieFlaw::LooksLikeFlag))]
    #[case(b"monster\n", Some(CookieFlaw::Character))]
    #[case(b"two words", Some(CookieFlaw::Character))]
    #[case(&[b'a'; 256], Some(CookieFlaw::TooLong))]
    #[case(&[b'a'; 255], None)]
    #[case(b"monster", None)]
    fn what_the_vm_would_not_take_as_a_cookie(#[case] value: &[u8], #[case] flaw: Option<CookieFlaw>) {
        assert_eq!(CookieFlaw::of(value), flaw);
    }
}
