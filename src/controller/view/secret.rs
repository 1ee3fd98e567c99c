//! What is read of a Secret that the operator made: what it has noted on it, as nothing but the metadata is known.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Detail;
use crate::resources::labels;

/// What the operator has noted on a Secret with certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificatesView {
    /// When it is to be looked at again.
    pub renew_at: Option<Timestamp>,
    /// Digest of the authorities that it holds.
    pub authorities: Option<u64>,
}

/// How far the rotation of a cookie is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RotationView {
    /// The release that asked for the one that is under way.
    pub by: Option<Box<str>>,
    /// For which value of which release it was done last.
    pub done: Box<[(Box<str>, Box<str>)]>,
}

impl RotationView {
    /// For which value of a release it was done last.
    #[must_use]
    pub fn done_for(&self, release: &str) -> Option<&str> {
        self.done.iter().find(|(name, _)| **name == *release).map(|(_, value)| &**value)
    }
}

impl Detail {
    /// What is read of a Secret, of which nothing but the metadata is known.
    #[must_use]
    pub fn of_secret(metadata: &ObjectMeta) -> Self {
        if let Some(revision) = metadata.labels.as_ref().and_then(|all| all.get(labels::REVISION)) {
            return Self::RevisionCookie(revision.as_str().into());
        }
        let annotation = |key| metadata.annotations.as_ref().and_then(|all| all.get(key));
        let (renew_at, authorities) = (annotation(labels::RENEW_AT), annotation(labels::AUTHORITIES));
        if renew_at.is_none() && authorities.is_none() {
            return rotation(metadata).map_or(Self::None, Self::Cookie);
        }
        Self::Certificates(CertificatesView {
            renew_at: renew_at.and_then(|time| time.parse().ok()),
            authorities: authorities.and_then(|hex| u64::from_str_radix(hex, 16).ok()),
        })
    }
}

fn rotation(metadata: &ObjectMeta) -> Option<RotationView> {
    let annotations = metadata.annotations.as_ref()?;
    let asked_for = annotations.get(labels::ROTATING_COOKIE);
    let by = asked_for.map(|text| text.split_once('=').map_or(text.as_str(), |(by, _)| by).into());
    let done = annotations
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(labels::ROTATED_COOKIE)?.into(), value.as_str().into())));
    let view = RotationView { by, done: done.collect() };
    (view != RotationView::default()).then_some(view)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_cookie_of_a_revision_is_known_by_its_label() {
        let meta: ObjectMeta =
            serde_json::from_value(json!({"labels": {"beam-operator.io/revision": "shop-1"}})).unwrap();
        assert_eq!(Detail::of_secret(&meta), Detail::RevisionCookie("shop-1".into()));
    }

    #[test]
    fn of_a_cookie_it_is_known_how_far_its_rotation_is() {
        let annotations = |all: Value| {
            let meta: ObjectMeta = serde_json::from_value(json!({"annotations": all})).unwrap();
            Detail::of_secret(&meta)
        };
        assert_eq!(annotations(json!({"a": "b"})), Detail::None);
        let under_way = annotations(json!({
            "beam-operator.io/rotating-cookie": "shop=a=b", "rotated-cookie.beam-operator.io/worker": "7",
        }));
        let expected = RotationView { by: Some("shop".into()), done: [("worker".into(), "7".into())].into() };
        assert_eq!(under_way, Detail::Cookie(expected));
    }
}
