//! Releases whose stored object has a shape that this version of the operator does not know.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use super::Key;
use crate::api::{ElixirRelease, ElixirReleaseStatus};

/// A release that cannot be read. What runs of it is left alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unreadable {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// Its status, if that has a shape that we know.
    pub status: Option<ElixirReleaseStatus>,
    /// The field that cannot be read, and why.
    pub problem: String,
}

impl Unreadable {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> Key {
        let ObjectMeta { name, namespace, .. } = &self.metadata;
        Key::new(namespace.as_deref().unwrap_or_default(), name.as_deref().unwrap_or_default())
    }

    /// The reference by which it owns what the members of a cluster share.
    #[must_use]
    pub fn owner(&self) -> Option<OwnerReference> {
        ElixirRelease { metadata: self.metadata.clone(), ..ElixirRelease::default() }.owner_ref(&())
    }
}
