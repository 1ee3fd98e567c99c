//! The certificates of a cluster: read, decided about, and written over exactly what was read.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::Status;
use tracing::info;

use super::{Applier, Error, request};
use crate::api::ElixirRelease;
use crate::controller::kind::ChildKind;
use crate::controller::live::LiveChild;
use crate::controller::ownership::FIELD_MANAGER;
use crate::controller::plan::Taken;
use crate::resources::tls::keep::{self, Pair};
use crate::resources::tls::secret::{Stored, Write};

/// Whether the Secret was made, changed or deleted after it was read.
fn is_another_by_now(status: &Status) -> bool {
    status.is_conflict() || status.is_already_exists() || status.is_not_found()
}

/// How often a write is decided about anew because somebody else was quicker, another member of the cluster for instance.
const TRIES: usize = 4;

const KIND: ChildKind = ChildKind::Secret;

impl Applier<'_> {
    /// Makes and renews the certificates of a cluster with these members.
    pub(super) async fn keep_certificates(&self, members: &[&ElixirRelease]) -> Result<Option<Taken>, Error> {
        let Some([authority, nodes]) = keep::secrets(members) else { return Ok(None) };
        let mut refusal = None;
        for _ in 0..TRIES {
            let pair = Pair { authority: self.stored(&authority).await?, nodes: self.stored(&nodes).await? };
            let stored = [(&authority, &pair.authority), (&nodes, &pair.nodes)];
            for (name, secret) in stored {
                if secret.as_ref().is_some_and(|secret| secret.is_foreign(members)) {
                    return Ok(Some(Taken { kind: KIND, name: name.clone() }));
                }
            }
            let writes = keep::keep(members, &pair, self.lifetimes, Timestamp::now())?;
            let writes = [(writes.authority, &pair.authority), (writes.nodes, &pair.nodes)];
            match self.write_in_order(writes).await {
                Err((name, kube::Error::Api(status))) if is_another_by_now(&status) => {
                    refusal = Some(request("write", KIND, &name)(kube::Error::Api(status)));
                }
                Err((name, error)) => return Err(request("write", KIND, &name)(error)),
                Ok(()) => return Ok(None),
            }
        }
        refusal.map_or(Ok(None), Err)
    }

    async fn stored(&self, name: &str) -> Result<Option<Stored>, Error> {
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.key.namespace);
        let found = api.get_opt(name).await.map_err(request("get", KIND, name))?;
        let stored = found.map(Stored::from);
        if let Some(stored) = &stored {
            // It may be that the cache does not know it yet, and nothing has to be written.
            self.keep(KIND, LiveChild::without_content(stored.metadata().clone()), None);
        }
        Ok(stored)
    }

    async fn write_in_order(&self, writes: [(Option<Write>, &Option<Stored>); 2]) -> Result<(), (String, kube::Error)> {
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.key.namespace);
        for (write, read) in writes {
            let Some(write) = write else { continue };
            let field_manager = Some(FIELD_MANAGER.to_owned());
            let metadata = if let Some(read) = read {
                let patch = Patch::Merge(write.for_merge(read.metadata()));
                let params = PatchParams { field_manager, ..PatchParams::default() };
                api.patch_metadata(&write.name, &params, &patch).await.map(|patched| patched.metadata)
            } else {
                let params = PostParams { field_manager, ..PostParams::default() };
                let made = api.create(&params, write.for_post().as_ref()).await;
                made.map(|made| Stored::from(made).metadata().clone())
            };
            let metadata = metadata.map_err(|error| (write.name.clone(), error))?;
            info!(secret = write.name, "certificates written");
            self.keep(KIND, LiveChild::without_content(metadata), None);
        }
        Ok(())
    }
}
