//! Descriptors: what a console shows of each field, from the CRD.
//!
//! A form with every field of a pod would help nobody, so of the spec there are the fields at its top and, below these, the
//! ones that the examples use; of the status all that is not inside of a list. Paths write the items of a list as `[0]`.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Words that are written otherwise than their names.
const SPELLING: [(&str, &str); 6] =
    [("epmd", "EPMD"), ("http", "HTTP"), ("id", "ID"), ("otp", "OTP"), ("tls", "TLS"), ("vm", "VM")];

const FORM: &str = "urn:alm:descriptor:com.tectonic.ui";

/// Descriptors of the spec whose schema this is.
pub(super) fn of_spec<'a>(schema: &Value, examples: impl Iterator<Item = &'a Value>) -> Result<Vec<Value>> {
    let mut used = BTreeSet::new();
    for release in examples {
        collect_paths(&release["spec"], "", &mut used);
    }
    let mut descriptors = Vec::new();
    walk(
        schema,
        "",
        &|path| is_top(path) || used.contains(path),
        &|path, field| control(path, field),
        &mut descriptors,
    )?;
    Ok(descriptors)
}

/// Descriptors of the status whose schema this is.
pub(super) fn of_status(schema: &Value) -> Result<Vec<Value>> {
    let mut descriptors = Vec::new();
    walk(schema, "", &|path| !path.contains("[0]"), &|path, field| display(path, field), &mut descriptors)?;
    Ok(descriptors)
}

fn is_top(path: &str) -> bool {
    !path.contains(['.', '['])
}

/// The paths of all fields of a value.
pub(super) fn collect_paths(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect_paths(value, &path, paths);
                paths.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_paths(item, &format!("{path}[0]"), paths)),
        _ => {}
    }
}

/// A descriptor for each wanted field below a schema, after one for the field itself.
fn walk(
    schema: &Value,
    path: &str,
    is_wanted: &dyn Fn(&str) -> bool,
    extensions: &dyn Fn(&str, &Value) -> Vec<String>,
    descriptors: &mut Vec<Value>,
) -> Result<()> {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if !is_wanted(&path) {
            continue;
        }
        let description = field["description"].as_str().with_context(|| format!("{path} has no description"))?;
        let description: Vec<_> = description.split_whitespace().collect();
        let mut descriptor =
            json!({"path": path, "displayName": display_name(&path), "description": description.join(" ")});
        let extensions_of_field = extensions(&path, field);
        if !extensions_of_field.is_empty() {
            descriptor["x-descriptors"] = json!(extensions_of_field);
        }
        descriptors.push(descriptor);
        walk(field, &path, is_wanted, extensions, descriptors)?;
        walk(&field["items"], &format!("{path}[0]"), is_wanted, extensions, descriptors)?;
    }
    Ok(())
}

/// `cluster.tls.mode` as `Cluster TLS Mode`.
fn display_name(path: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for name in path.replace("[0]", "").split('.') {
        let mut was_lower = false;
        words.push(String::new());
        for letter in name.chars() {
            if letter.is_uppercase() && was_lower {
                words.push(String::new());
            }
            was_lower = letter.is_lowercase() || letter.is_ascii_digit();
            words.last_mut().into_iter().for_each(|word| word.push(letter));
        }
    }
    words.iter().map(|word| spelled(word)).collect::<Vec<_>>().join(" ")
}

fn spelled(word: &str) -> String {
    if let Some((_, spelled)) = SPELLING.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)) {
        return (*spelled).to_owned();
    }
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// How a form lets the field be written.
fn control(path: &str, field: &Value) -> Vec<String> {
    match path {
        "replicas" => return vec![format!("{FORM}:podCount")],
        "resources" => return vec![format!("{FORM}:resourceRequirements")],
        "imagePullPolicy" => return vec![format!("{FORM}:imagePullPolicy")],
        "serviceAccountName" => return vec!["urn:alm:descriptor:io.kubernetes:ServiceAccount".to_owned()],
        _ => {}
    }
    if let Some(values) = field["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).map(|value| format!("{FORM}:select:{value}")).collect();
    }
    match field["type"].as_str() {
        Some("boolean") => vec![format!("{FORM}:booleanSwitch")],
        Some("integer") => vec![format!("{FORM}:number")],
        Some("string") => vec![format!("{FORM}:text")],
        None if field["x-kubernetes-int-or-string"] == true => vec![format!("{FORM}:text")],
        _ => Vec::new(),
    }
}

/// How the field is shown.
fn display(path: &str, field: &Value) -> Vec<String> {
    match (path, field["type"].as_str()) {
        ("conditions", _) => vec!["urn:alm:descriptor:io.kubernetes.conditions".to_owned()],
        ("rollout.phase", _) => vec!["urn:alm:descriptor:io.kubernetes.phase".to_owned()],
        (_, Some("string" | "integer")) => vec!["urn:alm:descriptor:text".to_owned()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({"properties": {
            "image": {"type": "string", "description": "What\nruns."},
            "replicas": {"type": "integer", "description": "How many."},
            "cluster": {"type": "object", "description": "Where.", "properties": {
                "tls": {"type": "object", "description": "Secrecy.", "properties": {
                    "mode": {"type": "string", "enum": ["A", "B"], "description": "Which."},
                }},
                "name": {"type": "string", "description": "Unused."},
            }},
            "ports": {"type": "array", "description": "Doors.", "items": {"properties": {
                "containerPort": {"type": "integer", "description": "Number."},
            }}},
        }})
    }

    fn paths(descriptors: &[Value]) -> Vec<&str> {
        descriptors.iter().filter_map(|descriptor| descriptor["path"].as_str()).collect()
    }

    #[test]
    fn what_examples_use_is_described_below_the_top() {
        let example = json!({"spec": {"cluster": {"tls": {"mode": "A"}}, "ports": [{"containerPort": 1}]}});
        let descriptors = of_spec(&schema(), [&example].into_iter()).unwrap();
        let expect =
            ["cluster", "cluster.tls", "cluster.tls.mode", "image", "ports", "ports[0].containerPort", "replicas"];
        assert_eq!(paths(&descriptors), expect);
        assert_eq!(
            descriptors[2],
            json!({
                "path": "cluster.tls.mode",
                "displayName": "Cluster TLS Mode",
                "description": "Which.",
                "x-descriptors": [format!("{FORM}:select:A"), format!("{FORM}:select:B")],
            })
        );
        assert_eq!(descriptors[3]["description"], "What runs.");
        assert_eq!(descriptors[6]["x-descriptors"], json!([format!("{FORM}:podCount")]));
    }

    #[test]
    fn of_the_status_all_but_the_items_of_lists_is_described() {
        let descriptors = of_status(&schema()).unwrap();
        assert_eq!(
            paths(&descriptors),
            ["cluster", "cluster.name", "cluster.tls", "cluster.tls.mode", "image", "ports", "replicas"]
        );
    }

    #[test]
    fn names_are_words() {
        assert_eq!(display_name("ports[0].containerPort"), "Ports Container Port");
        assert_eq!(display_name("vm"), "VM");
    }
}
