//! How children are made, changed, scaled and deleted.

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, ValidationDirective};
use kube::core::Status;
use serde_json::{Value, json};

use super::{Applier, Error, is_conflict, request};
use crate::controller::kind::ChildKind;
use crate::controller::live::LiveChild;
use crate::controller::lock;
use crate::controller::ownership::{FIELD_MANAGER, is_headless};
use crate::controller::plan::{Desired, Taken};

/// A version that no stored object has: etcd counts from 1, and the first thing that it stores makes it 2.
const NO_VERSION: &str = "1";

impl Applier<'_> {
    pub(super) async fn create(&self, desired: &Desired) -> Result<Option<Taken>, Error> {
        let Desired { kind, name, digest, .. } = desired;
        match self.make(*kind, name, desired.object.clone()).await {
            Ok(made) => self.keep(*kind, made.into(), Some(*digest)),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_invalid() => {
                return match self.find(*kind, name).await? {
                    Some(found) => self.adopt(desired, found.into()).await,
                    None => Err(request("apply", *kind, name)(kube::Error::Api(status))),
                };
            }
            Err(error) => return Err(request("apply", *kind, name)(error)),
        }
        Ok(None)
    }

    /// Applies an object that is not there. One of the same name has another version and makes that a conflict, whoever
    /// set which of its fields: without a version, applying would merge into it where no field contradicts.
    async fn make(&self, kind: ChildKind, name: &str, mut object: Value) -> kube::Result<DynamicObject> {
        object["metadata"]["resourceVersion"] = NO_VERSION.into();
        let api = kind.api(self.client, &self.key.namespace);
        api.patch(name, &applying(), &Patch::Apply(&object)).await
    }

    /// Applies over an object that the cache did not know, if it is ours.
    async fn adopt(&self, desired: &Desired, found: LiveChild) -> Result<Option<Taken>, Error> {
        match desired.recognise(found, self.uid) {
            None => Ok(Some(Taken { kind: desired.kind, name: desired.name.clone() })),
            Some(child) => self.update(desired.clone(), &child.uid).await.map(|()| None),
        }
    }

    pub(super) async fn update(&self, desired: Desired, uid: &str) -> Result<(), Error> {
        let Desired { kind, name, mut object, digest, .. } = desired;
        object["metadata"]["uid"] = uid.into();
        let api = kind.api(self.client, &self.key.namespace);
        let params = applying().force();
        let mut patched = api.patch(&name, &params, &Patch::Apply(&object)).await;
        let is_stuck = match &patched {
            Ok(patched) => is_headless(&patched.data) && !is_headless(&object),
            Err(kube::Error::Api(status)) => is_about_cluster_ip(status),
            Err(_) => false,
        };
        if is_stuck {
            self.delete(kind, &name, uid).await?;
            object["metadata"]["uid"] = Value::Null;
            patched = self.make(kind, &name, object).await;
            if patched.as_ref().is_err_and(is_conflict) {
                // A finalizer holds it, that of a cloud's load balancer for instance. Its end is seen, and the new one made then.
                return Ok(());
            }
        }
        if patched.as_ref().is_err_and(is_conflict) {
            // It is another by now or gone, and the watch may have told so before it was known: the next look finds out.
            lock(self.cache).children.forget(uid);
        }
        self.keep(kind, patched.map_err(request("apply", kind, &name))?.into(), Some(digest));
        Ok(())
    }

    /// Changes nothing but the number of pods: what else there is, was recorded when it was the one to run, and stays so.
    pub(super) async fn scale(&self, kind: ChildKind, name: &str, uid: &str, replicas: i32) -> Result<(), Error> {
        let patch = json!({"metadata": {"uid": uid}, "spec": {"replicas": replicas}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patched = kind.api(self.client, &self.key.namespace).patch(name, &params, &Patch::Merge(&patch)).await;
        if patched.as_ref().is_err_and(is_conflict) {
            lock(self.cache).children.forget(uid);
        }
        self.keep(kind, patched.map_err(request("patch", kind, name))?.into(), None);
        Ok(())
    }

    pub(super) async fn delete(&self, kind: ChildKind, name: &str, uid: &str) -> Result<(), Error> {
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        match kind.api(self.client, &self.key.namespace).delete(name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(request("delete", kind, name)(error)),
        }
    }
}

/// Applies as the operator. The API server need not look for fields that it does not know: it would parse all of the object
/// once more for that, and a builder knows every field that it writes.
pub(super) fn applying() -> PatchParams {
    PatchParams { field_validation: Some(ValidationDirective::Ignore), ..PatchParams::apply(FIELD_MANAGER) }
}

/// Whether a Service was refused because it cannot lose the address that it has, or have one that it lacks.
fn is_about_cluster_ip(refusal: &Status) -> bool {
    let causes = refusal.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    refusal.is_invalid() && !causes.is_empty() && causes.iter().all(|cause| cause.field.starts_with("spec.clusterIP"))
}
