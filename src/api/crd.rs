//! The `CustomResourceDefinition`, as it is installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::ElixirRelease;

/// What `kubectl explain` says of a quantity. The Kubernetes text is a page long and would stand in the CRD once a
/// quantity, which `kubectl apply` has to store in an annotation of limited size.
const QUANTITY: &str = "An amount such as 500m, 0.5, 512Mi or 1Gi: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/";

/// What a quantity may look like, as the generators of Kubernetes' own tools have it.
const AMOUNT: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

/// The definition of [`ElixirRelease`] that `beam-operator crd` prints and the chart installs.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = ElixirRelease::crd();
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) {
            visit(schema, &mut finish);
        }
    }
    crd
}

fn finish(schema: &mut JSONSchemaProps) {
    // A null means that nothing was written: the API server drops it and applies the default, where it would store the
    // null of a nullable field.
    schema.nullable = None;
    if schema.description.as_deref().is_some_and(|text| text.starts_with("Quantity is a fixed-point")) {
        schema.description = Some(QUANTITY.to_owned());
        schema.pattern = Some(AMOUNT.to_owned());
    }
    schema.description = schema.description.as_deref().map(unwrap_lines);
    // Of the metadata of a claim that a volume is made from, Kubernetes takes no more.
    if let Some(properties) = schema.properties.as_mut().filter(|properties| properties.contains_key("managedFields")) {
        properties.retain(|name, _| name == "annotations" || name == "labels");
    }
}

/// `kubectl explain` wraps lines itself; those of the source would break its own.
fn unwrap_lines(text: &str) -> String {
    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n")
}

fn visit(schema: &mut JSONSchemaProps, change: &mut impl FnMut(&mut JSONSchemaProps)) {
    change(schema);
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        visit(property, change);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => visit(items, change),
        Some(JSONSchemaPropsOrArray::Schemas(all)) => all.iter_mut().for_each(|items| visit(items, change)),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        visit(values, change);
    }
}
