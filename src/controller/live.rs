//! Objects as the watches bring them, reduced while they are parsed.
//!
//! A page of a list is parsed as a whole before its first object is looked at, and an object is many times larger in memory
//! than in JSON: its managed fields alone are a map for every field of it. So each object is reduced as soon as it has been
//! parsed, and of a page of a hundred there is never more than one that is whole.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{ApiResource, DynamicObject};
use kube::core::DynamicResourceScope;
use serde::{Deserialize, Deserializer};

use super::ownership::owned_digest;
use super::view::Detail;

/// Annotation in which `kubectl apply` keeps the whole object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A child, reduced to what a view is made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "DynamicObject")]
pub struct LiveChild {
    /// Its metadata, without the managed fields.
    pub metadata: ObjectMeta,
    /// Digest of the fields that our manager owns; `None` when it owns none.
    pub digest: Option<u64>,
    /// What else is read of some kinds.
    pub detail: Detail,
}

impl LiveChild {
    /// A child whose content must not come near us.
    #[must_use]
    pub fn without_content(mut metadata: ObjectMeta) -> Self {
        shed(&mut metadata);
        let detail = Detail::of_secret(&metadata);
        Self { metadata, digest: None, detail }
    }
}

impl From<DynamicObject> for LiveChild {
    fn from(object: DynamicObject) -> Self {
        let (digest, detail) = (owned_digest(&object), Detail::of(&object));
        let mut metadata = object.metadata;
        shed(&mut metadata);
        Self { metadata, digest, detail }
    }
}

impl Resource for LiveChild {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::kind(resource)
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::group(resource)
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::version(resource)
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        DynamicObject::plural(resource)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Any other object, without what its metadata has for nobody here.
#[derive(Clone, Debug)]
pub struct Lean<K>(pub K);

impl<'de, K> Deserialize<'de> for Lean<K>
where
    K: Resource + Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = K::deserialize(deserializer)?;
        shed(object.meta_mut());
        Ok(Self(object))
    }
}

impl<K: Resource> Resource for Lean<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn metadata_api() -> bool {
        K::metadata_api()
    }

    fn kind(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(kind)
    }

    fn group(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::group(kind)
    }

    fn version(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::version(kind)
    }

    fn plural(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(kind)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

/// Drops what nobody reads and what is most of the metadata.
pub fn shed(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Secret;
    use kube::core::{DeserializeGuard, PartialObjectMeta};
    use serde_json::{Value, json};

    use super::*;
    use crate::api::ElixirRelease;

    fn object(spec: &Value) -> Value {
        json!({
            "metadata": {
                "name": "shop", "labels": {"a": "b"}, "annotations": {LAST_APPLIED: "{}", "c": "d"},
                "managedFields": [{"manager": "beam-operator", "operation": "Apply", "fieldsV1": {"f:spec": {}}}],
            },
            "spec": spec,
        })
    }

    #[test]
    fn a_child_keeps_its_digest_and_not_what_it_is_the_digest_of() {
        let child: LiveChild = serde_json::from_value(object(&json!({"type": "ClusterIP"}))).unwrap();
        let whole: DynamicObject = serde_json::from_value(object(&json!({"type": "ClusterIP"}))).unwrap();
        assert!(child.digest.is_some());
        assert_eq!(child.digest, owned_digest(&whole));
        assert_eq!((child.metadata.managed_fields, child.detail), (None, Detail::None));
        assert_eq!(child.metadata.labels.unwrap()["a"], "b");
    }

    #[test]
    fn the_rest_of_an_object_stays() {
        let Lean(secret) = serde_json::from_value::<Lean<PartialObjectMeta<Secret>>>(object(&Value::Null)).unwrap();
        assert_eq!(secret.metadata.managed_fields, None);
        assert_eq!(secret.metadata.annotations.unwrap().into_keys().collect::<Vec<_>>(), ["c"]);
        assert_eq!(secret.metadata.labels.unwrap()["a"], "b");
    }

    #[test]
    fn an_object_that_cannot_be_read_is_reduced_as_well() {
        let broken = serde_json::from_value::<Lean<DeserializeGuard<ElixirRelease>>>(object(&json!(7))).unwrap();
        assert!(broken.0.0.is_err());
        assert_eq!((broken.meta().managed_fields.as_ref(), broken.meta().name.as_deref()), (None, Some("shop")));
    }

    #[test]
    fn of_foreign_objects_only_metadata_is_asked_for() {
        assert!(Lean::<PartialObjectMeta<Secret>>::metadata_api());
        assert!(!Lean::<Secret>::metadata_api());
    }
}
