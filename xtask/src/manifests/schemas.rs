//! JSON schemas for kubeconform, which otherwise downloads them.
//!
//! Kubernetes publishes its API as one OpenAPI document, and the Go module of the cluster's tools contains it. All of its
//! definitions go into one file; a kind's own file refers to its definition there. A kind of ours comes from its CRD, and
//! those of Prometheus Operator from its CRDs, which its Go module contains.
//! On the way the schemas become strict: what they do not name is refused.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::tools;

/// Where kubeconform looks for a kind's schema, in its own template language.
pub(super) const FILE_NAME: &str = "{{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}.json";

const DEFINITIONS: &str = "definitions.json";
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The kinds of Prometheus Operator that the chart makes, in the plural.
const MONITORING: [&str; 3] = ["servicemonitors", "podmonitors", "prometheusrules"];

/// Writes the schemas of Kubernetes' kinds, of those of Prometheus Operator, and of the CRDs in `crds`.
pub(super) fn write(directory: &Path, crds: &Path) -> Result<()> {
    let openapi = fs::read_to_string(openapi()?).context("failed to read the OpenAPI document of Kubernetes")?;
    let mut openapi: Value = serde_json::from_str(&openapi)?;
    let mut definitions = openapi["definitions"].take();
    for definition in definitions.as_object_mut().context("the OpenAPI document has no definitions")?.values_mut() {
        make_strict(definition);
    }
    for (name, definition) in definitions.as_object().into_iter().flatten() {
        for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let file = file_name(text(kind, "group")?, text(kind, "version")?, text(kind, "kind")?);
            let schema = json!({"$ref": reference(name)});
            fs::write(directory.join(file), schema.to_string())?;
        }
    }
    fs::write(directory.join(DEFINITIONS), json!({"definitions": definitions}).to_string())?;
    let monitoring = tools::module("prometheus-operator", "github.com/prometheus-operator/prometheus-operator")?;
    let monitoring = monitoring.join("example/prometheus-operator-crd");
    let monitoring = MONITORING.map(|plural| monitoring.join(format!("monitoring.coreos.com_{plural}.yaml")));
    for file in super::yaml_files(crds)?.iter().chain(&monitoring) {
        write_definition(directory, file)?;
    }
    Ok(())
}

/// Writes the schemas of the CRD in a file.
pub(super) fn write_definition(directory: &Path, file: &Path) -> Result<()> {
    write_crd(directory, &serde_yaml::from_str(&fs::read_to_string(file)?)?)
}

/// Writes a schema for each version of a CRD. The API server adds what every object has, so it is added here.
fn write_crd(directory: &Path, crd: &Value) -> Result<()> {
    let spec = &crd["spec"];
    for version in spec["versions"].as_array().context("the CRD has no versions")? {
        let mut schema = version["schema"]["openAPIV3Schema"].clone();
        make_strict(&mut schema);
        let properties = schema["properties"].as_object_mut().context("the CRD's schema has no properties")?;
        for key in ["apiVersion", "kind"] {
            properties.insert(key.to_owned(), json!({"type": "string"}));
        }
        properties.insert("metadata".to_owned(), json!({"$ref": reference(OBJECT_META)}));
        let file = file_name(text(spec, "group")?, text(version, "name")?, text(&spec["names"], "kind")?);
        fs::write(directory.join(file), schema.to_string())?;
    }
    Ok(())
}

/// Path of the OpenAPI document of Kubernetes.
fn openapi() -> Result<PathBuf> {
    Ok(tools::module("kubernetes", "k8s.io/kubernetes")?.join("api/openapi-spec/swagger.json"))
}

/// Refuses unknown fields in a schema and all below it, and puts OpenAPI's ways of saying things into JSON Schema's.
pub(crate) fn make_strict(schema: &mut Value) {
    match schema {
        Value::Object(schema) => {
            if let Some(types) = more_than_a_string(schema) {
                schema.insert("type".to_owned(), types);
            }
            if let Some(Value::String(target)) = schema.get_mut("$ref") {
                *target = target.replace("#/", &format!("{DEFINITIONS}#/"));
            }
            let keeps_unknown = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
            if schema.get("properties").is_some_and(Value::is_object) && !keeps_unknown {
                schema.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            schema.values_mut().for_each(make_strict);
        }
        Value::Array(schemas) => schemas.iter_mut().for_each(make_strict),
        _ => {}
    }
}

/// The types of values that OpenAPI calls strings, or does not type, although the API server takes numbers too.
fn more_than_a_string(schema: &Map<String, Value>) -> Option<Value> {
    let is_quantity =
        schema.get("description").and_then(Value::as_str).is_some_and(|text| text.starts_with("Quantity is"));
    let is_int_or_string = schema.get("format").is_some_and(|format| format == "int-or-string")
        || schema.get("x-kubernetes-int-or-string").is_some_and(|flag| flag == true);
    (is_quantity || is_int_or_string).then(|| json!(["string", "number"]))
}

fn reference(definition: &str) -> String {
    format!("{DEFINITIONS}#/definitions/{definition}")
}

/// The file of a kind as [`FILE_NAME`] says it. kubeconform takes the core group's version for its name.
fn file_name(group: &str, version: &str, kind: &str) -> String {
    let group = if group.is_empty() { version } else { group };
    format!("{group}-{version}-{}.json", kind.to_lowercase())
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("no {key} in {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(mut schema: Value) -> Value {
        make_strict(&mut schema);
        schema
    }

    #[test]
    fn unknown_fields_are_refused_at_every_depth_but_where_they_are_kept() {
        let schema = strict(json!({"properties": {
            "a": {"properties": {"b": {"type": "string"}}},
            "any": {"properties": {}, "x-kubernetes-preserve-unknown-fields": true},
            "map": {"additionalProperties": {"type": "string"}},
        }}));
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["a"]["additionalProperties"], false);
        assert_eq!(schema["properties"]["any"].get("additionalProperties"), None);
        assert_eq!(schema["properties"]["map"]["additionalProperties"], json!({"type": "string"}));
    }

    #[test]
    fn numbers_pass_where_the_api_server_takes_them() {
        let types = json!(["string", "number"]);
        assert_eq!(strict(json!({"type": "string", "format": "int-or-string"}))["type"], types);
        assert_eq!(strict(json!({"x-kubernetes-int-or-string": true}))["type"], types);
        assert_eq!(strict(json!({"type": "string", "description": "Quantity is a …"}))["type"], types);
        assert_eq!(strict(json!({"type": "string"}))["type"], "string");
    }

    #[test]
    fn references_lead_to_the_common_file() {
        assert_eq!(strict(json!({"$ref": "#/definitions/a"}))["$ref"], reference("a"));
    }
}
