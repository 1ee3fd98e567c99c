//! Dereference: the content of the ConfigMaps and Secrets that pods read.
//!
//! Only what changed since it was last read is read, and nothing of it is kept but a digest and the names of its keys.

use std::collections::BTreeMap;
use std::sync::Mutex;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client};
use thiserror::Error;

use super::cache::{Cache, Key};
use super::lock;
use super::view::version;
use crate::digest;
use crate::operator::client::describe;
use crate::resources::labels;
use crate::resources::reference::{Content, CookieFlaw, Reference, ReferenceKind, Use};

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

/// Reads those of the objects in `uses` of which the cache knows nothing current.
pub async fn dereference(client: &Client, cache: &Mutex<Cache>, release: &Key, uses: &[Use]) -> Result<(), Error> {
    let unread = lock(cache).contents.track(release, uses.iter().map(|used| used.reference.clone()).collect());
    for unread in unread {
        let found = read(client, &release.namespace, &unread.reference).await;
        let found = found.map_err(|source| Error { reference: unread.reference.clone(), source })?;
        lock(cache).contents.put(&release.namespace, &unread, found);
    }
    Ok(())
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
    let bytes = map.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
    content(reference, &map.metadata, &text.chain(bytes).collect())
}

fn of_secret(reference: &Reference, secret: &Secret) -> Content {
    let data = secret.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
    content(reference, &secret.metadata, &data.collect())
}

fn content(reference: &Reference, meta: &ObjectMeta, data: &BTreeMap<String, Vec<u8>>) -> Content {
    let restart = meta.annotations.as_ref().and_then(|all| all.get(labels::RESTART));
    let flaws = data.iter().filter_map(|(key, value)| Some((key.clone(), CookieFlaw::of(value)?)));
    Content {
        // The name goes in, so that equal contents of two objects cannot be told from their digests.
        digest: digest::of(&(reference.to_string(), data)),
        keys: data.keys().cloned().collect(),
        restart: restart.is_none_or(|value| value != "false"),
        cookie_flaws: flaws.collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

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
    fn text_and_binary_data_of_a_config_map_both_count() {
        let map = json!({"data": {"a": "1"}, "binaryData": {"b": "MQ=="}});
        let content = of_config_map(&reference(), serde_json::from_value(map).unwrap());
        assert_eq!(content.keys.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}
