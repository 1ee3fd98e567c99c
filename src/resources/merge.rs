//! Objects of other APIs, merged over the operator's the way kubectl merges.
//!
//! `podTemplate` and `service.spec` are strategic merge patches: objects merge field by field, the lists named in a
//! [`Schema`] merge element by element, `null` removes a field, `$patch: delete` an element, `$patch: replace` starts
//! anew, and every other list is replaced. The deep merge of `k8s-openapi` cannot remove anything, so it does not serve.
//!
//! Two things differ from kubectl, both so that a patch written by hand does what its author means:
//! - What is new goes behind what was there, where kubectl puts it in front: `release` stays the container that
//!   `kubectl logs` and `exec` choose, and new variables can refer to the ones before them.
//! - Of alternatives, such as `value` and `valueFrom` or the handlers of a probe, the patch's replaces the other. kubectl
//!   keeps both unless told by `$retainKeys`, and the API server then refuses the object.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::strict;
use crate::api::Verbatim;

/// How the fields of one API merge. Field names are unique in each of the schemas below, so no path is needed.
#[derive(Debug)]
pub struct Schema {
    /// Lists that merge by element, with the fields that identify one.
    lists: &'static [(&'static str, &'static [&'static str])],
    /// Objects of which one alternative may be set, with the fields that they have beside the alternatives.
    one_of: &'static [(&'static str, &'static [&'static str])],
}

const PROBE: &[&str] = &[
    "failureThreshold",
    "initialDelaySeconds",
    "periodSeconds",
    "successThreshold",
    "terminationGracePeriodSeconds",
    "timeoutSeconds",
];

/// The merge keys of PodTemplateSpec, from the struct tags of `k8s.io/api/core/v1`; ports are identified by protocol
/// too, as server-side apply does.
pub const POD_TEMPLATE: Schema = Schema {
    lists: &[
        ("containers", &["name"]),
        ("initContainers", &["name"]),
        ("ephemeralContainers", &["name"]),
        ("ports", &["containerPort", "protocol"]),
        ("env", &["name"]),
        ("volumeMounts", &["mountPath"]),
        ("volumeDevices", &["devicePath"]),
        ("volumes", &["name"]),
        ("imagePullSecrets", &["name"]),
        ("hostAliases", &["ip"]),
        ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
        ("schedulingGates", &["name"]),
        ("resourceClaims", &["name"]),
    ],
    one_of: &[
        ("volumes", &["name"]),
        ("resourceClaims", &["name"]),
        ("env", &["name"]),
        ("valueFrom", &[]),
        ("livenessProbe", PROBE),
        ("readinessProbe", PROBE),
        ("startupProbe", PROBE),
        ("postStart", &[]),
        ("preStop", &[]),
    ],
};

/// The merge keys of ServiceSpec.
pub const SERVICE: Schema = Schema { lists: &[("ports", &["port", "protocol"])], one_of: &[] };

/// The object with a patch merged over it. `field` is where the patch was written; problems name the place in the patch,
/// not in the result.
pub fn overlay<T>(object: &T, patch: &Verbatim, schema: &Schema, field: &str) -> Result<T, Vec<Problem>>
where
    T: Serialize + DeserializeOwned,
{
    strict::parse::<T>(&plain(&patch.to_value()), field)?;
    let base = match serde_json::to_value(object) {
        Ok(Value::Object(base)) => base,
        Ok(_) => Map::new(),
        Err(error) => return Err(vec![Problem::new(field, error.to_string())]),
    };
    let mut pass = Merge { schema, problems: Vec::new() };
    let merged = pass.object(base, &patch.0, field, field);
    if pass.problems.is_empty() { strict::parse(&Value::Object(merged), field) } else { Err(pass.problems) }
}

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";

struct Merge<'a> {
    schema: &'a Schema,
    problems: Vec<Problem>,
}

