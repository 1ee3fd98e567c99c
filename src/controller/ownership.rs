//! What of a live object is ours, and whether it still is what we applied.
//!
//! The API server records in `managedFields` which field was set by whom. Our entry names exactly the fields that we
//! applied and that nobody has changed or removed since: a change by somebody else takes the field out of it. So the part
//! of the live object that our entry names, compared with what we would apply, tells every kind of drift, of every kind
//! of object, without keeping the object: a digest of eight bytes is enough. Fields of others never enter it.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management>.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

use crate::digest;

/// The field manager under which children are applied.
pub const FIELD_MANAGER: &str = "beam-operator";

const HEADLESS: &str = "None";

/// The digest of the part of a live object that our field manager owns; `None` when it owns nothing.
#[must_use]
pub fn owned_digest(object: &DynamicObject) -> Option<u64> {
    let fields = object.metadata.managed_fields.iter().flatten().find(|entry| is_ours(entry))?;
    let Some(Value::Object(fields)) = fields.fields_v1.as_ref().map(|fields| &fields.0) else { return None };
    let mut live = object.data.clone();
    live["metadata"] = json!({
        "labels": object.metadata.labels,
        "annotations": object.metadata.annotations,
        "ownerReferences": object.metadata.owner_references,
    });
    let mut owned = project(&live, fields);
    // A Service stays headless when nobody asks for it any more; so that this is seen, it always counts.
    if is_headless(&live) {
        owned["spec"]["clusterIP"] = HEADLESS.into();
    }
    Some(digest::of_value(&owned))
}

/// Whether a Service has no address of its own. Kubernetes never changes that of a Service that exists.
#[must_use]
pub fn is_headless(service: &Value) -> bool {
    service["spec"]["clusterIP"] == HEADLESS
}

/// The digest that [`owned_digest`] gives once `desired` was applied, unless the API server rewrites a value (`0.5` as
/// `500m`, say). Then the two differ, and what the apply returned tells the right one.
#[must_use]
pub fn desired_digest(desired: &Value) -> u64 {
    let mut owned = desired.clone();
    if let Value::Object(root) = &mut owned {
        root.remove("apiVersion");
        root.remove("kind");
    }
    if let Some(Value::Object(metadata)) = owned.get_mut("metadata") {
        for identity in ["name", "namespace", "uid"] {
            metadata.remove(identity);
        }
    }
    digest::of_value(&owned)
}

fn is_ours(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(FIELD_MANAGER)
        && entry.operation.as_deref() == Some("Apply")
        && entry.subresource.is_none()
}

/// The part of `live` that a `FieldsV1` tree names.
fn project(live: &Value, fields: &Map<String, Value>) -> Value {
    if fields.is_empty() {
        return live.clone();
    }
    match live {
        Value::Object(map) => Value::Object(project_map(map, fields)),
        Value::Array(items) => Value::Array(items.iter().filter_map(|item| project_item(item, fields)).collect()),
        scalar => scalar.clone(),
    }
}

fn project_map(map: &Map<String, Value>, fields: &Map<String, Value>) -> Map<String, Value> {
    let mut owned = Map::new();
    for (path, below) in fields {
        let Some(name) = path.strip_prefix("f:") else { continue };
        if let (Some(value), Value::Object(below)) = (map.get(name), below) {
            owned.insert(name.to_owned(), project(value, below));
        }
    }
    owned
}

/// An item of a list, if the tree names it: by its keys (`k:{"name":"release"}`) or by its value (`v:"text"`).
fn project_item(item: &Value, fields: &Map<String, Value>) -> Option<Value> {
    fields.iter().find_map(|(path, below)| {
        let named = match path.split_once(':')? {
            ("k", keys) => has_keys(item, keys),
            ("v", value) => serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item),
            _ => false,
        };
        match below {
            Value::Object(below) if named => Some(project(item, below)),
            _ => None,
        }
    })
}

fn has_keys(item: &Value, keys: &str) -> bool {
    let Ok(Value::Object(keys)) = serde_json::from_str::<Value>(keys) else { return false };
    keys.iter().all(|(key, value)| item.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_stays_headless_differs_from_one_that_should_not() {
        let mut unasked = desired();
        unasked["spec"].as_object_mut().unwrap().remove("clusterIP");
        assert_ne!(owned_digest(&object(&applied())), Some(desired_digest(&unasked)));
    }

    fn object(fields: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "shop", "namespace": "store", "uid": "1",
                "labels": {"ours": "a", "theirs": "b"},
                "managedFields": [
                    {"manager": "kubectl", "operation": "Apply", "fieldsV1": {"f:metadata": {"f:labels": {"f:theirs": {}}}}},
                    {"manager": "beam-operator", "operation": "Apply", "subresource": "status", "fieldsV1": {"f:status": {}}},
                    {"manager": "beam-operator", "operation": "Apply", "fieldsV1": fields},
                ],
            },
            "spec": {
                "clusterIP": "None",
                "selector": {"x": "y"},
                "ports": [
                    {"name": "foreign", "port": 1, "protocol": "TCP"},
                    {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 4000},
                ],
            },
        }))
        .unwrap()
    }

    fn applied() -> Value {
        json!({
            "f:metadata": {"f:labels": {"f:ours": {}}},
            "f:spec": {
                "f:selector": {},
                "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}}},
            },
        })
    }

    fn desired() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "shop", "namespace": "store", "labels": {"ours": "a"}},
            "spec": {"clusterIP": "None", "selector": {"x": "y"}, "ports": [{"name": "http", "port": 80}]},
        })
    }

    #[test]
    fn what_was_applied_and_left_alone_has_the_digest_of_what_is_desired() {
        assert_eq!(owned_digest(&object(&applied())), Some(desired_digest(&desired())));
    }

    #[test]
    fn a_field_that_another_manager_took_over_changes_the_digest() {
        let mut fields = applied();
        fields["f:spec"].as_object_mut().unwrap().remove("f:selector");
        assert_ne!(owned_digest(&object(&fields)), Some(desired_digest(&desired())));
    }

    #[test]
    fn a_value_that_differs_changes_the_digest() {
        let mut changed = object(&applied());
        changed.data["spec"]["selector"]["x"] = json!("z");
        assert_ne!(owned_digest(&changed), Some(desired_digest(&desired())));
    }

    #[test]
    fn what_others_set_does_not() {
        let mut changed = object(&applied());
        changed.data["spec"]["ports"][0]["port"] = json!(2);
        changed.data["spec"]["ports"][1]["targetPort"] = json!("other");
        changed.metadata.labels.as_mut().unwrap().insert("theirs".to_owned(), "c".to_owned());
        assert_eq!(owned_digest(&changed), Some(desired_digest(&desired())));
    }

    #[test]
    fn an_object_we_never_applied_has_none() {
        let mut foreign = object(&applied());
        foreign.metadata.managed_fields.as_mut().unwrap().truncate(2);
        assert_eq!(owned_digest(&foreign), None);
    }
}
