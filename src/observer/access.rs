//! What the operator needs to be let in by a node.
//!
//! It is read when a connection is opened, kept for as long as many nodes are likely to be connected to in a row, and wiped.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::api::SecretKeyRef;
use crate::beam::{Cookie, InvalidCookie};
use crate::operator::client::describe;

/// How long it is kept.
const KEPT: Duration = Duration::from_secs(30);

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The Secret and key that hold the cookie.
    pub cookie: SecretKeyRef,
}

/// The content.
pub(super) struct Credentials {
    pub(super) cookie: Cookie,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum AccessError {
    #[error("the cookie cannot be read from Secret {name}: {}", describe(source))]
    Unreadable { name: String, source: kube::Error },
    #[error("Secret {name} has no key {key}: it is to hold the cookie")]
    NoKey { name: String, key: String },
    #[error("key {key} of Secret {name}: {source}")]
    Invalid { name: String, key: String, source: InvalidCookie },
}

/// What was read last, for all nodes of a cluster.
#[derive(Default)]
pub(super) struct Keyring(Mutex<Option<(Instant, Access, Arc<Credentials>)>>);

impl Keyring {
    /// The credentials; read anew when those that are kept are old or of something else.
    pub(super) async fn get(
        &self,
        client: &Client,
        namespace: &str,
        access: &Access,
    ) -> Result<Arc<Credentials>, AccessError> {
        let mut kept = self.0.lock().await;
        if let Some((read, what, credentials)) = &*kept
            && read.elapsed() < KEPT
            && what == access
        {
            return Ok(credentials.clone());
        }
        *kept = None;
        let credentials = Arc::new(read(client, namespace, access).await?);
        *kept = Some((Instant::now(), access.clone(), credentials.clone()));
        Ok(credentials)
    }

    /// Forgets what is kept once it is old, or at once when it has turned out to be of no use.
    pub(super) async fn forget(&self, at_once: bool) {
        let mut kept = self.0.lock().await;
        if kept.as_ref().is_some_and(|(read, ..)| at_once || read.elapsed() >= KEPT) {
            *kept = None;
        }
    }
}

async fn read(client: &Client, namespace: &str, access: &Access) -> Result<Credentials, AccessError> {
    let SecretKeyRef { name, key } = access.cookie.clone();
    let secret = Api::<Secret>::namespaced(client.clone(), namespace).get(&name).await;
    let secret = secret.map_err(|source| AccessError::Unreadable { name: name.clone(), source })?;
    let mut data = secret.data.unwrap_or_default();
    let cookie = data.get(&key).map(|value| Cookie::new(&value.0));
    // The parsed Secret holds a copy of everything in it.
    data.values_mut().for_each(|value| zeroize::Zeroize::zeroize(&mut value.0));
    match cookie {
        None => Err(AccessError::NoKey { name, key }),
        Some(Err(source)) => Err(AccessError::Invalid { name, key, source }),
        Some(Ok(cookie)) => Ok(Credentials { cookie }),
    }
}
