//! Where in the resource a part of the pod was written.
//!
//! Messages name fields of the resource, not of the pod: a variable may come from `spec.env` or from `podTemplate`, whose
//! indexes the merge does not keep. What stands in both was decided by `podTemplate`.

use serde_json::Value;

use super::{CONTAINERS, INIT_CONTAINERS};
use crate::api::ElixirRelease;
use crate::resources::names;

/// Field of the resource that holds the pod template.
pub(super) const POD_TEMPLATE: &str = "spec.podTemplate";

/// Path of an element of a list of the PodSpec.
pub(super) fn element(release: &ElixirRelease, list: &str, name: &str) -> String {
    in_template(release, list, name).map_or_else(|| format!("spec.{list}"), |(path, _)| path)
}

/// Path of a container. Containers and init containers share one set of names.
#[must_use]
pub fn container(release: &ElixirRelease, name: &str) -> String {
    let found = [CONTAINERS, INIT_CONTAINERS].into_iter().find_map(|list| in_template(release, list, name));
    found.map_or_else(|| format!("{POD_TEMPLATE}.spec.{CONTAINERS}"), |(path, _)| path)
}

/// Path of a volume.
pub(super) fn volume(release: &ElixirRelease, name: &str) -> String {
    if let Some((path, _)) = in_template(release, "volumes", name) {
        return path;
    }
    indexed("spec.volumes", release.spec.volumes.iter().position(|volume| volume.name == name))
}

/// Path of a variable of a container; `None` for one that the operator sets.
pub(super) fn variable(release: &ElixirRelease, list: &str, container: &str, name: &str) -> Option<String> {
    if let Some((path, fields)) = in_template(release, list, container)
        && let Some((index, _)) = named(&fields["env"], name)
    {
        return Some(format!("{path}.env[{index}]"));
    }
    if !is_release(list, container) {
        return None;
    }
    let index = release.spec.env.iter().position(|variable| variable.name == name)?;
    Some(format!("spec.env[{index}]"))
}

/// Path of an entry of a container's `envFrom`, a list that is replaced and not merged.
pub(super) fn env_from(release: &ElixirRelease, list: &str, container: &str, index: usize) -> String {
    match in_template(release, list, container) {
        Some((path, fields)) if fields["envFrom"].is_array() => format!("{path}.envFrom[{index}]"),
        _ => format!("spec.envFrom[{index}]"),
    }
}

/// Whether this is the container that the fields of the spec describe.
fn is_release(list: &str, container: &str) -> bool {
    list == CONTAINERS && container == names::CONTAINER
}

fn in_template<'a>(release: &'a ElixirRelease, list: &str, name: &str) -> Option<(String, &'a Value)> {
    let elements = release.spec.pod_template.0.get("spec")?.get(list)?;
    let (index, element) = named(elements, name)?;
    Some((format!("{POD_TEMPLATE}.spec.{list}[{index}]"), element))
}

fn named<'a>(list: &'a Value, name: &str) -> Option<(usize, &'a Value)> {
    list.as_array()?.iter().enumerate().find(|(_, element)| element["name"] == name)
}

fn indexed(field: &str, index: Option<usize>) -> String {
    index.map_or_else(|| field.to_owned(), |index| format!("{field}[{index}]"))
}
