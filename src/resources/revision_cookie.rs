//! The Secret that holds the cookie of one revision, where only the nodes of one revision meet.
//!
//! The cookie follows from that of the cluster and the name of the revision, so that a revision that is gone back to has the
//! one that it had. Like that of a cluster the Secret is posted once and never applied: nodes that run have what it holds,
//! whatever became of the cluster's cookie since. It goes with the last pod of its revision.

use hmac::{Hmac, Mac};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::{ObjectMeta, PartialObjectMeta, PartialObjectMetaExt};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::cookie::{self, NewCookie};
use super::{labels, metadata, names};
use crate::api::ElixirRelease;

/// The cookie of a revision: HMAC-SHA256 of its name under the cookie of its cluster, in hexadecimal.
#[must_use]
pub fn derive(of_cluster: &[u8], revision: &str) -> Zeroizing<String> {
    // A key may be of any length.
    let mut code = Hmac::<Sha256>::new_from_slice(of_cluster).unwrap_or_else(|_| unreachable!("HMAC takes any key"));
    code.update(revision.as_bytes());
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(code.finalize().into_bytes().into());
    cookie::text(&bytes)
}

/// The Secret for the cookie of a revision of a release.
#[must_use]
pub fn build(release: &ElixirRelease, revision: &str, value: &str) -> NewCookie {
    NewCookie::new(metadata(release, revision), value)
}

/// The metadata to write to the existing Secret of this uid, which has lost some of it.
#[must_use]
pub fn ownership(release: &ElixirRelease, revision: &str, uid: &str) -> PartialObjectMeta<Secret> {
    ObjectMeta { uid: Some(uid.to_owned()), ..metadata(release, revision) }.into_request_partial()
}

/// Whether a Secret of that name is the one of a revision of this release, by its labels or its owner.
#[must_use]
pub fn is_ours(release: &ElixirRelease, found: &impl ResourceExt) -> bool {
    let has_label = |label, value: &str| found.labels().get(label).is_some_and(|found| found == value);
    let is_owned = found.owner_references().iter().any(|owner| Some(&owner.uid) == release.metadata.uid.as_ref());
    is_owned || has_label(labels::MANAGED_BY, labels::MANAGER) && has_label(labels::RELEASE, &release.name_any())
}

fn metadata(release: &ElixirRelease, revision: &str) -> ObjectMeta {
    let mut metadata = metadata::of_release(release, names::revision_cookie(revision).name);
    metadata.labels.get_or_insert_default().insert(labels::REVISION.to_owned(), revision.to_owned());
    metadata
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixture;
    use super::*;

    /// The second test case of RFC 4231, and what follows from other keys and names.
    #[test]
    fn it_is_the_hmac() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(*derive(b"Jefe", "what do ya want for nothing?"), expected);
    }

    #[test]
    fn revisions_and_clusters_have_different_ones_and_always_the_same() {
        let all = [derive(b"a", "shop-1"), derive(b"a", "shop-2"), derive(b"b", "shop-1")];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
        assert_eq!(derive(b"a", "shop-1"), all[0]);
    }

    /// As the cookie of a cluster is: plain, long and no flag.
    #[rstest]
    #[case(b"")]
    #[case(b"-setcookie x")]
    #[case(&[0xff; 300])]
    fn any_cookie_of_a_cluster_makes_a_plain_one(#[case] of_cluster: &[u8]) {
        let cookie = derive(of_cluster, "shop-1");
        assert_eq!(cookie.len(), 64);
        assert!(cookie.chars().all(|c| c.is_ascii_hexdigit()));
        assert!(crate::beam::Cookie::new(cookie.as_bytes()).is_ok());
    }

    #[test]
    fn the_secret_of_a_revision() {
        let release = fixture::release("cluster: {scope: Revision}");
        insta::assert_yaml_snapshot!(build(&release, "shop-1", "swordfish").for_post());
        let ownership = ownership(&release, "shop-1", "u");
        assert_eq!(ownership.metadata.uid.as_deref(), Some("u"));
        assert!(!serde_json::to_string(&ownership).unwrap().contains("ata\":{\"cookie"));
    }

    #[rstest]
    #[case::labelled("{labels: {app.kubernetes.io/managed-by: beam-operator, beam-operator.io/release: shop}}", true)]
    #[case::owned("{ownerReferences: [{apiVersion: v1, kind: X, name: shop, uid: uid-of-shop}]}", true)]
    #[case::of_another(
        "{labels: {app.kubernetes.io/managed-by: beam-operator, beam-operator.io/release: blog}}",
        false
    )]
    #[case::foreign("{}", false)]
    fn whose_it_is(#[case] metadata: &str, #[case] expected: bool) {
        let metadata: ObjectMeta = serde_yaml::from_str(metadata).unwrap();
        let found: PartialObjectMeta<Secret> = metadata.into_response_partial();
        assert_eq!(is_ours(&fixture::release(""), &found), expected);
    }
}
