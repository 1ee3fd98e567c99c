//! Dereference: the content of the ConfigMaps and Secrets that pods read.
//!
//! Only what changed since it was last read is read, and nothing of it is kept but a digest and the names of its keys. An
//! object that cannot be read stops nothing but what depends on its new content.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};
use thiserror::Error;

use super::cache::{Cache, Key};
use super::lock;
use super::observe::NotRead;
use super::view::version;
use crate::api::ElixirRelease;
use crate::digest;
use crate::operator::client::describe;
use crate::resources::reference::{Content, CookieFlaw, Reference, ReferenceKind, Use};
use crate::resources::{cookie, labels, tls};

/// How many objects are read at the same time, so that one after which the API server hangs does not hold up the rest.
const AT_ONCE: usize = 8;

/// An object could not be read.
#[derive(Debug, Error)]
#[error("{reference} could not be read: {}", describe(source))]
pub struct Error {
    /// The object.
    pub reference: Reference,
    /// What the client reports.
    #[source]
    pub source: kube::Error,
}

impl From<&Error> for NotRead {
    fn from(error: &Error) -> Self {
        let is_forbidden = matches!(&error.source, kube::Error::Api(status) if status.is_forbidden());
        Self { reference: error.reference.clone(), why: describe(&error.source), is_forbidden }
    }
}

/// Reads those of the objects of which the cache knows nothing current; why some could not be read.
pub async fn dereference(
    client: &Client,
    cache: &Mutex<Cache>,
    release: &Key,
    objects: &BTreeSet<Reference>,
) -> Vec<Error> {
    let unread = lock(cache).contents.track(release, objects.clone());
    let reads = stream::iter(unread).map(|unread| async move {
        let found = read(client, &release.namespace, &unread.reference).await;
        found
            .map(|found| lock(cache).contents.put(&release.namespace, &unread, found))
            .map_err(|source| Error { reference: unread.reference, source })
    });
    let results: Vec<_> = reads.buffer_unordered(AT_ONCE).collect().await;
    let mut failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    failures.sort_by(|a, b| a.reference.cmp(&b.reference));
    failures
}

/// The objects among those used that are to be read: not one of a name that no object can have, and not the cookie and the
/// certificate that the operator makes itself.
#[must_use]
pub fn readable(release: &ElixirRelease, uses: &[Use]) -> BTreeSet<Reference> {
    let own = [cookie::own_reference(release), tls::own_reference(release)];
    let is_own = |reference: &Reference| own.iter().flatten().any(|own| own == reference);
    let references = uses.iter().map(|used| &used.reference);
    references.filter(|reference| reference.is_possible() && !is_own(reference)).cloned().collect()
}

async fn read(client: &Client, namespace: &str, reference: &Reference) -> kube::Result<Option<(u64, Content)>> {
    let found = match reference.kind {
        ReferenceKind::ConfigMap => {
            let found = Api::<ConfigMap>::namespaced(client.clone(), namespace).get_opt(&reference.name).await?;
            found.map(|map| (map.metadata.clone(), of_config_map(reference, map)))
        }
        ReferenceKind::Secret => {
            let found = Api::<Secret>::namespaced(client.clone(), namespace).get_opt(&reference.name).await?;
            found.map(|secret| (secret.metadata.clone(), of_secret(reference, &secret)))
        }
    };
    Ok(found.map(|(meta, content)| (version(&meta).unwrap_or_default(), content)))
}

fn of_config_map(reference: &Reference, map: ConfigMap) -> Content {
    let text = map.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes()));
    let bytes: BTreeMap<_, _> =
        map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
    // The kubelet makes variables of `data` only.
    let file_keys: BTreeSet<_> = bytes.keys().cloned().collect();
    let content = content(reference, &map.metadata, &text.chain(bytes).collect());
    Content { keys: content.keys.difference(&file_keys).cloned().collect(), file_keys, ..content }
}

fn of_secret(reference: &Reference, secret: &Secret) -> Content {
    let data = secret.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone())).collect();
    let certificate = tls::certificate::inspect(&data, Timestamp::now());
    Content { certificate, ..content(reference, &secret.metadata, &data) }
}

