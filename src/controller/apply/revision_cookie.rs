//! Making the cookie of a revision from that of its cluster.

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use zeroize::{Zeroize, Zeroizing};

use super::{Applier, Error, request};
use crate::api::{ElixirRelease, SecretKeyRef};
use crate::controller::kind::ChildKind;
use crate::controller::live::LiveChild;
use crate::controller::ownership::FIELD_MANAGER;
use crate::controller::plan::Taken;
use crate::resources::{names, revision_cookie};

const KIND: ChildKind = ChildKind::Secret;

impl Applier<'_> {
    /// Makes the Secret of the cookie of a revision. One that exists already is right, if it is ours.
    pub(super) async fn create_revision_cookie(
        &self,
        release: &ElixirRelease,
        revision: &str,
    ) -> Result<Option<Taken>, Error> {
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.key.namespace);
        let value = derived(&api, &names::cookie(release), revision).await?;
        let secret = revision_cookie::build(release, revision, &value);
        let name = secret.for_post().name_any();
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match api.create(&params, secret.for_post()).await {
            Ok(mut made) => {
                wipe(&mut made);
                self.keep(KIND, LiveChild::without_content(made.metadata), None);
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let found = api.get_metadata(&name).await.map_err(request("get", KIND, &name))?;
                if !revision_cookie::is_ours(release, &found) {
                    return Ok(Some(Taken { kind: KIND, name }));
                }
                // It was made just now, or it has lost its labels or its owner.
                let uid = found.uid().unwrap_or_default();
                self.own_secret(&revision_cookie::ownership(release, revision, &uid)).await?;
            }
            Err(error) => return Err(request("create", KIND, &name)(error)),
        }
        Ok(None)
    }
}

async fn derived(api: &Api<Secret>, cookie: &SecretKeyRef, revision: &str) -> Result<Zeroizing<String>, Error> {
    let SecretKeyRef { name, key } = cookie;
    let mut secret = api.get(name).await.map_err(request("get", KIND, name))?;
    let of_cluster = secret.data.as_ref().and_then(|data| data.get(key));
    let derived = of_cluster.map(|of_cluster| revision_cookie::derive(&of_cluster.0, revision));
    wipe(&mut secret);
    derived.ok_or_else(|| Error::NoCookie { secret: name.clone(), key: key.clone() })
}

fn wipe(secret: &mut Secret) {
    secret.data.iter_mut().flat_map(|data| data.values_mut()).for_each(|value| value.0.zeroize());
}
