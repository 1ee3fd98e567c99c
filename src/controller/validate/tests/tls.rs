//! `cluster.tls`, and the certificates that it names.

use super::*;
use crate::resources::tls::certificate::{Certificate, CertificateFlaw};

const SECRET: &str = "cluster: {tls: {mode: Secret, secretName: mine}}";
const APPLICATION: &str = "cluster: {tls: {mode: Application, secretName: mine}}";

fn certificate() -> Certificate {
    Certificate {
        not_before: "2026-11-01T00:00:00Z".parse().unwrap(),
        not_after: "2027-01-30T00:00:00Z".parse().unwrap(),
        names: vec!["shop-nodes.store.svc".to_owned()],
        serves: true,
    }
}

fn mine(certificate: Result<Certificate, CertificateFlaw>) -> Contents {
    let content = Content { certificate: Some(certificate), ..content(&["tls.crt", "tls.key", "ca.crt"]) };
    [(secret("mine"), content)].into()
}

fn problems(spec: &str, contents: &Contents) -> Vec<String> {
    judge(&fixture::release(spec), contents).map_or_else(|problems| problems, |_| Vec::new())
}

#[rstest]
#[case::managed("cluster: {tls: {mode: Managed}}", None)]
#[case::empty_name("cluster: {tls: {mode: Disabled, secretName: ''}}", None)]
#[case::application_alone("cluster: {tls: {mode: Application}}", None)]
#[case::no_name(
    "cluster: {tls: {mode: Secret}}",
    Some(
        "spec.cluster.tls.secretName: must name the Secret with tls.crt, tls.key and ca.crt when cluster.tls.mode is Secret: name it, or use mode Managed"
    )
)]
#[case::not_read(
    "cluster: {tls: {mode: Managed, secretName: mine}}",
    Some(
        "spec.cluster.tls.secretName: is read with cluster.tls.mode Secret or Application only: remove it, or change the mode"
    )
)]
#[case::impossible(
    "cluster: {tls: {mode: Secret, secretName: 'a?b'}}",
    Some(
        "spec.cluster.tls.secretName: is not a name that a Secret can have: lower-case letters, digits, dashes and dots"
    )
)]
#[case::plain_protocol(
    "{cluster: {tls: {mode: Managed}}, vm: {flags: '-proto_dist inet6_tcp'}}",
    Some(
        "spec.vm.flags: has a -proto_dist without TLS, and cluster.tls asks for it: remove the flag, or write inet_tls or inet6_tls"
    )
)]
#[case::plain_protocol_by_a_variable(
    "{cluster: {tls: {mode: Managed}}, env: [{name: ERL_FLAGS, value: '-proto_dist inet_tls inet6_tcp -proto_dist inet_tcp'}]}",
    Some(
        "spec.env[0].value: has a -proto_dist without TLS, and cluster.tls asks for it: remove the flag, or write inet_tls or inet6_tls"
    )
)]
#[case::tls_by_ipv6("{cluster: {tls: {mode: Managed}}, vm: {flags: '-proto_dist inet6_tls'}}", None)]
#[case::protocol_of_the_image("{cluster: {tls: {mode: Application}}, vm: {flags: '-proto_dist inet6_tcp'}}", None)]
#[case::not_distributed("cluster: {distribution: Disabled, tls: {mode: Managed}}", None)]
fn what_the_fields_say(#[case] spec: &str, #[case] expected: Option<&str>) {
    assert_eq!(problems(spec, &Contents::new()), expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn a_secret_that_is_missing_or_lacks_a_key() {
    let missing = problems(SECRET, &Contents::new());
    let expected = "spec.cluster.tls.secretName: Secret mine does not exist in namespace store: create it, or use \
                    cluster.tls.mode Managed to have certificates made";
    assert_eq!(missing, [expected]);
    let lacking = [(secret("mine"), content(&["tls.crt", "tls.key"]))].into();
    for spec in [SECRET, APPLICATION] {
        let expected = "spec.cluster.tls.secretName: Secret mine has no key ca.crt: add it, or name one that it has";
        assert_eq!(problems(spec, &lacking), [expected]);
    }
}

#[rstest]
#[case::nothing(|_: &mut Certificate| (), None)]
#[case::more_names(|c: &mut Certificate| c.names.push("shop.example.com".to_owned()), None)]
#[case::ended(|c: &mut Certificate| c.not_after = now(), Some("tls.crt, or the authority that issued it, has ended at 2026-11-23T04:00:00Z: replace it"))]
#[case::not_begun(
    |c: &mut Certificate| c.not_before = "2026-12-01T00:00:00Z".parse().unwrap(),
    Some("tls.crt begins at 2026-12-01T00:00:00Z: wait, or replace it")
)]
#[case::clients_only(
    |c: &mut Certificate| c.serves = false,
    Some("tls.crt is not for servers, and nodes connect to each other: issue it with the usages server auth and client auth")
)]
#[case::no_name(
    |c: &mut Certificate| c.names.clear(),
    Some("tls.crt is not for the DNS name shop-nodes.store.svc, by which nodes know each other, but for none: add it")
)]
#[case::other_case(
    |c: &mut Certificate| c.names = vec!["Shop-nodes.store.svc".to_owned()],
    Some("tls.crt is not for the DNS name shop-nodes.store.svc, by which nodes know each other, but for Shop-nodes.store.svc: add it")
)]
fn a_certificate_that_does_not_fit(#[case] change: fn(&mut Certificate), #[case] expected: Option<&str>) {
    let mut changed = certificate();
    change(&mut changed);
    let expected = expected.map(|text| format!("spec.cluster.tls.secretName: Secret mine: {text}"));
    assert_eq!(problems(SECRET, &mine(Ok(changed))), expected.into_iter().collect::<Vec<_>>());
}

