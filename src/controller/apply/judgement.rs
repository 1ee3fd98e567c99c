//! Noting on the record of a revision that it was rejected.

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Applier, Error, applying, request};
use crate::controller::cache::Group;
use crate::controller::kind::ChildKind;
use crate::controller::lock;
use crate::resources::labels;
use crate::rollout::Rejection;

/// Who owns the note. Another manager than that of the record, so that applying either leaves the other as it is.
const FIELD_MANAGER: &str = "beam-operator-rollout";

impl Applier<'_> {
    /// Notes why a revision is rejected, or takes the note away.
    pub(super) async fn judge(&self, revision: &str, rejection: Option<&Rejection>) -> Result<(), Error> {
        let kind = ChildKind::ControllerRevision;
        let annotations = rejection.map(|rejection| json!({labels::REJECTED: rejection.to_text()}));
        let resource = kind.api_resource();
        let metadata = json!({"name": revision, "annotations": annotations});
        let object = json!({"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..applying() }.force();
        let api = kind.api(self.client, &self.key.namespace);
        let patched = api.patch(revision, &params, &Patch::Apply(&object)).await;
        let patched = patched.map_err(request("apply", kind, revision))?;
        let applied = {
            let cache = lock(self.cache);
            let children = cache.children.of(&Group::Release(self.key.clone()));
            children.iter().find(|child| child.kind == kind && *child.name == *revision).and_then(|child| child.applied)
        };
        self.keep(kind, patched.into(), applied);
        Ok(())
    }
}
