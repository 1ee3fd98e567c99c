//! Certificates from making to reading, and the Secrets of a cluster over the years.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::access::access;
use super::certificate::{self, Certificate, CertificateFlaw};
use super::issue::{self, Issued, Role};
use super::keep::{Pair, keep};
use super::renewal::{Due, Found, Leaf, Lifetimes, due};
use super::secret::{Stored, Write};
use super::*;
use crate::resources::{fixture, labels};

mod inspection;
mod years;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn now() -> Timestamp {
    "2026-11-23T04:00:00Z".parse().unwrap()
}

#[rstest]
#[case("", None)]
#[case("cluster: {tls: {mode: Managed}}", Some("shop-distribution-ca"))]
#[case("cluster: {tls: {mode: Secret, secretName: mine}}", Some("mine"))]
#[case("cluster: {tls: {mode: Application, secretName: mine}}", Some("mine"))]
#[case("cluster: {tls: {mode: Application}}", None)]
#[case("cluster: {distribution: Disabled, tls: {mode: Managed}}", None)]
fn what_the_operator_looks_in_with(#[case] spec: &str, #[case] expected: Option<&str>) {
    let access = access(&fixture::release(spec));
    assert_eq!(access.as_ref().map(|access| access.secret.as_str()), expected);
    assert!(access.is_none_or(|access| access.server_name == "shop-nodes.store.svc"));
}

#[test]
fn a_secret_that_is_of_no_use_is_told() {
    let access = access(&fixture::release("cluster: {tls: {mode: Managed}}")).unwrap();
    let data =
        |keys: &[&str]| keys.iter().map(|&key| (key.to_owned(), ByteString(b"x".to_vec()))).collect::<BTreeMap<_, _>>();
    let told = |keys: &[&str]| access.client(&data(keys)).unwrap_err().to_string();
    assert_eq!(told(&["tls.crt", "tls.key"]), "Secret shop-distribution-ca has no key ca.crt: add it");
    assert!(told(&KEYS).starts_with("Secret shop-distribution-ca cannot be used to talk to the nodes: "));
}

#[test]
fn the_file_of_options() {
    insta::assert_snapshot!(options::file("/var/run/beam-tls", "shop-nodes.store.svc"));
}