fn content(reference: &Reference, meta: &ObjectMeta, data: &BTreeMap<String, Vec<u8>>) -> Content {
    let restart = meta.annotations.as_ref().and_then(|all| all.get(labels::RESTART));
    let flaws = data.iter().filter_map(|(key, value)| Some((key.clone(), CookieFlaw::of(value)?)));
    Content {
        // The name goes in, so that equal contents of two objects cannot be told from their digests.
        digest: digest::of(&(reference.to_string(), data)),
        keys: data.keys().cloned().collect(),
        file_keys: BTreeSet::new(),
        restart: restart.is_none_or(|value| value != "false"),
        cookie_flaws: flaws.collect(),
        certificate: None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::resources::{fixture, pod};

    fn reference() -> Reference {
        Reference { kind: ReferenceKind::Secret, name: "shop-env".to_owned() }
    }

    fn secret(value: Value) -> Content {
        of_secret(&reference(), &serde_json::from_value(value).unwrap())
    }

    #[test]
    fn a_digest_stands_for_keys_and_values() {
        let one = secret(json!({"data": {"a": "MQ=="}}));
        assert_eq!(one, secret(json!({"metadata": {"labels": {"x": "y"}}, "data": {"a": "MQ=="}})));
        assert_ne!(one.digest, secret(json!({"data": {"a": "Mg=="}})).digest);
        assert_ne!(one.digest, secret(json!({"data": {"b": "MQ=="}})).digest);
        assert_eq!(one.keys.into_iter().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn an_annotation_keeps_an_object_from_restarting_nodes() {
        let annotated = |value: &str| secret(json!({"metadata": {"annotations": {"beam-operator.io/restart": value}}}));
        assert!(!annotated("false").restart);
        assert!(annotated("true").restart);
        assert!(secret(json!({})).restart);
    }

    #[test]
    fn binary_data_of_a_config_map_counts_and_is_no_variable() {
        let of = |map: Value| of_config_map(&reference(), serde_json::from_value(map).unwrap());
        let content = of(json!({"data": {"a": "1"}, "binaryData": {"b": "MQ=="}}));
        assert_eq!(content.keys.iter().collect::<Vec<_>>(), ["a"]);
        assert_eq!(content.file_keys.iter().collect::<Vec<_>>(), ["b"]);
        assert_ne!(content.digest, of(json!({"data": {"a": "1"}, "binaryData": {"b": "Mg=="}})).digest);
    }

    #[rstest]
    #[case::no_name("envFrom: [{secretRef: {name: ''}}]", &[])]
    #[case::no_name_at_all("podTemplate: {spec: {containers: [{name: release, envFrom: [{configMapRef: {}}]}]}}", &[])]
    #[case::a_volume_without_one("volumes: [{name: v, secret: {}}]", &[])]
    #[case::a_query("envFrom: [{secretRef: {name: 'a?x'}}, {secretRef: {name: b}}]", &["Secret b"])]
    #[case::a_path("envFrom: [{configMapRef: {name: a/status, optional: true}}]", &[])]
    #[case::a_space("cluster: {cookie: {secretKeyRef: {name: 'shop cookie'}}}", &[])]
    #[case::our_own_cookie("env: [{name: C, valueFrom: {secretKeyRef: {name: shop-cookie, key: cookie}}}]", &[])]
    #[case::their_own_cookie("cluster: {cookie: {secretKeyRef: {name: shop-cookie}}}", &["Secret shop-cookie"])]
    #[case::one_that_looks_like_ours(
        "{cluster: {distribution: Disabled}, envFrom: [{secretRef: {name: shop-cookie}}]}",
        &["Secret shop-cookie"]
    )]
    fn only_what_can_exist_and_is_not_ours_is_read(#[case] spec: &str, #[case] expected: &[&str]) {
        let release = fixture::release(spec);
        let uses = pod::references(&release, &pod::draft(&release).unwrap());
        let read: Vec<_> = readable(&release, &uses).iter().map(ToString::to_string).collect();
        assert_eq!(read, expected);
    }
}
