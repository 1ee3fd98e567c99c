//! Names, and labels that the user adds.

use super::*;
use crate::api::Scope;

const LONG: &str = "a123456789b123456789c123456789d123456789e123456789f12";

#[rstest]
#[case::empty_image(|r: Broken| r.spec.image.clear(), "spec.image: the container \"release\" needs an image")]
#[case::image_with_a_line_break(|r: Broken| r.spec.image.push('\n'), "spec.image: must not have spaces or line breaks: remove them")]
#[case::negative_replicas(|r: Broken| r.spec.replicas = -1, "spec.replicas: must be 0 or more, not -1")]
#[case::long_name(
    |r: Broken| r.metadata.name = Some(LONG.to_owned()),
    "metadata.name: must have at most 52 characters: the names of its revisions and of its ServiceAccount derive from it and may have 63"
)]
#[case::long_name_with_revisions_apart(
    |r: Broken| (r.metadata.name, r.spec.cluster.scope) = (Some(LONG[..47].to_owned()), Scope::Revision),
    "spec.cluster.scope: Revision needs a metadata.name of at most 46 characters: the Services of its revisions derive from it and may have 63; use scope Cluster, or a shorter name"
)]
#[case::name_with_a_dot(
    |r: Broken| r.metadata.name = Some("shop.example".to_owned()),
    "metadata.name: must be a DNS label that starts with a letter: the Service has the same name"
)]
#[case::long_cluster_name(
    |r: Broken| r.spec.cluster.name = Some(format!("{LONG}34567")),
    "spec.cluster.name: must have at most 57 lower-case letters, digits and dashes, and start with a letter"
)]
#[case::headless_service_that_is_no_label(
    |r: Broken| r.spec.cluster.service.name = Some("shop_nodes".to_owned()),
    "spec.cluster.service.name: must have at most 63 lower-case letters, digits and dashes, and start with a letter"
)]
#[case::headless_service_named_like_the_other(
    |r: Broken| r.spec.cluster.service.name = Some("shop".to_owned()),
    "spec.cluster.service.name: must not be the release's own name, which its traffic Service has: choose another"
)]
#[case::basename_with_a_dot(
    |r: Broken| r.spec.cluster.basename = Some("shop.node".to_owned()),
    "spec.cluster.basename: must have 1 to 128 letters, digits, dashes and underscores: it is the part of a node's name before the @"
)]
#[case::account_that_is_no_name(
    |r: Broken| r.spec.service_account_name = Some("Clerk".to_owned()),
    "spec.serviceAccountName: is not a name that a ServiceAccount can have: lower-case letters, digits, dashes and dots"
)]
#[case::label_with_a_space(
    |r: Broken| r.spec.cluster.service.labels = yaml("{app: my shop}"),
    "spec.cluster.service.labels[app]: is not a value that a label can have: at most 63 letters, digits, dashes, underscores and dots that start and end with a letter or a digit"
)]
#[case::label_of_ours(
    |r: Broken| r.spec.cluster.service.labels = yaml("{beam-operator.io/cluster: other}"),
    "spec.cluster.service.labels[beam-operator.io/cluster]: is set by the operator: remove it"
)]
#[case::annotation_without_a_name(
    |r: Broken| r.spec.service.annotations = yaml("{example.com/: x}"),
    "spec.service.annotations[example.com/]: is not a key that Kubernetes takes: an optional DNS prefix and a slash, then at most 63 letters, digits, dashes, underscores and dots that start and end with a letter or a digit"
)]
fn names(#[case] breaks: fn(&mut ElixirRelease), #[case] expected: &str) {
    only(breaks, expected);
}
