//! How long certificates are valid that the operator makes.

use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::seconds;
use crate::resources::tls::renewal::Lifetimes;

/// How long certificates are valid. Nobody but a test that has no months to wait needs another time.
#[derive(Args, Clone, Debug)]
pub struct CertificateSettings {
    /// Seconds that the certificates of nodes and operator are valid: 90 days.
    #[arg(long, hide = true, default_value = "7776000", value_parser = seconds::<3, 31_536_000>)]
    certificate_lifetime: Duration,

    /// Seconds that the authority of a cluster is valid: ten years.
    #[arg(long, hide = true, default_value = "315360000", value_parser = seconds::<3, 630_720_000>)]
    authority_lifetime: Duration,

    /// Seconds for which nodes trust a new authority before it is used.
    #[arg(long, hide = true, default_value = "3600", value_parser = seconds::<1, 86_400>)]
    authority_overlap: Duration,
}

impl From<&CertificateSettings> for Lifetimes {
    fn from(settings: &CertificateSettings) -> Self {
        let time = |time: Duration| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        Self {
            certificate: time(settings.certificate_lifetime),
            authority: time(settings.authority_lifetime),
            overlap: time(settings.authority_overlap),
        }
    }
}
