//! The weights of an HTTPRoute, the only object that the operator writes although somebody else made it: a release names it,
//! and nothing of it is touched but its backendRefs to the Services of that release.

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::Status;

use super::{Applier, Error};
use crate::controller::events::{Happening, normal};
use crate::controller::lock;
use crate::controller::ownership::FIELD_MANAGER;
use crate::controller::view::route;
use crate::rollout::Weights;

impl Applier<'_> {
    /// Changes the weights and tells so; `None` if the route is another by now, or gone, and so to be looked at anew.
    pub(super) async fn split(&self, weights: Weights) -> Result<Option<Happening>, Error> {
        let Weights { route, patch, told } = weights;
        let failed = |source| Error::Route { route: route.clone(), source };
        let patch = serde_json::from_value(patch).map_err(|error| failed(kube::Error::SerdeError(error)))?;
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &self.key.namespace, &route::resource());
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch(&route, &params, &Patch::Json::<()>(patch)).await {
            Ok(written) => {
                lock(self.cache).routes.put_written(written.into());
                Ok(Some(normal("TrafficSplit", "Rollout", told)))
            }
            Err(kube::Error::Api(status)) if is_outdated(&status) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Whether a patch was refused because its first step found another version, or nothing.
///
/// A test that fails is told as 422 like anything else that is wrong with an object, but by no field.
fn is_outdated(refusal: &Status) -> bool {
    let has_causes = refusal.details.as_ref().is_some_and(|details| !details.causes.is_empty());
    refusal.is_conflict() || refusal.is_not_found() || refusal.code == 422 && !has_causes
}
