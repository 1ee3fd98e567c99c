//! Objects of other APIs, read without mercy.
//!
//! The API server keeps what a resource carries verbatim without looking at it, and the types of `k8s-openapi` skip what
//! they do not know. A misspelt field would silently do nothing; here it is a problem with its exact path.

use serde::de::DeserializeOwned;
use serde_ignored::Path;
use serde_json::Value;

use super::problem::Problem;

/// The value as the type of its API. `field` is where the value was written and starts the path of every problem.
pub fn parse<T: DeserializeOwned>(value: &Value, field: &str) -> Result<T, Vec<Problem>> {
    let mut unknown = Vec::new();
    let mut note = |path: Path<'_>| {
        unknown.push(Problem::new(
            join(field, &rendered(&path)),
            "is not a field of this API: check its spelling and place",
        ));
    };
    let parsed = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(value, &mut note));
    match parsed {
        Ok(object) if unknown.is_empty() => Ok(object),
        Ok(_) => Err(unknown),
        Err(error) => {
            let path = error.path().to_string();
            unknown.push(Problem::new(join(field, path.trim_start_matches('.')), error.into_inner().to_string()));
            Err(unknown)
        }
    }
}

fn join(field: &str, path: &str) -> String {
    if path.is_empty() || path == "." {
        field.to_owned()
    } else if path.starts_with('[') {
        format!("{field}{path}")
    } else {
        format!("{field}.{path}")
    }
}

fn rendered(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", rendered(parent)),
        Path::Map { parent, key } => join_key(&rendered(parent), key),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => rendered(parent),
    }
}

fn join_key(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::PodTemplateSpec;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::unknown_at_the_top(json!({"metadta": {}}), "at.metadta: is not a field of this API: check its spelling and place")]
    #[case::unknown_in_a_list(
        json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "imge": "x"}]}}),
        "at.spec.containers[1].imge: is not a field of this API: check its spelling and place"
    )]
    #[case::unknown_behind_an_option(
        json!({"spec": {"affinity": {"nodeAfinity": {}}}}),
        "at.spec.affinity.nodeAfinity: is not a field of this API: check its spelling and place"
    )]
    #[case::wrong_type(
        json!({"spec": {"containers": [{"name": "a", "env": [{"name": "A", "value": 1}]}]}}),
        "at.spec.containers[0].env[0].value: invalid type: integer `1`, expected a string"
    )]
    #[case::list_for_a_map(json!({"spec": []}), "at.spec: invalid type: sequence, expected PodSpec")]
    #[case::wrong_at_the_root(json!("x"), "at: invalid type: string \"x\", expected PodTemplateSpec")]
    fn names_the_exact_field(#[case] value: Value, #[case] expected: &str) {
        let problems = parse::<PodTemplateSpec>(&value, "at").unwrap_err();
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn tells_every_unknown_field_at_once() {
        let value = json!({"a": 1, "spec": {"b": 2, "containers": [{"c": 3}]}});
        let problems = parse::<PodTemplateSpec>(&value, "at").unwrap_err();
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["at.a", "at.spec.b", "at.spec.containers[0].c"]);
    }

    #[test]
    fn takes_what_is_right() {
        let value = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a"}]}});
        assert!(parse::<PodTemplateSpec>(&value, "at").is_ok());
    }
}
