//! The two Secrets of a cluster whose certificates the operator makes.
//!
//! One is mounted by the nodes: their certificate, its key, and the authorities that they trust. The other one is mounted
//! by nobody: the authority with its key, and the certificate that the operator shows to the nodes. What has to change in
//! them follows from what they hold and from the time.

use jiff::Timestamp;

use super::certificate::{self, Certificate};
use super::issue::{self, Role};
use super::renewal::{Ends, Found, Leaf, Lifetimes, again, due};
use super::secret::{Stored, Write};
use super::{AUTHORITIES, AUTHORITY_KEY, CERTIFICATE, PRIVATE_KEY, is_managed};
use crate::api::ElixirRelease;
use crate::resources::{labels, names};

/// The Secrets of a cluster as they are.
#[derive(Default)]
pub struct Pair {
    /// That of the authority.
    pub authority: Option<Stored>,
    /// That of the nodes.
    pub nodes: Option<Stored>,
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
    let name = names::certified(oldest);
    let present = pair.authority.as_ref().and_then(Authority::of);
    let found = found(pair, present.as_ref(), &name);
    let due = due(&found, lifetimes, now);

    let ends = Ends::of(&found, &due, lifetimes, now);
    let made = if due.authority { Some(issue::authority(now, ends.authority)?) } else { None };
    let (signer, key) = match (&made, &present) {
        (Some(made), _) => (made.certificate.trim(), made.key.as_str()),
        (None, Some(present)) => (present.pem, present.key),
        (None, None) => return Ok(Writes::default()),
    };
    let issued = |role, is_due: bool| {
        let leaf = is_due.then(|| issue::leaf(role, &name, (signer, key), now, ends.certificate));
        leaf.transpose()
    };
    let (operator, node) = (issued(Role::Operator, due.operator)?, issued(Role::Node, due.nodes)?);

    let held = [&pair.authority, &pair.nodes].into_iter().flatten().flat_map(authorities);
    let trusted = trusted(signer, held, now);
    let again = again(&found, &due, &ends, lifetimes, now);
    let mut authority = Write::new(members, of_authority, "Opaque", again.authority, &trusted).with_identity(operator);
    if let Some(made) = &made {
        authority = authority.with(AUTHORITY_KEY, made.key.clone());
    }
    let nodes = Write::new(members, of_nodes, "kubernetes.io/tls", again.nodes, &trusted).with_identity(node);
    Ok(Writes {
        authority: authority.unless_there(pair.authority.as_ref()),
        nodes: nodes.unless_there(pair.nodes.as_ref()),
    })
}

/// What the Secrets hold, as seen from the present authority.
fn found(pair: &Pair, present: Option<&Authority<'_>>, name: &str) -> Found {
    let Pair { authority, nodes } = pair;
    let leaf = |identity: Identity<'_>| Leaf {
        end: identity.certificate.not_after,
        is_of_authority: present.is_some_and(|it| certificate::is_issued_by(identity.pem, it.pem)),
    };
    let of_nodes = nodes.as_ref().and_then(Identity::of).filter(|identity| identity.certificate.names == [name]);
    Found {
        authority: present.map(|authority| authority.end),
        operator: authority.as_ref().and_then(Identity::of).map(leaf),
        nodes: of_nodes.map(leaf),
        is_trusted: present.is_some_and(|it| nodes.iter().flat_map(authorities).any(|trusted| trusted == it.pem)),
        again: nodes.as_ref().and_then(|it| it.annotation(labels::RENEW_AT)?.parse().ok()),
    }
}

/// The authority in a Secret.
struct Authority<'a> {
    pem: &'a str,
    key: &'a str,
    end: Timestamp,
}

impl<'a> Authority<'a> {
    fn of(secret: &'a Stored) -> Option<Self> {
        let (pem, key) = (authorities(secret).next()?, secret.text(AUTHORITY_KEY)?);
        let end = Certificate::of(pem)?.not_after;
        issue::fits(pem, key).then_some(Self { pem, key, end })
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
}

fn authorities(secret: &Stored) -> impl Iterator<Item = &str> {
    certificate::each(secret.text(AUTHORITIES).unwrap_or_default())
}

/// The present authority first. The others are there for what they have issued, until they end.
fn trusted<'a>(present: &'a str, others: impl Iterator<Item = &'a str>, now: Timestamp) -> String {
    let mut trusted = vec![present];
    for other in others {
        let is_alive = Certificate::of(other).is_some_and(|it| now < it.not_after);
        if is_alive && !trusted.contains(&other) {
            trusted.push(other);
        }
    }
    trusted.join("\n") + "\n"
}
