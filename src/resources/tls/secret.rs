//! Secrets with certificates: as they are read, and as they are written.
//!
//! What they hold is wiped from memory with the value, is shown by none of them when it is printed, and is written in one of
//! two ways only: posted where there is none, or merged over exactly the version that was read.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{PartialObjectMeta, PartialObjectMetaExt};
use serde_json::{Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use super::issue::Issued;
use super::{AUTHORITIES, CERTIFICATE, PRIVATE_KEY};
use crate::api::ElixirRelease;
use crate::digest;
use crate::resources::{labels, metadata};

/// A Secret as it was read.
pub struct Stored {
    metadata: ObjectMeta,
    data: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

impl From<Secret> for Stored {
    fn from(secret: Secret) -> Self {
        let data = secret.data.unwrap_or_default().into_iter();
        Self { metadata: secret.metadata, data: data.map(|(key, value)| (key, value.0.into())).collect() }
    }
}

impl Stored {
    /// Its metadata.
    #[must_use]
    pub fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    /// What it holds under a key, if that is text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// An annotation of it.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether somebody else made it: it neither has the label of the cluster nor is it owned by a member.
    #[must_use]
    pub fn is_foreign(&self, members: &[&ElixirRelease]) -> bool {
        let Some(ours) = metadata::of_members(members, "") else { return true };
        let label = |metadata: &ObjectMeta| metadata.labels.as_ref().and_then(|it| it.get(labels::CLUSTER).cloned());
        let found = self.metadata.owner_references.as_deref().unwrap_or_default();
        let mut owners = ours.owner_references.iter().flatten();
        let is_owned = owners.any(|owner| found.iter().any(|found| found.uid == owner.uid));
        label(&self.metadata) != label(&ours) && !is_owned
    }
}

/// A Secret to be written.
pub struct Write {
    /// Its name.
    pub name: String,
    metadata: ObjectMeta,
    type_: &'static str,
    data: BTreeMap<&'static str, Zeroizing<String>>,
}

impl Write {
    /// One of a cluster with these members, which is looked at again at a time and holds these authorities, each with its
    /// certificate in PEM.
    #[must_use]
    pub fn new(
        members: &[&ElixirRelease],
        name: String,
        type_: &'static str,
        again: Timestamp,
        authorities: &str,
    ) -> Self {
        let mut metadata = metadata::of_members(members, name.clone()).unwrap_or_default();
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.insert(labels::RENEW_AT.to_owned(), again.to_string());
        annotations.insert(labels::AUTHORITIES.to_owned(), format!("{:016x}", digest::of(&authorities)));
        Self { name, metadata, type_, data: BTreeMap::from([(AUTHORITIES, authorities.to_owned().into())]) }
    }

    /// The same with a certificate and its key.
    #[must_use]
    pub fn with_identity(self, issued: Option<Issued>) -> Self {
        let Some(Issued { certificate, key }) = issued else { return self };
        self.with(CERTIFICATE, certificate.into()).with(PRIVATE_KEY, key)
    }

    /// The same with a value.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: Zeroizing<String>) -> Self {
        self.data.insert(key, value);
        self
    }

    /// Itself, unless all that it says is there already.
    #[must_use]
    pub fn unless_there(self, stored: Option<&Stored>) -> Option<Self> {
        let Some(stored) = stored else { return Some(self) };
        let has_data = self.data.iter().all(|(key, value)| stored.text(key) == Some(value.as_str()));
        let has = |wanted: &Option<BTreeMap<String, String>>, there: &Option<BTreeMap<String, String>>| {
            let there = |key: &String| there.as_ref().and_then(|there| there.get(key));
            wanted.iter().flatten().all(|(key, value)| there(key) == Some(value))
        };
        let has_metadata = has(&self.metadata.labels, &stored.metadata.labels)
            && has(&self.metadata.annotations, &stored.metadata.annotations);
        (!has_data || !has_metadata).then_some(self)
    }

    /// The Secret, to be posted where there is none.
    #[must_use]
    pub fn for_post(&self) -> Posted {
        let data = self.data.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
        Posted(Secret {
            metadata: self.metadata.clone(),
            type_: Some(self.type_.to_owned()),
            data: Some(data.collect()),
            ..Secret::default()
        })
    }

    /// What to change in the Secret that was read, in this version of it and no other. Who owns it is not touched.
    #[must_use]
    pub fn for_merge(&self, read: &ObjectMeta) -> Value {
        let mut metadata = json!({"uid": read.uid, "resourceVersion": read.resource_version});
        metadata["labels"] = json!(self.metadata.labels);
        metadata["annotations"] = json!(self.metadata.annotations);
        // Plain text: the API server encodes it.
        let data: BTreeMap<_, _> = self.data.iter().map(|(key, value)| (*key, value.as_str())).collect();
        json!({"metadata": metadata, "stringData": data})
    }
}

/// A Secret with its content, wiped from memory with the value.
pub struct Posted(Secret);

impl AsRef<Secret> for Posted {
    fn as_ref(&self) -> &Secret {
        &self.0
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        for value in self.0.data.iter_mut().flat_map(BTreeMap::values_mut) {
            value.0.zeroize();
        }
    }
}

/// The metadata to apply to an existing Secret of these as members come and go, with the uid of the one that was seen.
#[must_use]
pub fn ownership(members: &[&ElixirRelease], name: &str, uid: &str) -> Option<PartialObjectMeta<Secret>> {
    let mut metadata = metadata::of_members(members, name)?;
    metadata.uid = Some(uid.to_owned());
    Some(metadata.into_request_partial())
}

/// Only names: what is in it must not reach a log.
impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").field("name", &self.name).field("keys", &self.data.keys()).finish_non_exhaustive()
    }
}

/// Only its name.
impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("name", &self.metadata.name).finish_non_exhaustive()
    }
}
