//! The two Secrets of a cluster whose certificates the operator makes.
//!
//! One is mounted by the nodes: their certificate, its key, and the authorities that they trust. The other one is mounted
//! by nobody: the authority with its key, and the certificate that the operator shows to the nodes. Neither is ever applied
//! or made up from memory: each is read, and what has to change is written over exactly that version of it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{PartialObjectMeta, PartialObjectMetaExt};
use serde_json::{Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use super::certificate::{self, Certificate};
use super::issue::{self, Issued, Role};
use super::renewal::{Due, Found, Leaf, Lifetimes, due};
use super::{AUTHORITIES, AUTHORITY_KEY, CERTIFICATE, PRIVATE_KEY, is_managed};
use crate::api::ElixirRelease;
use crate::digest;
use crate::resources::{labels, metadata, names};

/// A Secret as it was read. What it holds is wiped from memory with the value.
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

    fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).and_then(|value| std::str::from_utf8(value).ok())
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

/// The Secrets of a cluster as they are.
#[derive(Default)]
pub struct Pair {
    /// That of the authority.
    pub authority: Option<Stored>,
    /// That of the nodes.
    pub nodes: Option<Stored>,
}

/// A Secret to be written. What it holds is wiped from memory with the value.
pub struct Write {
    /// Its name.
    pub name: String,
    metadata: ObjectMeta,
    type_: &'static str,
    data: BTreeMap<&'static str, Zeroizing<String>>,
}

impl Write {
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

/// What to write, in this order: a certificate is used only once its authority is stored.
#[derive(Default)]
pub struct Writes {
    /// The Secret of the authority.
    pub authority: Option<Write>,
    /// The Secret of the nodes.
    pub nodes: Option<Write>,
}

/// The names of the Secrets of a cluster with these members, that of the authority first; `None` where the operator makes
/// no certificates.
#[must_use]
pub fn secrets(members: &[&ElixirRelease]) -> Option<[String; 2]> {
    let oldest = members.first().filter(|_| is_managed(members))?;
    Some([names::certificate_authority(oldest), names::node_certificate(oldest)])
}

/// The metadata to apply to an existing Secret of these as members come and go, with the uid of the one that was seen.
#[must_use]
pub fn ownership(members: &[&ElixirRelease], name: &str, uid: &str) -> Option<PartialObjectMeta<Secret>> {
    let mut metadata = metadata::of_members(members, name)?;
    metadata.uid = Some(uid.to_owned());
    Some(metadata.into_request_partial())
}

/// What to write so that a cluster with these members has what it needs now.
///
/// # Errors
/// A certificate cannot be made.
pub fn keep(
    members: &[&ElixirRelease],
    pair: &Pair,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Result<Writes, issue::Error> {
    let (Some(oldest), Some([of_authority, of_nodes])) = (members.first(), secrets(members)) else {
        return Ok(Writes::default());
    };
    let Pair { authority: authority_secret, nodes: nodes_secret } = pair;
    let name = names::certified(oldest);
    let present = authority_secret.as_ref().and_then(Authority::of);
    let operator = authority_secret.as_ref().and_then(Identity::of);
    let identity =
        nodes_secret.as_ref().and_then(Identity::of).filter(|identity| identity.certificate.names == [name.as_str()]);
    let trusted = nodes_secret.as_ref().map(authorities).unwrap_or_default();
    let found = Found {
        authority: present.as_ref().map(|authority| authority.end),
        operator: operator.as_ref().map(|it| it.leaf(present.as_ref())),
        nodes: identity.as_ref().map(|it| it.leaf(present.as_ref())),
        is_trusted: present.as_ref().is_some_and(|it| trusted.iter().any(|pem| pem == it.pem.trim())),
        again: nodes_secret.as_ref().and_then(|it| it.annotation(labels::RENEW_AT)?.parse().ok()),
    };
    let Due { authority: makes_authority, operator: makes_operator, nodes: makes_nodes } = due(&found, lifetimes, now);

    let made = if makes_authority { Some(issue::authority(now, after(now, lifetimes.authority))?) } else { None };
    let (signer, key, end) = match (&made, &present) {
        (Some(made), _) => (made.certificate.trim(), made.key.as_str(), after(now, lifetimes.authority)),
        (None, Some(present)) => (present.pem, present.key, present.end),
        (None, None) => return Ok(Writes::default()),
    };
    let until = after(now, lifetimes.certificate).min(end);
    let leaf = |role| issue::leaf(role, &name, (signer, key), now, until);
    let operator_made = if makes_operator { Some(leaf(Role::Operator)?) } else { None };
    let nodes_made = if makes_nodes { Some(leaf(Role::Node)?) } else { None };

    // The present authority first: the others are there for what they have issued, until they end.
    let held = authority_secret.as_ref().map(authorities).unwrap_or_default();
    let bundle = bundle(signer, held.iter().chain(&trusted), now);
    let is_used = nodes_made.is_some() || found.nodes.is_some_and(|leaf| leaf.is_of_authority && !makes_authority);
    let wait = if found.is_trusted && !makes_authority { found.again } else { None };
    let may_be_used_at = wait.unwrap_or_else(|| after(now, lifetimes.overlap));
    let renewal = |made: bool, leaf: Option<Leaf>| {
        let end = if made { Some(until) } else { leaf.map(|leaf| leaf.end) };
        end.map_or(now, |end| lifetimes.renewal_of_certificate(end))
    };
    let nodes_at = if is_used {
        renewal(makes_nodes, found.nodes)
    } else {
        // Whatever happens, no certificate is shown that has ended.
        found.nodes.map_or(may_be_used_at, |leaf| may_be_used_at.min(leaf.end))
    };
    let operator_is_own = makes_operator || found.operator.is_some_and(|leaf| leaf.is_of_authority && !makes_authority);
    let operator_at = if operator_is_own { renewal(makes_operator, found.operator) } else { nodes_at };
    let authority_at = lifetimes.renewal_of_authority(end).min(operator_at);

    let mut authority = draft(members, of_authority, "Opaque", authority_at, &bundle);
    let mut nodes = draft(members, of_nodes, "kubernetes.io/tls", nodes_at, &bundle);
    if let Some(Issued { key, .. }) = &made {
        authority.data.insert(AUTHORITY_KEY, key.clone());
    }
    identify(&mut authority, operator_made);
    identify(&mut nodes, nodes_made);
    Ok(Writes { authority: needed(authority, authority_secret.as_ref()), nodes: needed(nodes, nodes_secret.as_ref()) })
}

/// The authority in a Secret.
struct Authority<'a> {
    pem: &'a str,
    key: &'a str,
    end: Timestamp,
}

impl<'a> Authority<'a> {
    fn of(secret: &'a Stored) -> Option<Self> {
        let pem = certificate::each(secret.text(AUTHORITIES)?).next()?;
        let key = secret.text(AUTHORITY_KEY)?;
        let is_usable = issue::fits(pem, key);
        let end = Certificate::of(pem)?.not_after;
        is_usable.then_some(Self { pem, key, end })
    }
}

/// The certificate with a key that a Secret holds.
struct Identity<'a> {
    pem: &'a str,
    certificate: Certificate,
}

