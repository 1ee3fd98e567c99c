//! Distribution over TLS: the same protocol in a TLS connection, with four bytes of length from the first message on.
//!
//! The node's certificate is always verified. It has to be issued by one of the authorities, for the address that is
//! connected to or for a name that the caller says: certificates of nodes in pods rarely hold addresses.
//!
//! See [using TLS for Erlang distribution](https://www.erlang.org/doc/apps/ssl/ssl_distribution).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::{Error, Result};

/// How to talk TLS with a node. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: Option<ServerName<'static>>,
}

/// Certificates or key are not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTls {
    /// Something is no PEM.
    #[error("the {what} cannot be read: PEM is expected")]
    Pem {
        /// Which of the three it is.
        what: &'static str,
        /// What the parser said.
        source: pem::Error,
    },
    /// No authority is left that could have issued a certificate.
    #[error("there is no certificate authority")]
    NoAuthority,
    /// The certificates cannot be used, or do not fit the key.
    #[error("the certificates are not usable")]
    Certificates(#[from] rustls::Error),
    /// A server name is no name.
    #[error("{name:?} is no server name")]
    Name {
        /// The text.
        name: String,
        /// What the parser said.
        source: InvalidDnsNameError,
    },
}

/// What we show to a node that asks for a certificate, in PEM.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// Our certificate, and what links it to an authority.
    pub certificates: &'a [u8],
    /// Its private key.
    pub key: &'a [u8],
}

impl Tls {
    /// Trusts certificates of `authorities`, in PEM. Nodes that verify their peers want an `identity`.
    pub fn new(authorities: &[u8], identity: Option<Identity<'_>>) -> Result<Self, InvalidTls> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(authorities, "certificate authority")? {
            roots.add(authority)?;
        }
        if roots.is_empty() {
            return Err(InvalidTls::NoAuthority);
        }
        // Named here, so that a provider that another crate enables is not in the way.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = builder.with_root_certificates(roots);
        let mut config = match identity {
            Some(Identity { certificates: chain, key }) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|source| InvalidTls::Pem { what: "private key", source })?;
                builder.with_client_auth_cert(certificates(chain, "certificate")?, key)?
            }
            None => builder.with_no_client_auth(),
        };
        // Connections last, so remembering sessions would only take memory.
        config.resumption = Resumption::disabled();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name: None })
    }

    /// Expects certificates for this name, whatever the address is.
    pub fn with_server_name(self, name: &str) -> Result<Self, InvalidTls> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|source| InvalidTls::Name { name: name.to_owned(), source })?;
        Ok(Self { name: Some(name), ..self })
    }

    pub(super) async fn connect(&self, stream: TcpStream, address: SocketAddr) -> Result<TlsStream<TcpStream>> {
        let name = self.name.clone().unwrap_or_else(|| ServerName::IpAddress(address.ip().into()));
        let connected = self.connector.connect(name, stream).await;
        connected.map_err(|source| Error::Tls { address, source: told(source) })
    }
}

/// Says what the end of the connection means at this point.
fn told(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            io::Error::new(error.kind(), "the node closed the connection: it may not speak TLS")
        }
        _ => error,
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|source| InvalidTls::Pem { what, source })
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        rcgen::generate_simple_self_signed(["shop".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn what_is_not_usable_is_told() {
        assert!(matches!(Tls::new(b"", None), Err(InvalidTls::NoAuthority)));
        let authority = authority();
        let cut = authority.replace("-----END CERTIFICATE-----", "");
        assert!(matches!(Tls::new(cut.as_bytes(), None), Err(InvalidTls::Pem { .. })));
        let no_key = Identity { certificates: authority.as_bytes(), key: b"" };
        assert!(matches!(
            Tls::new(authority.as_bytes(), Some(no_key)),
            Err(InvalidTls::Pem { what: "private key", .. })
        ));
        let tls = Tls::new(authority.as_bytes(), None).unwrap();
        assert!(matches!(tls.with_server_name("a b"), Err(InvalidTls::Name { .. })));
    }
}
