//! Certificates as the operator makes them: ECDSA on P-256, which every OTP release and every rustls takes.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;
use zeroize::Zeroizing;

/// How far before the time of its making a certificate begins, for machines whose clocks are behind.
const BACKDATED: Duration = Duration::from_mins(10);

/// Bytes of randomness in a serial number. RFC 5280 allows twenty, of which the first bit must be 0.
const SERIAL: usize = 16;

/// A certificate and its private key, both in PEM.
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: Zeroizing<String>,
}

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A node, which connects and is connected to.
    Node,
    /// The operator, which connects only: its certificate does not pass for that of a node.
    Operator,
}

/// A certificate cannot be made.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system has no randomness.
    #[error("there is no randomness for a certificate: {0}")]
    Randomness(String),
    /// The authority is not usable, or the library refuses.
    #[error("no certificate can be made: {0}")]
    Refused(#[from] rcgen::Error),
}

/// A new authority for one cluster. It can make certificates of nodes and no further authorities.
pub fn authority(now: Timestamp, until: Timestamp) -> Result<Issued, Error> {
    let serial = serial()?;
    // The name tells an authority from the one before it: OTP looks for the issuer of a certificate by name.
    let id = u32::from_be_bytes([serial[1], serial[2], serial[3], serial[4]]);
    let mut params = params(&format!("beam-operator {id:08x}"), &serial, now, until);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    Ok(Issued { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem().into() })
}

/// A certificate for this DNS name, by an authority of which certificate and key are given in PEM.
pub fn leaf(
    role: Role,
    name: &str,
    (authority, key_of_authority): (&str, &str),
    now: Timestamp,
    until: Timestamp,
) -> Result<Issued, Error> {
    let (subject, usages) = match role {
        Role::Node => ("node", vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth]),
        Role::Operator => ("operator", vec![ExtendedKeyUsagePurpose::ClientAuth]),
    };
    let mut params = params(subject, &serial()?, now, until);
    params.subject_alt_names = CertificateParams::new([name.to_owned()])?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = usages;
    params.use_authority_key_identifier_extension = true;
    let issuer = Issuer::from_ca_cert_pem(authority, KeyPair::from_pem(key_of_authority)?)?;
    let key = KeyPair::generate()?;
    Ok(Issued { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem().into() })
}

/// Whether a private key is that of a certificate, both in PEM.
#[must_use]
pub fn fits(certificate: &str, key: &str) -> bool {
    let Ok(key) = KeyPair::from_pem(key) else { return false };
    let Ok(certificate) = CertificateDer::from_pem_slice(certificate.as_bytes()) else { return false };
    let read = x509_parser::parse_x509_certificate(&certificate);
    read.is_ok_and(|(_, read)| *read.public_key().subject_public_key.data == *key.public_key_raw())
}

fn params(subject: &str, serial: &[u8], now: Timestamp, until: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.serial_number = Some(SerialNumber::from_slice(serial));
    let epoch = date_time_ymd(1970, 1, 1);
    let since_epoch = |time: Timestamp| Duration::from_secs(u64::try_from(time.as_second()).unwrap_or_default());
    params.not_before = epoch + since_epoch(now).saturating_sub(BACKDATED);
    params.not_after = epoch + since_epoch(until);
    params
}

fn serial() -> Result<[u8; SERIAL], Error> {
    let mut serial = [0; SERIAL];
    OsRng.try_fill_bytes(&mut serial).map_err(|error| Error::Randomness(error.to_string()))?;
    // Positive, and of the same length always.
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

/// Only the certificate: the key must not reach a log.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}
