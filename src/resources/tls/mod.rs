//! TLS between the nodes of a cluster: certificates, the options of the VM, and who may look in.
//!
//! Every node of a cluster shows the same certificate, which has a name of the cluster in it ([`names::certified`]) and no
//! address: pods come and go faster than certificates. Whoever connects, and whoever is connected to, wants a certificate
//! of a trusted authority with that name. So an authority that issues for others as well lets in none of those.
//!
//! | file | subject |
//! |---|---|
//! | `access` | where the operator finds what it shows to the nodes and whom it trusts |
//! | `certificate` | certificates as they are read, and what is wrong with somebody's |
//! | `issue` | certificates as they are made |
//! | `keep` | the Secrets of a cluster whose certificates the operator makes, as they should be now |
//! | `options` | the file with the options of the VM |
//! | `renewal` | when what is made anew |
//! | `secret` | Secrets with certificates, as they are read and written |

pub mod access;
pub mod certificate;
pub mod issue;
pub mod keep;
pub mod options;
pub mod renewal;
pub mod secret;
#[cfg(test)]
mod tests;

use super::names;
use super::reference::{Content, Reference, ReferenceKind};
use crate::api::{ElixirRelease, ReleaseTool, TlsMode};

/// Key of a Secret with the certificate, and what links it to an authority.
pub const CERTIFICATE: &str = "tls.crt";
/// Key of a Secret with the private key of the certificate.
pub const PRIVATE_KEY: &str = "tls.key";
/// Key of a Secret with the certificates of the authorities that are trusted.
pub const AUTHORITIES: &str = "ca.crt";
/// Key of the Secret that no pod mounts, with the private key of the first of the authorities.
pub const AUTHORITY_KEY: &str = "ca.key";

/// The field that names a Secret with certificates.
pub const SECRET_NAME: &str = "spec.cluster.tls.secretName";

/// The keys of a Secret with the certificate of a node.
pub const KEYS: [&str; 3] = [CERTIFICATE, PRIVATE_KEY, AUTHORITIES];

/// How the nodes of a release speak TLS; Disabled where they do not speak the distribution protocol at all.
#[must_use]
pub fn mode(release: &ElixirRelease) -> TlsMode {
    if names::is_distributed(release) { release.spec.cluster.tls.mode } else { TlsMode::Disabled }
}

/// The Secret that the pods of a release mount.
#[must_use]
pub fn mounted(release: &ElixirRelease) -> Option<String> {
    match mode(release) {
        TlsMode::Managed => Some(names::node_certificate(release)),
        TlsMode::Secret => given(release),
        TlsMode::Disabled | TlsMode::Application => None,
    }
}

/// Whether the operator passes the flags of TLS to the VM.
#[must_use]
pub fn has_flags(release: &ElixirRelease) -> bool {
    mounted(release).is_some() && release.spec.release.tool != ReleaseTool::None
}

/// The Secret that the user names, in a mode that reads it.
#[must_use]
pub fn given(release: &ElixirRelease) -> Option<String> {
    let is_read = matches!(mode(release), TlsMode::Secret | TlsMode::Application);
    release.spec.cluster.tls.secret_name.clone().filter(|name| is_read && !name.is_empty())
}

/// Whether the operator makes the certificates of a cluster with these members, oldest first: the oldest decides, and
/// validation tells a younger one that differs.
#[must_use]
pub fn is_managed(members: &[&ElixirRelease]) -> bool {
    members.first().is_some_and(|oldest| mode(oldest) == TlsMode::Managed)
}

/// The Secret with certificates, which are replaced without a restart: its content is no part of a revision.
#[must_use]
pub fn reloaded(release: &ElixirRelease) -> Option<Reference> {
    mounted(release).or_else(|| given(release)).map(|name| Reference { kind: ReferenceKind::Secret, name })
}

/// The Secrets that the operator makes for a release. They are known before they exist and not read for the sake of pods
/// that mount them elsewhere.
#[must_use]
pub fn own_reference(release: &ElixirRelease) -> Option<Reference> {
    reloaded(release).filter(|_| mode(release) == TlsMode::Managed)
}

/// What is known of that Secret without reading it.
#[must_use]
pub fn own_content() -> Content {
    Content { keys: KEYS.map(ToOwned::to_owned).into(), ..Content::default() }
}
