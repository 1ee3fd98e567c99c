//! What the operator needs to be let in by a node.
//!
//! It is read when a connection is opened, kept for as long as many nodes are likely to be connected to in a row, and wiped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroize;

use crate::api::SecretKeyRef;
use crate::beam::{Cookie, InvalidCookie, Tls};
use crate::operator::client::describe;
use crate::resources::names;
use crate::resources::tls::access::{TlsAccess, Unusable};

/// How long it is kept.
const KEPT: Duration = Duration::from_secs(30);

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The Secret and key that hold the cookie.
    pub cookie: SecretKeyRef,
    /// Where certificates are, if the nodes speak TLS.
    pub tls: Option<TlsAccess>,
}

/// The content.
pub(super) struct Credentials {
    pub(super) cookie: Cookie,
    /// The one that is about to take its place.
    pub(super) next: Option<Cookie>,
    pub(super) tls: Option<Tls>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum AccessError {
    #[error("Secret {name}, which lets the operator in, cannot be read: {}", describe(source))]
    Unreadable { name: String, source: kube::Error },
    #[error("Secret {name} has no key {key}: it is to hold the cookie")]
    NoKey { name: String, key: String },
    #[error("key {key} of Secret {name}: {source}")]
    Invalid { name: String, key: String, source: InvalidCookie },
    #[error(transparent)]
    Unusable(#[from] Unusable),
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
    let content = Content::read(client, namespace, &name).await?;
    let cookie = content.0.get(&key).map(|value| Cookie::new(&value.0));
    let cookie = match cookie {
        None => return Err(AccessError::NoKey { name, key }),
        Some(Err(source)) => return Err(AccessError::Invalid { name, key, source }),
        Some(Ok(cookie)) => cookie,
    };
    let next = content.0.get(names::NEXT_COOKIE_KEY).and_then(|value| Cookie::new(&value.0).ok());
    let tls = match &access.tls {
        None => None,
        Some(tls) => Some(tls.client(&Content::read(client, namespace, &tls.secret).await?.0)?),
    };
    Ok(Credentials { cookie, next, tls })
}

/// What a Secret holds, wiped when it is dropped.
struct Content(BTreeMap<String, ByteString>);

impl Content {
    async fn read(client: &Client, namespace: &str, name: &str) -> Result<Self, AccessError> {
        let secret = Api::<Secret>::namespaced(client.clone(), namespace).get(name).await;
        let secret = secret.map_err(|source| AccessError::Unreadable { name: name.to_owned(), source })?;
        Ok(Self(secret.data.unwrap_or_default()))
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.0.values_mut().for_each(|value| value.0.zeroize());
    }
}
