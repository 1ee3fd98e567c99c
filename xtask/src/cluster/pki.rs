//! The cluster's certificate authority, and the certificates and keys of its components.
//!
//! Kubernetes takes the name of a user from the common name of its certificate, and the user's groups from its
//! organizations: <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>.
//! All keys are ECDSA P-256, the one that signs service-account tokens too.

use std::fs::{self, DirBuilder};
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use serde_json::json;

use super::file::{write, write_private};

/// The directory of the keys and certificates, and the key that signs them.
pub(crate) struct Authority {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A user of the API.
#[derive(Clone)]
pub(crate) struct User {
    /// What its files are called.
    file: String,
    name: String,
    group: Option<&'static str>,
}

impl User {
    /// A user that may do everything.
    pub(crate) fn administrator(file: &str) -> Self {
        Self { file: file.to_owned(), name: file.to_owned(), group: Some("system:masters") }
    }

    /// A component whose rights are in the roles that Kubernetes comes with.
    pub(crate) fn component(file: &str) -> Self {
        Self { file: file.to_owned(), name: format!("system:{file}"), group: None }
    }

    pub(crate) fn node(name: &str) -> Self {
        Self { file: format!("node-{name}"), name: format!("system:node:{name}"), group: Some("system:nodes") }
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }
}

impl Authority {
    /// The authority whose files are in this directory, made if there is none.
    pub(crate) fn ensure(directory: &Path) -> Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let (certificate, key) = (directory.join("ca.crt"), directory.join("ca.key"));
        if !certificate.exists() {
            let pair = KeyPair::generate()?;
            let mut params = params("beam-operator development cluster", None);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
            write_private(&key, &pair.serialize_pem())?;
            write(&certificate, &params.self_signed(&pair)?.pem())?;
        }
        let pair = KeyPair::from_pem(&read(&key)?)?;
        let issuer = Issuer::from_ca_cert_pem(&read(&certificate)?, pair)?;
        Ok(Self { directory: directory.to_owned(), issuer })
    }

    /// The path of one of the authority's files.
    pub(crate) fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// Ensures the certificate of a server that is reached under these names and addresses: `NAME.crt`, `NAME.key`.
    pub(crate) fn ensure_server(&self, name: &str, hosts: &[&str], addresses: &[IpAddr]) -> Result<()> {
        let mut params = params(name, None);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for host in hosts {
            params.subject_alt_names.push(SanType::DnsName((*host).try_into()?));
        }
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        self.ensure_signed(name, &params)
    }

    /// Ensures the certificate of a user of the API.
    pub(crate) fn ensure_user(&self, user: &User) -> Result<()> {
        let mut params = params(&user.name, user.group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.ensure_signed(&user.file, &params)
    }

    /// Ensures the key that signs service-account tokens, `service-accounts.key`, and its public half,
    /// `service-accounts.pub`.
    pub(crate) fn ensure_token_key(&self) -> Result<()> {
        let public = self.directory.join("service-accounts.pub");
        if public.exists() {
            return Ok(());
        }
        let pair = KeyPair::generate()?;
        write_private(&self.directory.join("service-accounts.key"), &pair.serialize_pem())?;
        write(&public, &pair.public_key_pem())
    }

    fn ensure_signed(&self, name: &str, params: &CertificateParams) -> Result<()> {
        let certificate = self.directory.join(format!("{name}.crt"));
        if certificate.exists() {
            return Ok(());
        }
        let pair = KeyPair::generate()?;
        write_private(&self.directory.join(format!("{name}.key")), &pair.serialize_pem())?;
        // Last, because its presence says that both are there.
        write(&certificate, &params.signed_by(&pair, &self.issuer)?.pem())
    }

    /// Ensures the user's certificate and writes a kubeconfig that needs no other file.
    pub(crate) fn write_kubeconfig(&self, path: &Path, user: &User, server: &str) -> Result<()> {
        self.ensure_user(user)?;
        let embed = |file: &str| read(&self.directory.join(file)).map(|text| BASE64_STANDARD.encode(text));
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "beam",
            "clusters": [{"name": "beam", "cluster": {
                "server": server,
                "certificate-authority-data": embed("ca.crt")?,
            }}],
            "users": [{"name": user.name, "user": {
                "client-certificate-data": embed(&format!("{}.crt", user.file))?,
                "client-key-data": embed(&format!("{}.key", user.file))?,
            }}],
            "contexts": [{"name": "beam", "context": {"cluster": "beam", "user": user.name}}],
        });
        write_private(path, &serde_json::to_string_pretty(&config)?)
    }
}

fn params(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}
