//! The ControllerRevision: what the pods of a revision looked like, kept so that there is something to go back to.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};

use super::{labels, metadata};
use crate::api::{ElixirRelease, When};

/// The record of a revision: its name, its place in the history, its [`data`], the digest of the inputs that it was made
/// from, and the migrations that come before it.
#[must_use]
pub fn build(release: &ElixirRelease, name: &str, number: i64, data: Value, inputs: &str) -> ControllerRevision {
    let mut metadata = metadata::of_release(release, name);
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(labels::INPUTS.to_owned(), inputs.to_owned());
    let before = release.spec.migrations.iter().filter(|migration| migration.when == When::Before);
    let before: Vec<_> = before.map(|migration| migration.name.as_str()).collect();
    if !before.is_empty() {
        annotations.insert(labels::BEFORE.to_owned(), before.join(","));
    }
    ControllerRevision { metadata, data: Some(RawExtension(data)), revision: number }
}

/// What a revision holds, immutably: the template of its pods, in the shape that a StatefulSet gives its own revisions, and
/// the digests of the configuration that they read.
#[must_use]
pub fn data(template: &PodTemplateSpec, config: &BTreeMap<String, String>) -> Value {
    json!({"spec": {"template": template}, "config": config})
}

/// The pods' template in the data of a revision; `None` if it holds none.
#[must_use]
pub fn template(data: &Value) -> Option<PodTemplateSpec> {
    serde_json::from_value(data.pointer("/spec/template")?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_second_revision() {
        let template = PodTemplateSpec::default();
        let data = data(&template, &BTreeMap::from([("Secret shop-env".to_owned(), "9a".to_owned())]));
        insta::assert_yaml_snapshot!(build(&fixture::release(""), "shop-7c9d4", 2, data, "0f3a"));
    }

    #[test]
    fn it_tells_which_migrations_come_before_it() {
        let migrations =
            "migrations: [{name: ecto, eval: a}, {name: seeds, eval: b}, {name: report, eval: c, when: After}]";
        let record = build(&fixture::release(migrations), "shop-7c9d4", 2, Value::Null, "0f3a");
        assert_eq!(record.metadata.annotations.unwrap()[labels::BEFORE], "ecto,seeds");
    }
}
