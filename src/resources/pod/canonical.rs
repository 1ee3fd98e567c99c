//! Values as the API server stores them.
//!
//! A `fieldRef` is one value to server-side apply, and the API server completes it. Written in full, what was applied can
//! be compared with what is stored.

use k8s_openapi::api::core::v1::{ObjectFieldSelector, PodTemplateSpec};

/// The version in which a `fieldRef` names its field, if it does not say.
const FIELD_VERSION: &str = "v1";

/// Completes every `fieldRef` of the variables and downward API volumes of a template.
pub(super) fn complete(mut template: PodTemplateSpec) -> PodTemplateSpec {
    template.spec.iter_mut().flat_map(field_refs).for_each(|reference| {
        reference.api_version.get_or_insert_with(|| FIELD_VERSION.to_owned());
    });
    template
}

fn field_refs(pod: &mut k8s_openapi::api::core::v1::PodSpec) -> impl Iterator<Item = &mut ObjectFieldSelector> {
    let containers = pod.init_containers.iter_mut().flatten().chain(&mut pod.containers);
    let variables = containers.flat_map(|container| container.env.iter_mut().flatten());
    let in_variables = variables.filter_map(|variable| variable.value_from.as_mut()?.field_ref.as_mut());
    let files = pod.volumes.iter_mut().flatten().flat_map(|volume| {
        let own = volume.downward_api.iter_mut().flat_map(|source| source.items.iter_mut().flatten());
        let sources = volume.projected.iter_mut().flat_map(|projected| projected.sources.iter_mut().flatten());
        let projected = sources.filter_map(|source| source.downward_api.as_mut());
        own.chain(projected.flat_map(|source| source.items.iter_mut().flatten()))
    });
    in_variables.chain(files.filter_map(|file| file.field_ref.as_mut()))
}
