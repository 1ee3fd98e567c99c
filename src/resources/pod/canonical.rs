//! Values as the API server stores them.
//!
//! A `fieldRef` is one value to server-side apply, and so are a `resourceFieldRef` and the sources of a projected volume;
//! the API server completes them. Amounts it spells its own way. Written as it does, what was applied can be compared
//! with what is stored, also by an operator that has just started.

use k8s_openapi::api::core::v1::{
    Container, DownwardAPIVolumeFile, ObjectFieldSelector, PodSpec, PodTemplateSpec, ResourceFieldSelector, Volume,
    VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::quantity;

/// The version in which a `fieldRef` names its field, if it does not say.
const FIELD_VERSION: &str = "v1";
/// The account of pods that name none.
const ACCOUNT: &str = "default";
/// How long the token of a projected volume is good, in seconds, if it does not say.
const TOKEN_SECONDS: i64 = 3600;

/// Completes a template.
pub(super) fn complete(mut template: PodTemplateSpec) -> PodTemplateSpec {
    template.spec.iter_mut().for_each(pod);
    template
}

fn pod(pod: &mut PodSpec) {
    account(pod);
    pod.init_containers.iter_mut().flatten().chain(&mut pod.containers).for_each(container);
    pod.volumes.iter_mut().flatten().for_each(volume);
}

/// The account is always named, and by the one name. The API server copies it into the older field `serviceAccount`, which
/// would stay if the name were no longer applied, and bring the former account back.
fn account(pod: &mut PodSpec) {
    let named = [pod.service_account_name.take(), pod.service_account.take()];
    let named = named.into_iter().flatten().find(|name| !name.is_empty());
    pod.service_account_name = Some(named.unwrap_or_else(|| ACCOUNT.to_owned()));
}

fn container(container: &mut Container) {
    for source in container.env.iter_mut().flatten().filter_map(|variable| variable.value_from.as_mut()) {
        source.field_ref.iter_mut().for_each(field);
        source.resource_field_ref.iter_mut().for_each(resource);
    }
    if let Some(resources) = &mut container.resources {
        let lists = [&mut resources.limits, &mut resources.requests];
        lists.into_iter().flatten().flat_map(|list| list.values_mut()).for_each(amount);
    }
}

fn volume(volume: &mut Volume) {
    volume.downward_api.iter_mut().flat_map(|source| source.items.iter_mut().flatten()).for_each(file);
    volume.empty_dir.iter_mut().filter_map(|directory| directory.size_limit.as_mut()).for_each(amount);
    let sources = volume.projected.iter_mut().flat_map(|projected| projected.sources.iter_mut().flatten());
    sources.for_each(projection);
}

fn projection(source: &mut VolumeProjection) {
    source.downward_api.iter_mut().flat_map(|source| source.items.iter_mut().flatten()).for_each(file);
    if let Some(token) = &mut source.service_account_token {
        token.expiration_seconds.get_or_insert(TOKEN_SECONDS);
    }
}

fn file(file: &mut DownwardAPIVolumeFile) {
    file.field_ref.iter_mut().for_each(field);
    file.resource_field_ref.iter_mut().for_each(resource);
}

fn field(reference: &mut ObjectFieldSelector) {
    reference.api_version.get_or_insert_with(|| FIELD_VERSION.to_owned());
}

fn resource(reference: &mut ResourceFieldSelector) {
    amount(reference.divisor.get_or_insert_with(|| Quantity("0".to_owned())));
}

/// Spells an amount as the API server does.
pub(in crate::resources) fn amount(Quantity(text): &mut Quantity) {
    if let Some(canonical) = quantity::canonical(text) {
        *text = canonical;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn completed(spec: &Value) -> Value {
        let template: PodTemplateSpec = serde_json::from_value(json!({"spec": spec})).unwrap();
        serde_json::to_value(complete(template)).unwrap()["spec"].take()
    }

    #[rstest]
    #[case(json!({}), "default")]
    #[case(json!({"serviceAccountName": "", "serviceAccount": ""}), "default")]
    #[case(json!({"serviceAccountName": "shop"}), "shop")]
    #[case(json!({"serviceAccount": "older"}), "older")]
    #[case(json!({"serviceAccountName": "shop", "serviceAccount": "older"}), "shop")]
    fn the_account_has_one_name(#[case] mut spec: Value, #[case] expected: &str) {
        spec["containers"] = json!([]);
        let completed = completed(&spec);
        assert_eq!((&completed["serviceAccountName"], completed.get("serviceAccount")), (&json!(expected), None));
    }

    #[test]
    fn what_the_api_server_would_complete_is_complete() {
        let written = json!({
            "containers": [{
                "name": "release",
                "env": [
                    {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                ],
                "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"memory": "1.5Gi"}},
            }],
            "volumes": [
                {"name": "a", "emptyDir": {"sizeLimit": "1024Ki"}},
                {"name": "b", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
                {"name": "c", "downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            ],
        });
        let stored = json!({
            "serviceAccountName": "default",
            "containers": [{
                "name": "release",
                "env": [
                    {"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
                    {"name": "B", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}},
                ],
                "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1536Mi"}},
            }],
            "volumes": [
                {"name": "a", "emptyDir": {"sizeLimit": "1Mi"}},
                {"name": "b", "projected": {"sources": [
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                ]}},
                {"name": "c", "downwardAPI": {"items": [
                    {"path": "p", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
                ]}},
            ],
        });
        assert_eq!(completed(&written), stored);
        assert_eq!(completed(&stored), stored, "what is complete stays as it is");
    }
}
