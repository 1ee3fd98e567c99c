//! `cluster.tls`: what it says, and the certificates in the Secret that it names.

use jiff::{SignedDuration, Timestamp};

use crate::api::{ElixirRelease, TlsMode};
use crate::resources::names;
use crate::resources::problem::Problem;
use crate::resources::reference::{Contents, Reference, ReferenceKind};
use crate::resources::tls::certificate::{Certificate, CertificateFlaw};
use crate::resources::tls::{self, CERTIFICATE, SECRET_NAME};

/// How long before its end a certificate is spoken of.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What the API server checks already, for what was stored before it did.
pub(super) fn fields(release: &ElixirRelease) -> Option<Problem> {
    let tls = &release.spec.cluster.tls;
    let is_named = tls.secret_name.as_ref().is_some_and(|name| !name.is_empty());
    let message = match (tls.mode, is_named) {
        (TlsMode::Secret, false) => {
            "must name the Secret with tls.crt, tls.key and ca.crt when cluster.tls.mode is Secret: name it, or use mode \
             Managed"
        }
        (TlsMode::Disabled | TlsMode::Managed, true) => {
            "is read with cluster.tls.mode Secret or Application only: remove it, or change the mode"
        }
        _ => return None,
    };
    Some(Problem::new(SECRET_NAME, message))
}

/// What is wrong with the certificates, as far as their Secret was read.
pub(super) fn problems(release: &ElixirRelease, contents: &Contents, now: Timestamp) -> Option<Problem> {
    let name = tls::given(release)?;
    let what = match found(&name, contents)? {
        Err(flaw) => told(*flaw),
        Ok(certificate) => unfit(release, certificate, now)?,
    };
    Some(Problem::new(SECRET_NAME, format!("Secret {name}: {what}")))
}

/// That the certificate ends soon, while there is time to do something.
pub(super) fn ending(release: &ElixirRelease, contents: &Contents, now: Timestamp) -> Option<Problem> {
    let name = tls::given(release)?;
    let Ok(certificate) = found(&name, contents)? else { return None };
    let end = certificate.not_after;
    (end.duration_since(now) <= SOON).then(|| {
        let message = format!(
            "Secret {name}: {CERTIFICATE}, or the authority that issued it, ends at {end}, and from then on no node \
 can meet another: replace it, or look why nobody has"
        );
        Problem::new(SECRET_NAME, message)
    })
}

/// When there will be something to say about the certificate without anything else happening.
#[must_use]
pub fn turn(release: &ElixirRelease, contents: &Contents, now: Timestamp) -> Option<Timestamp> {
    let Ok(certificate) = found(&tls::given(release)?, contents)? else { return None };
    let warning = certificate.not_after.checked_sub(SOON).ok();
    [Some(certificate.not_before), warning, Some(certificate.not_after)]
        .into_iter()
        .flatten()
        .filter(|turn| *turn > now)
        .min()
}

fn found<'a>(name: &str, contents: &'a Contents) -> Option<&'a Result<Certificate, CertificateFlaw>> {
    let reference = Reference { kind: ReferenceKind::Secret, name: name.to_owned() };
    contents.get(&reference)?.certificate.as_ref()
}

fn told(flaw: CertificateFlaw) -> String {
    match flaw {
        CertificateFlaw::NoCertificate(key) => format!("{key} holds no certificate in PEM: write one into it"),
        CertificateFlaw::NoKey => {
            "tls.key holds no private key in PEM that can be read without a password: write it unencrypted".to_owned()
        }
        CertificateFlaw::UnknownKey => {
            "tls.key is of a kind that is not supported: use RSA from 2048 bits, ECDSA on P-256 or P-384, or Ed25519"
                .to_owned()
        }
        CertificateFlaw::OtherKey => {
            "tls.key is not the key of tls.crt: write both from the same issue of the certificate".to_owned()
        }
        CertificateFlaw::OtherAuthority => {
            "tls.crt was not issued by an authority in ca.crt: add the authority, and what links the two to tls.crt"
                .to_owned()
        }
        CertificateFlaw::NotForClients => {
            "tls.crt is not for clients, and nodes connect to each other: issue it with the usages server auth and client \
             auth"
                .to_owned()
        }
    }
}

fn unfit(release: &ElixirRelease, certificate: &Certificate, now: Timestamp) -> Option<String> {
    let (begin, end) = (certificate.not_before, certificate.not_after);
    if now >= end {
        return Some(format!("{CERTIFICATE}, or the authority that issued it, has ended at {end}: replace it"));
    }
    if now < begin {
        return Some(format!("{CERTIFICATE} begins at {begin}: wait, or replace it"));
    }
    if tls::mode(release) == TlsMode::Application {
        return None;
    }
    if !certificate.serves {
        let usages = "issue it with the usages server auth and client auth";
        return Some(format!("{CERTIFICATE} is not for servers, and nodes connect to each other: {usages}"));
    }
    let name = names::certified(release);
    if certificate.names.contains(&name) {
        return None;
    }
    let names = if certificate.names.is_empty() { "none".to_owned() } else { certificate.names.join(", ") };
    Some(format!(
        "{CERTIFICATE} is not for the DNS name {name}, by which nodes know each other, but for {names}: add it"
    ))
}
