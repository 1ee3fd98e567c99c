//! Tests of the whole template. `kubelet` resolves its variables as a node would, so that they speak of what a release
//! reads rather than of what the list looks like.

mod drafts;
mod fields;
mod kubelet;
mod places;
mod properties;
mod snapshots;
mod tools;
mod undefined;
mod variables;
mod vm;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use serde_json::json;

use crate::api::ElixirRelease;
use crate::resources::Facts;
use crate::resources::problem::Problem;
use crate::resources::reference::{Content, Contents, Reference, ReferenceKind};

/// The release `shop` of the namespace `store` with this YAML as its spec.
fn release(spec: &str) -> ElixirRelease {
    let mut spec: serde_json::Value = serde_yaml::from_str(spec).unwrap();
    spec.as_object_mut().unwrap().entry("image").or_insert(json!("registry.example.com/shop:1.4.2"));
    serde_json::from_value(json!({
        "apiVersion": "beam-operator.io/v1alpha1",
        "kind": "ElixirRelease",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": spec,
    }))
    .unwrap()
}

fn template(spec: &str) -> PodTemplateSpec {
    template_with(spec, &Contents::new())
}

fn template_with(spec: &str, contents: &Contents) -> PodTemplateSpec {
    let release = release(spec);
    let draft = super::draft(&release).unwrap();
    super::template(&release, &draft, &Facts::default(), contents)
}

fn pod(spec: &str) -> PodSpec {
    template(spec).spec.unwrap()
}

fn problems(spec: &str) -> Vec<String> {
    super::draft(&release(spec)).unwrap_err().iter().map(Problem::to_string).collect()
}

/// The objects that exist, written as `Secret/name: [key, …]`.
fn contents(yaml: &str) -> Contents {
    let objects: BTreeMap<String, Vec<String>> = serde_yaml::from_str(yaml).unwrap();
    let content = |keys: Vec<String>| Content {
        digest: 0,
        keys: keys.into_iter().collect(),
        restart: true,
        cookie_flaws: BTreeMap::new(),
    };
    objects.into_iter().map(|(object, keys)| (reference(&object), content(keys))).collect()
}

fn reference(object: &str) -> Reference {
    let (kind, name) = object.split_once('/').unwrap();
    let kind = if kind == "Secret" { ReferenceKind::Secret } else { ReferenceKind::ConfigMap };
    Reference { kind, name: name.to_owned() }
}
