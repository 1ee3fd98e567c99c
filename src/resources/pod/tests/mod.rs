//! Tests of the whole template. `kubelet` resolves its variables as a node would, so that they speak of what a release
//! reads rather than of what the list looks like.

mod drafts;
mod fields;
mod flags;
mod kubelet;
mod others;
mod places;
mod properties;
mod snapshots;
mod tls;
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

/// What the release's container reads as `variable`.
fn read(spec: &str, objects: &str, variable: &str) -> Option<String> {
    let contents = contents(objects);
    kubelet::environment(&template_with(spec, &contents), "release", &contents).get(variable).cloned()
}

fn problems(spec: &str) -> Vec<String> {
    super::draft(&release(spec)).unwrap_err().iter().map(Problem::to_string).collect()
}

/// The objects that exist, written as `Secret/name: [key, …]`.
fn contents(yaml: &str) -> Contents {
    let objects: BTreeMap<String, Vec<String>> = serde_yaml::from_str(yaml).unwrap();
    let content = |keys: Vec<String>| Content { keys: keys.into_iter().collect(), restart: true, ..Content::default() };
    // Beside them there is always a ConfigMap whose keys are for files only.
    let file_keys = ["RELEASE_NODE".to_owned()].into();
    let binary = (reference("ConfigMap/binary"), Content { file_keys, ..Content::default() });
    objects.into_iter().map(|(object, keys)| (reference(&object), content(keys))).chain([binary]).collect()
}

fn reference(object: &str) -> Reference {
    let (kind, name) = object.split_once('/').unwrap();
    let kind = if kind == "Secret" { ReferenceKind::Secret } else { ReferenceKind::ConfigMap };
    Reference { kind, name: name.to_owned() }
}