impl Merge<'_> {
    /// `name` is the field that holds the object, or the list that holds it; `at` is its place in the patch.
    fn object(
        &mut self,
        mut base: Map<String, Value>,
        patch: &Map<String, Value>,
        name: &str,
        at: &str,
    ) -> Map<String, Value> {
        match patch.get(PATCH).map(Value::as_str) {
            None | Some(Some("merge")) => {}
            Some(Some("delete")) => return Map::new(),
            Some(Some("replace")) => base.clear(),
            Some(_) => self.refuse(format!("{at}.{PATCH}"), "must be delete, merge or replace"),
        }
        self.retain_keys(&mut base, patch, at);
        self.drop_other_alternatives(&mut base, patch, name);
        for (key, value) in patch.iter().filter(|(key, _)| !is_directive(key)) {
            if value.is_null() {
                base.remove(key);
                continue;
            }
            let merged = self.value(base.remove(key), value, key, &format!("{at}.{key}"));
            base.insert(key.clone(), merged);
        }
        for key in patch.keys().filter(|key| is_directive(key) && *key != PATCH && *key != RETAIN_KEYS) {
            self.refuse(format!("{at}.{key}"), "is not supported: use $patch, $retainKeys or null");
        }
        base
    }

    fn value(&mut self, base: Option<Value>, patch: &Value, name: &str, at: &str) -> Value {
        match (base, patch) {
            (Some(Value::Object(base)), Value::Object(patch)) => Value::Object(self.object(base, patch, name, at)),
            (_, Value::Object(patch)) => Value::Object(self.object(Map::new(), patch, name, at)),
            (Some(Value::Array(base)), Value::Array(patch)) => Value::Array(self.list(base, patch, name, at)),
            (_, Value::Array(patch)) => Value::Array(self.list(Vec::new(), patch, name, at)),
            (_, patch) => patch.clone(),
        }
    }

    fn list(&mut self, base: Vec<Value>, patch: &[Value], name: &str, at: &str) -> Vec<Value> {
        let replaces = patch.iter().any(|element| directive(element) == Some("replace"));
        let keys = self.schema.lists.iter().find(|(list, _)| *list == name).map(|(_, keys)| *keys);
        let Some(keys) = keys else {
            return patch.iter().enumerate().map(|(i, v)| self.value(None, v, name, &format!("{at}[{i}]"))).collect();
        };
        let mut merged = if replaces { Vec::new() } else { base };
        let mut seen = Vec::new();
        for (index, element) in patch.iter().enumerate().filter(|(_, element)| directive(element) != Some("replace")) {
            let at = format!("{at}[{index}]");
            let Some(identity) = identity(element, keys) else {
                self.refuse(at, &format!("needs {}: elements of {name} merge by it", keys[0]));
                continue;
            };
            if seen.contains(&identity) {
                self.refuse(at, &format!("names {} a second time: remove one of them", told(&identity)));
                continue;
            }
            let place = merged.iter().position(|known| self::identity(known, keys).as_ref() == Some(&identity));
            seen.push(identity);
            match (directive(element), place) {
                (Some("delete"), Some(place)) => drop(merged.remove(place)),
                (Some("delete"), None) => {}
                (_, Some(place)) => merged[place] = self.value(Some(merged[place].take()), element, name, &at),
                (_, None) => merged.push(self.value(None, element, name, &at)),
            }
        }
        merged
    }

    /// kubectl writes `$retainKeys` into the patches that it computes: fields that are not listed go.
    fn retain_keys(&mut self, base: &mut Map<String, Value>, patch: &Map<String, Value>, at: &str) {
        match patch.get(RETAIN_KEYS) {
            None => {}
            Some(Value::Array(keys)) => base.retain(|key, _| keys.iter().any(|kept| kept.as_str() == Some(key))),
            Some(_) => self.refuse(format!("{at}.{RETAIN_KEYS}"), "must be a list of field names"),
        }
    }

    fn drop_other_alternatives(&self, base: &mut Map<String, Value>, patch: &Map<String, Value>, name: &str) {
        let Some((_, beside)) = self.schema.one_of.iter().find(|(field, _)| *field == name) else { return };
        let is_alternative = |key: &str| !beside.contains(&key) && !is_directive(key);
        if patch.iter().any(|(key, value)| is_alternative(key) && !value.is_null()) {
            base.retain(|key, _| !is_alternative(key) || patch.contains_key(key));
        }
    }

    fn refuse(&mut self, field: String, message: &str) {
        self.problems.push(Problem::new(field, message));
    }
}

/// The values of the identifying fields. Only the first of them must be there; a missing protocol means TCP.
fn identity(element: &Value, keys: &[&str]) -> Option<Vec<Value>> {
    element.get(keys[0])?;
    let absent = |key: &str| if key == "protocol" { Value::from("TCP") } else { Value::Null };
    Some(keys.iter().map(|key| element.get(*key).cloned().unwrap_or_else(|| absent(key))).collect())
}

fn told(identity: &[Value]) -> String {
    let words = identity.iter().filter(|value| !value.is_null());
    words.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect::<Vec<_>>().join("/")
}

fn directive(element: &Value) -> Option<&str> {
    element.get(PATCH)?.as_str()
}

fn is_directive(key: &str) -> bool {
    key.starts_with('$')
}

/// The patch without directives and nulls, every element in its place: what it must be as an object of its API.
fn plain(patch: &Value) -> Value {
    match patch {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, value)| !is_directive(key) && !value.is_null());
            Value::Object(kept.map(|(key, value)| (key.clone(), plain(value))).collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(plain).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
