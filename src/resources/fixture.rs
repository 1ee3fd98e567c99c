//! Releases for tests, written the way people write them.

use serde_json::{Map, Value, json};

use crate::api::ElixirRelease;

/// The image of a release that names none.
pub const IMAGE: &str = "registry.example.com/shop:1.4.2";

/// A stored release `shop` in namespace `store` with this spec in YAML; an image is added where it names none.
pub fn release(spec: &str) -> ElixirRelease {
    named("shop", spec)
}

/// A stored release of this name.
pub fn named(name: &str, spec: &str) -> ElixirRelease {
    let spec: Option<Map<String, Value>> = serde_yaml::from_str(spec).unwrap();
    let mut spec = spec.unwrap_or_default();
    spec.entry("image").or_insert_with(|| IMAGE.into());
    serde_json::from_value(json!({
        "apiVersion": "beam-operator.io/v1alpha1",
        "kind": "ElixirRelease",
        "metadata": {"name": name, "namespace": "store", "uid": format!("uid-of-{name}")},
        "spec": spec,
    }))
    .unwrap()
}
