//! Certificates of nodes whose distribution uses TLS.

use beam_operator::beam::{Identity, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::Otp;

/// An authority and one certificate, for nodes and for the client.
pub struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

impl Certificates {
    /// Issues a certificate for a name or an address.
    pub fn issue(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // OTP takes a certificate whose subject is its issuer for one that is signed by itself.
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        Self { authority: issuer.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Writes the options of a node, which wants a certificate of its peers, and says where.
    pub fn options(&self, otp: &Otp) -> String {
        let authority = otp.write("ca.pem", &self.authority);
        let certificate = otp.write("tls.pem", &self.certificate);
        let key = otp.write("tls.key", &self.key);
        let files = format!(r#"{{certfile, "{certificate}"}}, {{keyfile, "{key}"}}, {{cacertfile, "{authority}"}}"#);
        let verify = "{verify, verify_peer}";
        otp.write(
            "tls.conf",
            &format!("[{{server, [{files}, {verify}, {{fail_if_no_peer_cert, true}}]}}, {{client, [{files}]}}]."),
        )
    }

    /// A client that shows the certificate.
    pub fn client(&self) -> Tls {
        let identity = Identity { certificates: self.certificate.as_bytes(), key: self.key.as_bytes() };
        Tls::new(self.authority.as_bytes(), Some(identity)).unwrap()
    }

    /// A client that trusts the authority and has no certificate.
    pub fn stranger(&self) -> Tls {
        Tls::new(self.authority.as_bytes(), None).unwrap()
    }
}
