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

use crate::resources::Facts;
use crate::resources::fixture::release;
use crate::resources::problem::Problem;
use crate::resources::reference::{Content, Contents, Reference, ReferenceKind};

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
