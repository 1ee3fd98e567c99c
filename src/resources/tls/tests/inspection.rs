//! What is wrong with somebody's certificates.

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};

use super::*;

struct Material {
    authority: Issued,
    node: Issued,
}

fn material() -> Material {
    let authority = issue::authority(now(), now() + DAY * 100).unwrap();
    let signer = (authority.certificate.as_str(), authority.key.as_str());
    let node = issue::leaf(Role::Node, "shop-nodes.store.svc", signer, now(), now() + DAY * 90).unwrap();
    Material { authority, node }
}

fn data(certificate: &str, key: &str, authority: &str) -> BTreeMap<String, Vec<u8>> {
    let entry = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
    [entry(CERTIFICATE, certificate), entry(PRIVATE_KEY, key), entry(AUTHORITIES, authority)].into()
}

fn judged(certificate: &str, key: &str, authority: &str, now: Timestamp) -> Result<Certificate, CertificateFlaw> {
    certificate::inspect(&data(certificate, key, authority), now).unwrap()
}

#[test]
fn what_we_make_is_without_a_flaw() {
    let Material { authority, node } = material();
    let read = judged(&node.certificate, &node.key, &authority.certificate, now()).unwrap();

    let expected = Certificate {
        not_before: now() - SignedDuration::from_mins(10),
        not_after: now() + DAY * 90,
        names: vec!["shop-nodes.store.svc".to_owned()],
        serves: true,
    };
    assert_eq!(read, expected);
    assert!(certificate::is_issued_by(&node.certificate, &authority.certificate));
    assert!(!certificate::is_issued_by(&node.certificate, &material().authority.certificate));
    let operator = issue::leaf(Role::Operator, "a.b.svc", (&authority.certificate, &authority.key), now(), now() + DAY);
    assert!(!Certificate::of(&operator.unwrap().certificate).unwrap().serves);
}

#[test]
fn a_key_that_is_missing_is_told_otherwise() {
    let Material { authority, node } = material();
    let mut data = data(&node.certificate, &node.key, &authority.certificate);
    data.remove(AUTHORITIES);
    assert_eq!(certificate::inspect(&data, now()), None);
}

#[test]
fn what_is_no_certificate_and_no_key() {
    let Material { authority, node } = material();
    let (ca, crt, key) = (&*authority.certificate, &*node.certificate, &*node.key);
    let broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let unknown = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    let cases = [
        (judged("", key, ca, now()), CertificateFlaw::NoCertificate(CERTIFICATE)),
        (judged(broken, key, ca, now()), CertificateFlaw::NoCertificate(CERTIFICATE)),
        (judged(crt, key, "x", now()), CertificateFlaw::NoCertificate(AUTHORITIES)),
        (judged(crt, key, broken, now()), CertificateFlaw::NoCertificate(AUTHORITIES)),
        (judged(crt, crt, ca, now()), CertificateFlaw::NoKey),
        (judged(crt, &encrypted, ca, now()), CertificateFlaw::NoKey),
        (judged(crt, unknown, ca, now()), CertificateFlaw::UnknownKey),
        (judged(crt, &material().node.key, ca, now()), CertificateFlaw::OtherKey),
        (judged(crt, key, &material().authority.certificate, now()), CertificateFlaw::OtherAuthority),
    ];
    for (number, (found, expected)) in cases.into_iter().enumerate() {
        assert_eq!(found, Err(expected), "case {number}");
    }
}

/// Whether a certificate has ended is told by those who look later; that its authority has is told here.
#[test]
fn ends_of_certificates_and_authorities() {
    let Material { authority, node } = material();
    let at = |time| judged(&node.certificate, &node.key, &authority.certificate, time).map(|it| it.not_after);
    assert_eq!(at(now() + DAY * 95), Ok(now() + DAY * 90));
    assert_eq!(at(now() - DAY), Ok(now() + DAY * 90));

    let signer = (authority.certificate.as_str(), authority.key.as_str());
    let longer = issue::leaf(Role::Node, "a.b.svc", signer, now(), now() + DAY * 200).unwrap();
    let judged = judged(&longer.certificate, &longer.key, &authority.certificate, now());
    assert_eq!(judged.map(|it| it.not_after), Ok(now() + DAY * 100));
}

#[test]
fn a_certificate_that_is_for_servers_only() {
    let Material { authority, .. } = material();
    let issuer =
        rcgen::Issuer::from_ca_cert_pem(&authority.certificate, KeyPair::from_pem(&authority.key).unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["shop-nodes.store.svc".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server = params.signed_by(&key, &issuer).unwrap().pem();
    let judged = judged(&server, &key.serialize_pem(), &authority.certificate, now());
    assert_eq!(judged, Err(CertificateFlaw::NotForClients));
}

#[test]
fn no_key_is_in_what_is_printed() {
    let Material { node, .. } = material();
    assert!(!format!("{node:?}").contains("PRIVATE"));
    let secret = json!({"metadata": {"name": "s"}, "data": {"tls.key": ByteString(node.key.as_bytes().to_vec())}});
    let stored = Stored::from(serde_json::from_value::<Secret>(secret).unwrap());
    assert_eq!(format!("{stored:?}"), "Stored { name: Some(\"s\"), .. }");
}
