//! ConfigMaps and Secrets that the pods of a release read.
//!
//! Named are those whose content reaches a container: by `env`, `envFrom` or a file. Secrets that the kubelet or a volume
//! driver uses on the pod's behalf, such as those to pull images with, change nothing inside it and are not among them.

use k8s_openapi::api::core::v1::{Container, EnvVar, KeyToPath, ProjectedVolumeSource, Volume};

use super::draft::Draft;
use super::{CONTAINERS, INIT_CONTAINERS, origin};
use crate::api::ElixirRelease;
use crate::resources::reference::{Reference, ReferenceKind, Use};
use crate::resources::{names, tls};

/// Every place in which the pods of a release read a ConfigMap or Secret.
#[must_use]
pub fn references(release: &ElixirRelease, draft: &Draft) -> Vec<Use> {
    let init = draft.pod.init_containers.iter().flatten().map(|container| (INIT_CONTAINERS, container));
    let others = draft.pod.containers.iter().chain([&draft.container]).map(|container| (CONTAINERS, container));
    let in_containers = init.chain(others).flat_map(|(list, container)| of_container(release, list, container));
    let volumes = draft.pod.volumes.iter().flatten();
    let in_volumes = volumes.flat_map(|volume| of_volume(volume, &origin::volume(release, &volume.name)));
    cookie(release).into_iter().chain(certificate(release)).chain(in_containers).chain(in_volumes).collect()
}

/// An object as a field of the resource names it.
struct Named<'a> {
    kind: ReferenceKind,
    name: &'a str,
    optional: Option<bool>,
    field: String,
    /// The field within `field` that has the name.
    by: &'static str,
}

impl<'a> Named<'a> {
    fn map(name: &'a str, optional: Option<bool>, field: String) -> Self {
        Self { kind: ReferenceKind::ConfigMap, name, optional, field, by: "name" }
    }

    fn secret(name: &'a str, optional: Option<bool>, field: String) -> Self {
        Self { kind: ReferenceKind::Secret, name, optional, field, by: "name" }
    }

    /// A use of the object as a whole.
    fn whole(&self) -> Use {
        Use {
            reference: Reference { kind: self.kind, name: self.name.to_owned() },
            field: self.field.clone(),
            named_by: format!("{}.{}", self.field, self.by),
            key: None,
            is_file: false,
            optional: self.optional == Some(true),
        }
    }

    /// A use of one key as a variable.
    fn variable(&self, key: &str) -> Use {
        Use { key: Some(key.to_owned()), ..self.whole() }
    }

    /// The uses of an object whose keys become files: the ones listed, or all.
    fn files(&self, items: Option<&[KeyToPath]>) -> Vec<Use> {
        let of_item = |(index, item): (usize, &KeyToPath)| Use {
            field: format!("{}.items[{index}]", self.field),
            key: Some(item.key.clone()),
            is_file: true,
            ..self.whole()
        };
        match items.unwrap_or_default() {
            [] => vec![self.whole()],
            items => items.iter().enumerate().map(of_item).collect(),
        }
    }
}

fn cookie(release: &ElixirRelease) -> Option<Use> {
    let secret = release.spec.cluster.cookie.secret_key_ref.as_ref().filter(|_| names::is_distributed(release))?;
    let named = Named::secret(&secret.name, None, "spec.cluster.cookie.secretKeyRef".to_owned());
    Some(named.variable(&secret.key))
}

/// The Secret of `cluster.tls`. With mode Application it is the operator that reads it, and needs the same keys.
fn certificate(release: &ElixirRelease) -> Vec<Use> {
    let Some(name) = tls::given(release) else { return Vec::new() };
    let of_key = |key: &str| Use {
        reference: Reference { kind: ReferenceKind::Secret, name: name.clone() },
        field: tls::SECRET_NAME.to_owned(),
        named_by: tls::SECRET_NAME.to_owned(),
        key: Some(key.to_owned()),
        is_file: true,
        optional: false,
    };
    tls::KEYS.map(of_key).to_vec()
}

fn of_container(release: &ElixirRelease, list: &str, container: &Container) -> Vec<Use> {
    let mut uses = Vec::new();
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        let field = || origin::env_from(release, list, &container.name, index);
        if let Some(object) = &source.config_map_ref {
            uses.push(Named::map(&object.name, object.optional, field() + ".configMapRef").whole());
        }
        if let Some(object) = &source.secret_ref {
            uses.push(Named::secret(&object.name, object.optional, field() + ".secretRef").whole());
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
    if let Some(from) = &source.config_map_key_ref {
        let named = Named::map(&from.name, from.optional, format!("{field}.valueFrom.configMapKeyRef"));
        return Some(named.variable(&from.key));
    }
    let from = source.secret_key_ref.as_ref()?;
    let named = Named::secret(&from.name, from.optional, format!("{field}.valueFrom.secretKeyRef"));
    Some(named.variable(&from.key))
}

fn of_volume(volume: &Volume, field: &str) -> Vec<Use> {
    if let Some(source) = &volume.config_map {
        let named = Named::map(&source.name, source.optional, format!("{field}.configMap"));
        return named.files(source.items.as_deref());
    }
    if let Some(source) = &volume.secret {
        let name = source.secret_name.as_deref().unwrap_or("");
        let named = Named::secret(name, source.optional, format!("{field}.secret"));
        return Named { by: "secretName", ..named }.files(source.items.as_deref());
    }
    volume.projected.as_ref().map_or_else(Vec::new, |source| of_projection(source, field))
}

fn of_projection(projected: &ProjectedVolumeSource, field: &str) -> Vec<Use> {
    let mut uses = Vec::new();
    for (index, source) in projected.sources.iter().flatten().enumerate() {
        let field = format!("{field}.projected.sources[{index}]");
        if let Some(from) = &source.config_map {
            let named = Named::map(&from.name, from.optional, format!("{field}.configMap"));
            uses.extend(named.files(from.items.as_deref()));
        }
        if let Some(from) = &source.secret {
            let named = Named::secret(&from.name, from.optional, format!("{field}.secret"));
            uses.extend(named.files(from.items.as_deref()));
        }
    }
    uses
}