impl<'a> Identity<'a> {
    fn of(secret: &'a Stored) -> Option<Self> {
        let (pem, key) = (secret.text(CERTIFICATE)?, secret.text(PRIVATE_KEY)?);
        let certificate = Certificate::of(pem)?;
        issue::fits(pem, key).then_some(Self { pem, certificate })
    }

    fn leaf(&self, authority: Option<&Authority<'_>>) -> Leaf {
        let is_of_authority = authority.is_some_and(|it| certificate::is_issued_by(self.pem, it.pem));
        Leaf { end: self.certificate.not_after, is_of_authority }
    }
}

fn authorities(secret: &Stored) -> Vec<String> {
    certificate::each(secret.text(AUTHORITIES).unwrap_or_default()).map(ToOwned::to_owned).collect()
}

fn bundle<'a>(first: &str, others: impl Iterator<Item = &'a String>, now: Timestamp) -> String {
    let mut bundle = vec![first];
    for other in others {
        let is_alive = Certificate::of(other).is_some_and(|it| now < it.not_after);
        if is_alive && !bundle.contains(&other.as_str()) {
            bundle.push(other);
        }
    }
    bundle.join("\n") + "\n"
}

fn draft(members: &[&ElixirRelease], name: String, type_: &'static str, renew_at: Timestamp, bundle: &str) -> Write {
    let mut metadata = metadata::of_members(members, name.clone()).unwrap_or_default();
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(labels::RENEW_AT.to_owned(), whole_seconds(renew_at).to_string());
    annotations.insert(labels::AUTHORITIES.to_owned(), format!("{:016x}", digest::of(&bundle)));
    Write { name, metadata, type_, data: BTreeMap::from([(AUTHORITIES, bundle.to_owned().into())]) }
}

fn identify(secret: &mut Write, issued: Option<Issued>) {
    if let Some(Issued { certificate, key }) = issued {
        secret.data.insert(CERTIFICATE, certificate.into());
        secret.data.insert(PRIVATE_KEY, key);
    }
}

/// A write, unless all that it says is there already.
fn needed(write: Write, stored: Option<&Stored>) -> Option<Write> {
    let Some(stored) = stored else { return Some(write) };
    let has_data = write.data.iter().all(|(key, value)| stored.text(key) == Some(value.as_str()));
    let has = |wanted: &Option<BTreeMap<String, String>>, there: &Option<BTreeMap<String, String>>| {
        let there = |key: &String| there.as_ref().and_then(|there| there.get(key));
        wanted.iter().flatten().all(|(key, value)| there(key) == Some(value))
    };
    let has_metadata = has(&write.metadata.labels, &stored.metadata.labels)
        && has(&write.metadata.annotations, &stored.metadata.annotations);
    (!has_data || !has_metadata).then_some(write)
}

fn after(now: Timestamp, time: jiff::SignedDuration) -> Timestamp {
    whole_seconds(now.checked_add(time).unwrap_or(Timestamp::MAX))
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
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

/// Whether somebody else made it: it neither has the label of the cluster nor is it owned by a member.
#[must_use]
pub fn is_foreign(stored: &Stored, members: &[&ElixirRelease]) -> bool {
    let Some(ours) = metadata::of_members(members, "") else { return true };
    let label = |metadata: &ObjectMeta| metadata.labels.as_ref().and_then(|it| it.get(labels::CLUSTER).cloned());
    let owners = ours.owner_references.iter().flatten();
    let found = stored.metadata.owner_references.as_deref().unwrap_or_default();
    let is_owned = owners.into_iter().any(|owner| found.iter().any(|found| found.uid == owner.uid));
    label(&stored.metadata) != label(&ours) && !is_owned
}
