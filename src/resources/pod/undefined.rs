//! Variables that are referred to as `$(VAR)` and defined nowhere.
//!
//! The kubelet leaves such a reference as it stands, so the application reads the text `$(VAR)`. That is legal and nearly
//! always a mistake: a warning.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};

use super::expansion::{reference, variables};
use super::{containers, environment, flags, origin};
use crate::api::ElixirRelease;
use crate::resources::problem::Problem;
use crate::resources::reference::{Contents, Reference, ReferenceKind};

/// A warning for each reference that the kubelet would not replace.
#[must_use]
pub fn undefined_variables(release: &ElixirRelease, template: &PodTemplateSpec, contents: &Contents) -> Vec<Problem> {
    let linked = template.spec.as_ref().is_some_and(|pod| pod.enable_service_links != Some(false));
    let of = |(list, container)| of_container(release, list, container, contents);
    // Service links define names that only the kubelet knows, and so does an object that may come later.
    containers(template).filter(|(_, container)| !linked && !is_open(container, contents)).flat_map(of).collect()
}

fn of_container(release: &ElixirRelease, list: &str, container: &Container, contents: &Contents) -> Vec<Problem> {
    let mut defined = environment::inherited(container, contents);
    let all: BTreeSet<&str> = container.env.iter().flatten().map(|entry| entry.name.as_str()).collect();
    let mut warnings = Vec::new();
    for entry in container.env.iter().flatten() {
        let unresolved = variables(entry.value.as_deref().unwrap_or(""))
            .into_iter()
            .filter(|name| !defined.contains(*name) && !is_of_the_api_server(name));
        for name in unresolved {
            let field = origin::variable(release, list, &container.name, &entry.name);
            let remedy = if name == entry.name {
                "which is the entry itself, and what the image sets cannot be referred to: write the whole value"
            } else if all.contains(name) {
                "which is not defined by an earlier entry: move it up"
            } else {
                "which is defined nowhere: define it, or write $$ for a literal $"
            };
            warnings.push(warning(field, &entry.name, name, remedy));
        }
        if !environment::is_absent(entry.value_from.as_ref(), contents) {
            defined.insert(entry.name.clone());
        }
    }
    warnings
}

fn warning(field: Option<String>, entry: &str, name: &str, remedy: &str) -> Problem {
    let message = format!("{entry} refers to {}, {remedy}", reference(name));
    // Of our own entries, only one holds text of the user's.
    let ours = if entry == flags::EMULATOR { "spec.vm.flags" } else { "spec.env" };
    Problem::new(field.unwrap_or_else(|| ours.to_owned()), message)
}

/// Whether `envFrom` names an optional object that does not exist yet.
fn is_open(container: &Container, contents: &Contents) -> bool {
    container.env_from.iter().flatten().any(|source| {
        let map =
            source.config_map_ref.as_ref().map(|object| (ReferenceKind::ConfigMap, &object.name, object.optional));
        let secret = source.secret_ref.as_ref().map(|object| (ReferenceKind::Secret, &object.name, object.optional));
        map.into_iter().chain(secret).any(|(kind, name, optional)| {
            optional == Some(true) && !contents.contains_key(&Reference { kind, name: name.clone() })
        })
    })
}

/// Every container gets the variables of the Service `kubernetes`, with those for each of its ports.
fn is_of_the_api_server(name: &str) -> bool {
    let is_port = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    name == "KUBERNETES_SERVICE_HOST" || is_port("KUBERNETES_SERVICE_PORT") || is_port("KUBERNETES_PORT")
}
