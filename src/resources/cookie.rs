//! The Secret that holds the cookie of a cluster, for clusters whose members name none of their own.
//!
//! Whoever knows the cookie may run code on every node, and a node that has another one is shut out. So it is made once
//! and never overwritten: our cache may be stale, and applying a new value to a Secret that exists would cut the running
//! nodes off from those that start later. [`NewCookie`] can therefore only be posted, which fails where one exists, and
//! all that may be applied afterwards is [`ownership`], which has no data.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{PartialObjectMeta, PartialObjectMetaExt};
use rand::rngs::OsRng;
use rand::{TryRngCore, rand_core};
use zeroize::{Zeroize, Zeroizing};

use super::reference::{Content, Reference, ReferenceKind};
use super::{metadata, names};
use crate::api::ElixirRelease;

/// Bytes of randomness in a generated cookie.
const BYTES: usize = 32;

/// A Secret that may be created and not applied: where one exists already, that one is right.
#[derive(Clone)]
pub struct NewCookie(Secret);

impl NewCookie {
    /// A Secret with this metadata that holds this cookie.
    pub(super) fn new(metadata: ObjectMeta, value: &str) -> Self {
        let string_data = BTreeMap::from([(names::COOKIE_KEY.to_owned(), value.to_owned())]);
        Self(Secret { metadata, string_data: Some(string_data), ..Secret::default() })
    }

    /// The Secret, for a POST.
    #[must_use]
    pub fn for_post(&self) -> &Secret {
        &self.0
    }
}

impl Drop for NewCookie {
    fn drop(&mut self) {
        self.0.string_data.iter_mut().flat_map(|data| data.values_mut()).for_each(Zeroize::zeroize);
    }
}

/// Only the name: the cookie itself must not reach a log.
impl fmt::Debug for NewCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NewCookie").field(&self.0.metadata.name).finish()
    }
}

/// The Secret for the cookie of a cluster with these distributed members, oldest first. `None` where they bring their
/// own: the oldest decides, and validation tells a younger one that differs.
#[must_use]
pub fn build(members: &[&ElixirRelease], value: &str) -> Option<NewCookie> {
    Some(NewCookie::new(metadata::of_members(members, name(members)?)?, value))
}

/// The metadata to apply to the existing Secret as members come and go; `None` where they bring their own.
///
/// It carries the uid of the Secret that we saw, so that the API server refuses to create an empty one should that have
/// been deleted in the meantime.
#[must_use]
pub fn ownership(members: &[&ElixirRelease], uid: &str) -> Option<PartialObjectMeta<Secret>> {
    let mut metadata = metadata::of_members(members, name(members)?)?;
    metadata.uid = Some(uid.to_owned());
    Some(metadata.into_request_partial())
}

/// Whether a cluster with these members, oldest first, needs a cookie of the operator's.
#[must_use]
pub fn is_wanted(members: &[&ElixirRelease]) -> bool {
    name(members).is_some()
}

/// The Secret that the operator makes for a release; `None` for one that brings its own cookie or needs none.
#[must_use]
pub fn own_reference(release: &ElixirRelease) -> Option<Reference> {
    let is_made = names::is_distributed(release) && release.spec.cluster.cookie.secret_key_ref.is_none();
    is_made.then(|| Reference { kind: ReferenceKind::Secret, name: names::cookie_secret(release) })
}

/// What is known of that Secret without reading it. It is made once, so nothing that follows from its content can change.
#[must_use]
pub fn own_content() -> Content {
    Content { keys: [names::COOKIE_KEY.to_owned()].into(), ..Content::default() }
}

fn name(members: &[&ElixirRelease]) -> Option<String> {
    let oldest = members.first()?;
    oldest.spec.cluster.cookie.secret_key_ref.is_none().then(|| names::cookie_secret(oldest))
}

/// A cookie of 32 random bytes in hexadecimal: every character of it is harmless in a command line, and none makes the
/// VM take it for a flag.
///
/// # Errors
/// The operating system has no randomness to give.
pub fn generate() -> Result<Zeroizing<String>, rand_core::OsError> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    OsRng.try_fill_bytes(bytes.as_mut())?;
    Ok(text(&bytes))
}

/// Bytes in hexadecimal.
pub(super) fn text(bytes: &[u8; BYTES]) -> Zeroizing<String> {
    use std::fmt::Write as _;

    // As long as it gets, so that no part of it is left behind where it was before.
    let mut text = Zeroizing::new(String::with_capacity(2 * BYTES));
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_cluster_of_two_without_a_cookie() {
        let (api, web) =
            (fixture::named("api", "cluster: {name: shop}"), fixture::named("web", "cluster: {name: shop}"));
        insta::assert_yaml_snapshot!(build(&[&api, &web], "swordfish").unwrap().for_post());
    }

    #[test]
    fn a_log_does_not_show_it() {
        let cookie = build(&[&fixture::release("")], "swordfish").unwrap();
        assert_eq!(format!("{cookie:?}"), "NewCookie(Some(\"shop-cookie\"))");
    }

    #[test]
    fn what_is_applied_later_has_no_data() {
        insta::assert_yaml_snapshot!(ownership(&[&fixture::release("")], "uid-of-cookie").unwrap());
    }

    #[test]
    fn the_oldest_member_brings_its_own() {
        let own = fixture::release("cluster: {cookie: {secretKeyRef: {name: mine}}}");
        let younger = fixture::named("younger", "cluster: {name: shop}");

        assert!(build(&[&own, &younger], "swordfish").is_none());
        assert!(ownership(&[&own, &younger], "uid-of-cookie").is_none());
    }

    #[test]
    fn nobody_distributed_needs_none() {
        assert!(build(&[], "swordfish").is_none());
    }

    #[test]
    fn a_generated_cookie_is_long_plain_and_never_the_same() {
        let (one, other) = (generate().unwrap(), generate().unwrap());

        assert_eq!(one.len(), 64);
        assert!(one.chars().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(one, other);
    }
}
