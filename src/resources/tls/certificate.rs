//! Certificates as they are read, and what is wrong with somebody's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, InconsistentKeys, RootCertStore};
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::{GeneralName, X509Certificate};

use super::{AUTHORITIES, CERTIFICATE, PRIVATE_KEY};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// When it begins to be valid.
    pub not_before: Timestamp,
    /// When it, its authority or what links the two ends to be valid.
    pub not_after: Timestamp,
    /// The DNS names that it is for.
    pub names: Vec<String>,
    /// Whether a node may be connected to with it.
    pub serves: bool,
}

/// Why nodes could not use what a Secret holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFlaw {
    /// There is no certificate in PEM under a key.
    NoCertificate(&'static str),
    /// There is no private key in PEM, or an encrypted one.
    NoKey,
    /// The private key is of a kind that is not known.
    UnknownKey,
    /// The private key is not that of the certificate.
    OtherKey,
    /// None of the authorities has issued the certificate.
    OtherAuthority,

    /// The certificate is not for those who connect.
    NotForClients,
}

impl Certificate {
    /// Reads one in PEM; `None` if it is none.
    #[must_use]
    pub fn of(pem: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        Self::of_der(&der)
    }

    fn of_der(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, read) = parse_x509_certificate(der).ok()?;
        let time = |time: i64| Timestamp::from_second(time).ok();
        Some(Self {
            not_before: time(read.validity().not_before.timestamp())?,
            not_after: time(read.validity().not_after.timestamp())?,
            names: names(&read),
            // A certificate that names no purpose is for all.
            serves: read.extended_key_usage().ok()?.is_none_or(|usage| usage.value.any || usage.value.server_auth),
        })
    }
}

fn names(read: &X509Certificate<'_>) -> Vec<String> {
    let names = read.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}

/// Each of the certificates in a text, in PEM and without what stands between them.
pub fn each(pem: &str) -> impl Iterator<Item = &str> {
    pem.split_inclusive(END).filter_map(|text| text.find(BEGIN).map(|begin| &text[begin..]))
}

/// Whether a certificate was issued by an authority, both in PEM.
#[must_use]
pub fn is_issued_by(certificate: &str, authority: &str) -> bool {
    let ders = [certificate, authority].map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()));
    let [Ok(certificate), Ok(authority)] = ders else { return false };
    is_issued(&certificate, &authority)
}

fn is_issued(certificate: &CertificateDer<'_>, authority: &CertificateDer<'_>) -> bool {
    let (Ok((_, certificate)), Ok((_, authority))) =
        (parse_x509_certificate(certificate), parse_x509_certificate(authority))
    else {
        return false;
    };
    certificate.issuer() == authority.subject() && certificate.verify_signature(Some(authority.public_key())).is_ok()
}

/// What nodes would find in a Secret; `None` if it lacks one of the keys, of which it is told otherwise.
///
/// Whether the certificate itself is valid at a time is left to those who look later.
#[must_use]
pub fn inspect(data: &BTreeMap<String, Vec<u8>>, now: Timestamp) -> Option<Result<Certificate, CertificateFlaw>> {
    Some(judge(data.get(CERTIFICATE)?, data.get(PRIVATE_KEY)?, data.get(AUTHORITIES)?, now))
}

fn judge(chain: &[u8], key: &[u8], authorities: &[u8], now: Timestamp) -> Result<Certificate, CertificateFlaw> {
    let chain = read(chain, CERTIFICATE)?;
    let authorities = read(authorities, AUTHORITIES)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateFlaw::NoKey)?;
    let parsed: Option<Vec<_>> = chain.iter().map(Certificate::of_der).collect();
    let parsed = parsed.ok_or(CertificateFlaw::NoCertificate(CERTIFICATE))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain.clone(), key, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateFlaw::OtherKey,
        _ => CertificateFlaw::UnknownKey,
    })?;
    let first = parsed.first().ok_or(CertificateFlaw::NoCertificate(CERTIFICATE))?;
    // An authority is trusted to its end, whoever looks at it.
    let issuers = authorities.iter().filter(|authority| chain.last().is_some_and(|last| is_issued(last, authority)));
    let trusted_until = issuers.filter_map(Certificate::of_der).map(|it| it.not_after).max();
    let not_after = parsed.iter().map(|it| it.not_after).chain(trusted_until).min();
    verify(&chain, authorities, now)?;
    Ok(Certificate { not_after: not_after.unwrap_or(first.not_after), ..first.clone() })
}

fn read(pem: &[u8], key: &'static str) -> Result<Vec<CertificateDer<'static>>, CertificateFlaw> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.ok().filter(|read| !read.is_empty()).ok_or(CertificateFlaw::NoCertificate(key))
}

fn verify(
    chain: &[CertificateDer<'static>],
    authorities: Vec<CertificateDer<'static>>,
    now: Timestamp,
) -> Result<(), CertificateFlaw> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|_| CertificateFlaw::NoCertificate(AUTHORITIES))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let verifier = verifier.map_err(|_| CertificateFlaw::NoCertificate(AUTHORITIES))?;
    let Some((first, between)) = chain.split_first() else { return Ok(()) };
    let since_epoch = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
    match verifier.verify_client_cert(first, between, UnixTime::since_unix_epoch(since_epoch)) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InvalidCertificate(error)) => match error {
            // It is told by those who look later, at their time.
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Ok(()),
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Err(CertificateFlaw::NotForClients)
            }
            _ => Err(CertificateFlaw::OtherAuthority),
        },
        Err(_) => Err(CertificateFlaw::OtherAuthority),
    }
}
