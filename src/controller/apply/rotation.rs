//! The steps of a rotation of the cookie.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tracing::info;
use zeroize::Zeroize;

use super::{Applier, Error, is_conflict, request};
use crate::controller::events::{Happening, normal};
use crate::controller::kind::ChildKind;
use crate::controller::live::LiveChild;
use crate::controller::mesh::Move;
use crate::controller::ownership::FIELD_MANAGER;
use crate::controller::plan::Rotation;
use crate::resources::{cookie, labels, names};

const KIND: ChildKind = ChildKind::Secret;

impl Applier<'_> {
    /// Takes the next step, and tells of the last one. A Secret that is another by now is looked at anew.
    pub(super) async fn rotate(&self, rotation: Rotation) -> Result<Option<Happening>, Error> {
        let written = match &rotation.next {
            Move::Begin(value) => {
                let cookie = cookie::generate().map_err(|error| Error::Randomness(error.to_string()))?;
                self.begin_rotation(&rotation, value, &cookie).await.map(|()| None)
            }
            Move::Swap => {
                if let Some(observer) = self.observer {
                    observer.swap_cookies(&rotation.cluster).await;
                }
                Ok(None)
            }
            Move::Finish => self.finish_rotation(&rotation).await,
        };
        match written {
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(request("patch", KIND, &rotation.secret)(error)),
            told => Ok(told.unwrap_or_default()),
        }
    }

    /// The version makes sure that no cookie is overwritten that some node may have by now.
    async fn begin_rotation(&self, rotation: &Rotation, value: &str, cookie: &str) -> kube::Result<()> {
        let asked_for = format!("{}={value}", self.key.name);
        let patch = json!({
            "metadata": {
                "uid": rotation.uid, "resourceVersion": rotation.version.to_string(),
                "annotations": {labels::ROTATING_COOKIE: asked_for},
            },
            "data": {names::NEXT_COOKIE_KEY: ByteString(cookie.into())},
        });
        info!(secret = &*rotation.secret, "a rotation of the cookie begins");
        self.patch(&rotation.secret, patch).await
    }

    async fn finish_rotation(&self, rotation: &Rotation) -> kube::Result<Option<Happening>> {
        let mut secret = self.secrets().get(&rotation.secret).await?;
        let metadata = &secret.metadata;
        let asked_for = metadata.annotations.as_ref().and_then(|all| all.get(labels::ROTATING_COOKIE)).cloned();
        let next = secret.data.as_ref().and_then(|data| data.get(names::NEXT_COOKIE_KEY)).cloned();
        let (Some(asked_for), Some(mut next)) = (asked_for, next) else { return Ok(None) };
        let (by, value) = asked_for.split_once('=').unwrap_or((&asked_for, ""));
        let patch = json!({
            "metadata": {
                "uid": rotation.uid, "resourceVersion": metadata.resource_version,
                "annotations": {labels::ROTATING_COOKIE: null, labels::rotated(by): value},
            },
            "data": {names::COOKIE_KEY: next, names::NEXT_COOKIE_KEY: null},
        });
        next.0.zeroize();
        secret.data.iter_mut().flat_map(|data| data.values_mut()).for_each(|value| value.0.zeroize());
        self.patch(&rotation.secret, patch).await?;
        if let Some(observer) = self.observer {
            observer.forget_access(&rotation.cluster).await;
        }
        Ok(Some(normal("CookieRotated", "Rotate", "every node has the new cookie".to_owned())))
    }

    async fn patch(&self, name: &str, patch: Value) -> kube::Result<()> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        // The answer has no content.
        let patched = self.secrets().patch_metadata(name, &params, &Patch::Merge(&patch)).await?;
        self.keep(KIND, LiveChild::without_content(patched.metadata), None);
        Ok(())
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.key.namespace)
    }
}
