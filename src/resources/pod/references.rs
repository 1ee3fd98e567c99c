//! ConfigMaps and Secrets that the pods of a release read.
//!
//! Named are those whose content reaches a container: by `env`, `envFrom` or a file. Secrets that the kubelet or a volume
//! driver uses on the pod's behalf, such as those to pull images with, change nothing inside it and are not among them.
//! Neither is the cookie Secret that the operator makes itself.

use k8s_openapi::api::core::v1::{Container, EnvVar, KeyToPath, ProjectedVolumeSource, Volume};

use super::draft::Draft;
use super::{CONTAINERS, INIT_CONTAINERS, origin};
use crate::api::ElixirRelease;
use crate::resources::names;
use crate::resources::reference::{Reference, ReferenceKind, Use};

/// Every place in which the pods of a release read a ConfigMap or Secret.
#[must_use]
pub fn references(release: &ElixirRelease, draft: &Draft) -> Vec<Use> {
    let init = draft.pod.init_containers.iter().flatten().map(|container| (INIT_CONTAINERS, container));
    let others = draft.pod.containers.iter().chain([&draft.container]).map(|container| (CONTAINERS, container));
    let in_containers = init.chain(others).flat_map(|(list, container)| of_container(release, list, container));
    let volumes = draft.pod.volumes.iter().flatten();
    let in_volumes = volumes.flat_map(|volume| of_volume(volume, &origin::volume(release, &volume.name)));
    cookie(release).into_iter().chain(in_containers).chain(in_volumes).collect()
}

fn cookie(release: &ElixirRelease) -> Option<Use> {
    let secret = release.spec.cluster.cookie.secret_key_ref.as_ref().filter(|_| names::is_distributed(release))?;
    Some(Use {
        reference: Reference { kind: ReferenceKind::Secret, name: secret.name.clone() },
        field: "spec.cluster.cookie.secretKeyRef".to_owned(),
        key: Some(secret.key.clone()),
        optional: false,
    })
}

fn of_container(release: &ElixirRelease, list: &str, container: &Container) -> Vec<Use> {
    let mut uses = Vec::new();
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        let field = || origin::env_from(release, list, &container.name, index);
        if let Some(object) = &source.config_map_ref {
            uses.push(of_object(ReferenceKind::ConfigMap, &object.name, object.optional, field() + ".configMapRef"));
        }
        if let Some(object) = &source.secret_ref {
            uses.push(of_object(ReferenceKind::Secret, &object.name, object.optional, field() + ".secretRef"));
        }
    }
    for variable in container.env.iter().flatten() {
        let field = origin::variable(release, list, &container.name, &variable.name).unwrap_or_default();
        uses.extend(of_variable(variable, &field));
    }
    uses
}

fn of_variable(variable: &EnvVar, field: &str) -> Option<Use> {
    let source = variable.value_from.as_ref()?;
    let (kind, name, key, optional, selector) = match (&source.config_map_key_ref, &source.secret_key_ref) {
        (Some(from), _) => (ReferenceKind::ConfigMap, &from.name, &from.key, from.optional, "configMapKeyRef"),
        (None, Some(from)) => (ReferenceKind::Secret, &from.name, &from.key, from.optional, "secretKeyRef"),
        (None, None) => return None,
    };
    let field = format!("{field}.valueFrom.{selector}");
    let reference = Reference { kind, name: name.clone() };
    Some(Use { reference, field, key: Some(key.clone()), optional: optional == Some(true) })
}

fn of_volume(volume: &Volume, field: &str) -> Vec<Use> {
    if let Some(source) = &volume.config_map {
        let field = format!("{field}.configMap");
        return of_files(ReferenceKind::ConfigMap, &source.name, source.items.as_deref(), source.optional, &field);
    }
    if let Some(source) = &volume.secret {
        let name = source.secret_name.as_deref().unwrap_or("");
        return of_files(
            ReferenceKind::Secret,
            name,
            source.items.as_deref(),
            source.optional,
            &format!("{field}.secret"),
        );
    }
    volume.projected.as_ref().map_or_else(Vec::new, |source| of_projection(source, field))
}

fn of_projection(projected: &ProjectedVolumeSource, field: &str) -> Vec<Use> {
    let mut uses = Vec::new();
    for (index, source) in projected.sources.iter().flatten().enumerate() {
        let field = format!("{field}.projected.sources[{index}]");
        if let Some(from) = &source.config_map {
            let field = format!("{field}.configMap");
            uses.extend(of_files(ReferenceKind::ConfigMap, &from.name, from.items.as_deref(), from.optional, &field));
        }
        if let Some(from) = &source.secret {
            let field = format!("{field}.secret");
            uses.extend(of_files(ReferenceKind::Secret, &from.name, from.items.as_deref(), from.optional, &field));
        }
    }
    uses
}

/// An object whose keys become files: the ones listed, or all.
fn of_files(
    kind: ReferenceKind,
    name: &str,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
    field: &str,
) -> Vec<Use> {
    let items = items.unwrap_or_default();
    if items.is_empty() {
        return vec![of_object(kind, name, optional, field.to_owned())];
    }
    let reference = Reference { kind, name: name.to_owned() };
    let of_item = |(index, item): (usize, &KeyToPath)| Use {
        reference: reference.clone(),
        field: format!("{field}.items[{index}]"),
        key: Some(item.key.clone()),
        optional: optional == Some(true),
    };
    items.iter().enumerate().map(of_item).collect()
}

fn of_object(kind: ReferenceKind, name: &str, optional: Option<bool>, field: String) -> Use {
    let reference = Reference { kind, name: name.to_owned() };
    Use { reference, field, key: None, optional: optional == Some(true) }
}