/// With what the operator looks in needs no name of the nodes.
#[test]
fn the_certificate_of_a_client_has_to_be_valid_alone() {
    let client = Certificate { names: Vec::new(), serves: false, ..certificate() };
    assert_eq!(problems(APPLICATION, &mine(Ok(client.clone()))), [""; 0]);
    assert_eq!(problems(APPLICATION, &mine(Ok(Certificate { not_after: now(), ..client }))).len(), 1);
}

#[rstest]
#[case(CertificateFlaw::NoCertificate("ca.crt"), "ca.crt holds no certificate in PEM: write one into it")]
#[case(
    CertificateFlaw::NoKey,
    "tls.key holds no private key in PEM that can be read without a password: write it unencrypted"
)]
#[case(
    CertificateFlaw::UnknownKey,
    "tls.key is of a kind that is not supported: use RSA from 2048 bits, ECDSA on P-256 or P-384, or Ed25519"
)]
#[case(
    CertificateFlaw::OtherKey,
    "tls.key is not the key of tls.crt: write both from the same issue of the certificate"
)]
#[case(
    CertificateFlaw::OtherAuthority,
    "tls.crt was not issued by an authority in ca.crt: add the authority, and what links the two to tls.crt"
)]
#[case(
    CertificateFlaw::NotForClients,
    "tls.crt is not for clients, and nodes connect to each other: issue it with the usages server auth and client auth"
)]
fn a_flaw_is_told_with_its_remedy(#[case] flaw: CertificateFlaw, #[case] expected: &str) {
    let expected = format!("spec.cluster.tls.secretName: Secret mine: {expected}");
    assert_eq!(problems(SECRET, &mine(Err(flaw))), [expected]);
}

#[test]
fn the_end_is_told_a_week_before_and_the_turns_are_known() {
    let release = fixture::release(SECRET);
    let ending = Certificate { not_after: "2026-11-30T04:00:00Z".parse().unwrap(), ..certificate() };
    let [warning] = &judge(&release, &mine(Ok(ending.clone()))).unwrap().warnings[..] else { panic!("one warning") };
    let expected = "spec.cluster.tls.secretName: Secret mine: tls.crt, or the authority that issued it, ends at \
                    2026-11-30T04:00:00Z, and from then on no node can meet another: replace it, or look why nobody has";
    assert_eq!(warning.to_string(), expected);
    let later = Certificate { not_after: "2026-11-30T04:00:01Z".parse().unwrap(), ..certificate() };
    assert_eq!(judge(&release, &mine(Ok(later.clone()))).unwrap().warnings, []);

    let turn = |certificate| turn(&release, &mine(Ok(certificate)), now()).map(|turn| turn.to_string());
    assert_eq!(turn(ending).as_deref(), Some("2026-11-30T04:00:00Z"));
    assert_eq!(turn(later).as_deref(), Some("2026-11-23T04:00:01Z"));
    assert_eq!(turn(Certificate { not_after: now(), ..certificate() }), None);
}

#[test]
fn members_agree_on_it() {
    let told = |younger: &str, older: &str| {
        let (older, younger) = (fixture::named("api", older), fixture::named("web", younger));
        let contents = mine(Ok(Certificate { names: vec!["market-nodes.store.svc".to_owned()], ..certificate() }));
        let verdict = validate(&younger, &[&older, &younger], References::Read(&contents), &Facts::default(), now());
        verdict.map_or_else(|problems| problems.iter().map(ToString::to_string).collect(), |_| Vec::new())
    };
    let of = |tls: &str| format!("cluster: {{name: market, tls: {tls}}}");
    let (managed, own) = (of("{mode: Managed}"), of("{mode: Secret, secretName: mine}"));
    let none: [String; 0] = [];
    assert_eq!(told(&managed, &managed), none);
    assert_eq!(told(&own, &own), none);
    assert_eq!(told(&of("{mode: Application}"), &of("{mode: Application, secretName: other}")), none);
    let expected = "spec.cluster.tls: is Secret mine here and Managed in api, the oldest release of cluster market: their \
                    nodes could not meet; make them equal or give this release a cluster.name of its own";
    assert_eq!(told(&own, &managed), [expected]);
    assert_eq!(told(&managed, "cluster: {name: market}").len(), 1);
}
