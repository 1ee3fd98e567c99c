//! Where the operator finds what it shows to the nodes, and whom it trusts.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use thiserror::Error;

use super::{AUTHORITIES, CERTIFICATE, PRIVATE_KEY, given, mode};
use crate::api::{ElixirRelease, TlsMode};
use crate::beam::{Identity, InvalidTls, Tls};
use crate::resources::names;

/// The Secret by which the operator talks to the nodes of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsAccess {
    /// Its name.
    pub secret: String,
    /// Its key with the authorities that are trusted.
    pub authorities: &'static str,
    /// Its key with the certificate that is shown.
    pub certificate: &'static str,
    /// Its key with the private key of that.
    pub key: &'static str,
    /// The DNS name that the certificate of a node has.
    pub server_name: String,
}

/// A Secret does not hold what is needed to talk to nodes.
#[derive(Debug, Error)]
pub enum Unusable {
    /// It lacks a key.
    #[error("Secret {secret} has no key {key}: add it")]
    Missing {
        /// The Secret.
        secret: String,
        /// The key.
        key: &'static str,
    },
    /// What it holds is of no use.
    #[error("Secret {secret} cannot be used to talk to the nodes: {source}")]
    Invalid {
        /// The Secret.
        secret: String,
        /// Why.
        source: InvalidTls,
    },
}

/// The Secret by which the operator talks to the nodes of a release. `None` where they speak no TLS, and where their image
/// makes it and nobody says with what they can be reached.
///
/// It is not the one that pods mount where the operator makes the certificates: a node does not have what the operator
/// shows to it.
#[must_use]
pub fn access(release: &ElixirRelease) -> Option<TlsAccess> {
    let secret = match mode(release) {
        TlsMode::Disabled => None,
        TlsMode::Managed => Some(names::certificate_authority(release)),
        TlsMode::Secret | TlsMode::Application => given(release),
    };
    Some(TlsAccess {
        secret: secret?,
        authorities: AUTHORITIES,
        certificate: CERTIFICATE,
        key: PRIVATE_KEY,
        server_name: names::certified(release),
    })
}

impl TlsAccess {
    /// How to talk to the nodes, from what the Secret holds.
    ///
    /// # Errors
    /// A key is missing, or holds something else.
    pub fn client(&self, data: &BTreeMap<String, ByteString>) -> Result<Tls, Unusable> {
        let value = |key: &'static str| {
            let found = data.get(key).map(|value| value.0.as_slice());
            found.ok_or_else(|| Unusable::Missing { secret: self.secret.clone(), key })
        };
        let identity = Identity { certificates: value(self.certificate)?, key: value(self.key)? };
        let tls = Tls::new(value(self.authorities)?, Some(identity));
        let named = tls.and_then(|tls| tls.with_server_name(&self.server_name));
        named.map_err(|source| Unusable::Invalid { secret: self.secret.clone(), source })
    }
}
