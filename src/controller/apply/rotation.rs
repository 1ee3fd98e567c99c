//! The steps of a rotation of the cookie.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tracing::info;
use zeroize::Zeroize;

use super::{Applier, Error, request};
use crate::controller::kind::ChildKind;
use crate::controller::live::LiveChild;
use crate::controller::mesh::Move;
use crate::controller::ownership::FIELD_MANAGER;
use crate::resources::{cookie, labels, names};

const KIND: ChildKind = ChildKind::Secret;

impl Applier<'_> {
    /// Takes the next step for the Secret of this name, uid and version. One that is another by now is looked at anew.
    pub(super) async fn rotate(&self, next: Move, name: &str, (uid, version): (&str, u64)) -> Result<(), Error> {
        let written = match next {
            Move::Begin => self.begin_rotation(name, uid, version).await,
            Move::Swap => {
                self.swap_cookies().await;
                return Ok(());
            }
            Move::Finish => self.finish_rotation(name, uid).await,
        };
        match written {
            Ok(()) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => Ok(()),
            Err(error) => Err(request("patch", KIND, name)(error)),
        }
    }

    /// The version makes sure that no cookie is overwritten that some node may have by now.
    async fn begin_rotation(&self, name: &str, uid: &str, version: u64) -> kube::Result<()> {
        let Ok(value) = cookie::generate() else { return Ok(()) };
        info!(secret = name, "a rotation of the cookie begins");
        self.patch(
            name,
            json!({
                "metadata": {
                    "uid": uid, "resourceVersion": version.to_string(),
                    "annotations": {labels::ROTATING_COOKIE: format!("{}={}", self.key.name, self.asked_for.unwrap_or_default())},
                },
                "data": {names::NEXT_COOKIE_KEY: ByteString(value.as_bytes().to_vec())},
            }),
        )
        .await
    }

    async fn swap_cookies(&self) {
        if let (Some(observer), Some(cluster)) = (self.observer, self.cluster) {
            observer.swap_cookies(cluster).await;
        }
    }

    async fn finish_rotation(&self, name: &str, uid: &str) -> kube::Result<()> {
        let mut secret = self.secrets().get(name).await?;
        let metadata = &secret.metadata;
        let by = metadata.annotations.as_ref().and_then(|all| all.get(labels::ROTATING_COOKIE)).cloned();
        let next = secret.data.as_ref().and_then(|data| data.get(names::NEXT_COOKIE_KEY)).cloned();
        let (Some(asked_for), Some(mut next)) = (by, next) else { return Ok(()) };
        let (by, value) = asked_for.split_once('=').unwrap_or((&asked_for, ""));
        let patched = self.patch(
            name,
            json!({
                "metadata": {
                    "uid": uid, "resourceVersion": metadata.resource_version,
                    "annotations": {labels::ROTATING_COOKIE: null, labels::rotated(by): value},
                },
                "data": {names::COOKIE_KEY: next, names::NEXT_COOKIE_KEY: null},
            }),
        );
        let patched = patched.await;
        next.0.zeroize();
        secret.data.iter_mut().flat_map(|data| data.values_mut()).for_each(|value| value.0.zeroize());
        if let (Some(observer), Some(cluster)) = (self.observer, self.cluster) {
            observer.forget_access(cluster).await;
        }
        info!(secret = name, "the cookie was rotated");
        patched
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
