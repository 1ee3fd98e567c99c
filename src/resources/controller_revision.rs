//! The ControllerRevision: what the pods of a revision looked like, kept so that there is something to go back to.

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::json;

use super::{labels, metadata};
use crate::api::ElixirRelease;

/// The record of a revision: its name, its place in the history, the pods' template and the digest of the inputs that the
/// revision was made from. `data` has the shape that a StatefulSet gives its own revisions, and is immutable.
#[must_use]
pub fn build(
    release: &ElixirRelease,
    name: &str,
    number: i64,
    template: &PodTemplateSpec,
    inputs: &str,
) -> ControllerRevision {
    let mut metadata = metadata::of_release(release, name);
    metadata.annotations.get_or_insert_default().insert(labels::INPUTS.to_owned(), inputs.to_owned());
    ControllerRevision { metadata, data: Some(RawExtension(json!({"spec": {"template": template}}))), revision: number }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn the_second_revision() {
        let template = PodTemplateSpec::default();
        insta::assert_yaml_snapshot!(build(&fixture::release(""), "shop-7c9d4", 2, &template, "0f3a"));
    }
}
