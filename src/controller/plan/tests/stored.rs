//! An object as the API server stores it: with a uid, a version and the fields that each manager set.

use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

use crate::controller::ownership::FIELD_MANAGER;
use crate::resources::labels;

/// Where labels and owners are.
pub const LABELS: &str = "/metadata/labels";
const OWNERS: &str = "/metadata/ownerReferences";

#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub uid: String,
    pub version: u64,
    pub deleting: bool,
    /// The fields that the operator applied; `None` if it never did.
    pub ours: Option<Value>,
    /// The fields that others set.
    pub theirs: Value,
}

impl Stored {
    /// An object that somebody made, in no way the operator's.
    pub fn foreign(uid: String, version: u64) -> Self {
        let theirs = json!({"metadata": {"labels": {"app": "other"}}, "spec": {"paused": true}});
        Self { uid, version, deleting: false, ours: None, theirs }
    }

    /// The whole object.
    pub fn live(&self, name: &str) -> DynamicObject {
        let mut live = self.theirs.clone();
        merge(&mut live, self.ours.as_ref().unwrap_or(&Value::Null));
        merge(
            &mut live,
            &json!({"metadata": {
                "name": name,
                "namespace": "store",
                "uid": self.uid,
                "resourceVersion": self.version.to_string(),
            }}),
        );
        if self.deleting {
            live["metadata"]["deletionTimestamp"] = "2026-11-23T00:00:00Z".into();
        }
        if let Some(ours) = &self.ours {
            let entry = json!({"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields(ours)});
            live["metadata"]["managedFields"] = json!([entry]);
        }
        serde_json::from_value(live).unwrap()
    }

    /// Server-side apply with force: what was applied before and is not any more goes, and no other field does.
    pub fn apply(&mut self, object: &Value, version: u64) {
        let runs = |ours: &Value| ours["spec"]["template"].clone();
        if self.ours.as_ref().is_some_and(|ours| runs(ours) != runs(object)) && self.theirs["status"].is_object() {
            // Kubernetes starts to replace the pods.
            self.theirs["status"]["updatedReplicas"] = 0.into();
        }
        for path in leaves(object) {
            remove(&mut self.theirs, &path);
        }
        self.ours = Some(object.clone());
        self.version = version;
    }

    /// Somebody removes a field that we applied, or sets it to a value of their own and so becomes its manager.
    pub fn meddle(&mut self, path: &str, value: Option<Value>) {
        if let Some(ours) = &mut self.ours {
            remove(ours, path);
        }
        if let Some(value) = value {
            let nested = path.rsplit('/').filter(|step| !step.is_empty());
            merge(&mut self.theirs, &nested.fold(value, |value, step| json!({unescaped(step): value})));
        }
    }

    /// The fields that we applied and that somebody could change: all but those that are immutable.
    pub fn mutable(&self) -> Vec<String> {
        const IMMUTABLE: [&str; 5] = ["/apiVersion", "/kind", "/data", "/spec/selector", "/roleRef"];
        let identity = ["/metadata/name", "/metadata/namespace", "/metadata/uid"];
        let is_fixed = |path: &str| IMMUTABLE.iter().any(|fixed| path.starts_with(fixed)) || identity.contains(&path);
        self.ours.iter().flat_map(leaves).filter(|path| !is_fixed(path)).collect()
    }

    /// Somebody, or the operator, changes nothing but the number of pods.
    pub fn scale(&mut self, replicas: i32) {
        self.meddle("/spec/replicas", Some(replicas.into()));
    }

    /// How many pods it is to have.
    pub fn replicas(&self) -> i64 {
        self.field("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
    }

    pub fn owners(&self) -> Vec<String> {
        let owners = self.field(OWNERS).and_then(Value::as_array).into_iter().flatten();
        owners.filter_map(|owner| owner["uid"].as_str()).map(str::to_owned).collect()
    }

    /// Whether the operator's watches select it.
    pub fn is_watched(&self) -> bool {
        self.label(labels::MANAGED_BY) == Some(labels::MANAGER)
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.field(&format!("{LABELS}/{}", name.replace('/', "~1")))?.as_str()
    }

    fn field(&self, path: &str) -> Option<&Value> {
        self.ours.as_ref().and_then(|ours| ours.pointer(path)).or_else(|| self.theirs.pointer(path))
    }

    /// What the garbage collector does about owners that are gone: `true` while one is left, or there was none.
    pub fn outlives(&mut self, is_living: impl Fn(&Value) -> bool) -> bool {
        let sides = self.ours.iter_mut().chain([&mut self.theirs]);
        let owners: Vec<&mut Vec<Value>> =
            sides.filter_map(|side| side.pointer_mut(OWNERS).and_then(Value::as_array_mut)).collect();
        if owners.iter().all(|owners| owners.is_empty()) {
            return true;
        }
        let mut left = 0;
        for owners in owners {
            owners.retain(|owner| is_living(&owner["uid"]));
            left += owners.len();
        }
        left > 0
    }
}

/// Puts a patch over a value. Lists are replaced: the lists that we apply have no other manager here.
pub fn merge(value: &mut Value, patch: &Value) {
    match (value, patch) {
        (_, Value::Null) => {}
        (Value::Object(fields), Value::Object(patch)) => {
            for (name, patch) in patch {
                merge(fields.entry(name).or_insert(Value::Null), patch);
            }
        }
        (value, patch) => *value = patch.clone(),
    }
}

/// The `FieldsV1` tree that names every field of an applied object.
fn fields(applied: &Value) -> Value {
    let names = |fields: &Map<String, Value>| -> Map<String, Value> {
        fields.iter().map(|(name, below)| (format!("f:{name}"), self::fields(below))).collect()
    };
    applied.as_object().map_or_else(|| json!({}), |object| Value::Object(names(object)))
}

/// JSON pointers of the fields that hold no other field.
fn leaves(value: &Value) -> Vec<String> {
    let Some(object) = value.as_object().filter(|object| !object.is_empty()) else { return vec![String::new()] };
    let below = |(name, value): (&String, &Value)| {
        let name = name.replace('~', "~0").replace('/', "~1");
        leaves(value).into_iter().map(move |path| format!("/{name}{path}")).collect::<Vec<_>>()
    };
    object.iter().flat_map(below).collect()
}

fn remove(value: &mut Value, path: &str) {
    let (above, name) = path.rsplit_once('/').unwrap_or_default();
    if let Some(Value::Object(object)) = value.pointer_mut(above) {
        object.remove(&unescaped(name));
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}
