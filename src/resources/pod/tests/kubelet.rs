//! What a container reads, computed like `makeEnvironmentVariables` of `pkg/kubelet/kubelet_pods.go`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVarSource, PodTemplateSpec};

use super::reference;
use crate::resources::reference::Contents;

/// The variables of a container of the template. A key of an object has its own path as its value, and so has a field of
/// the pod, but for the address 10.1.2.3.
pub(super) fn environment(
    template: &PodTemplateSpec,
    container: &str,
    contents: &Contents,
) -> BTreeMap<String, String> {
    let (_, container) = super::super::containers(template).find(|(_, found)| found.name == container).unwrap();
    let mut variables = inherited(container, contents);
    for entry in container.env.iter().flatten() {
        let value = match (&entry.value, &entry.value_from) {
            (Some(value), _) => Some(expand(value, &variables)),
            (None, Some(source)) => of_source(source, contents),
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            variables.insert(entry.name.clone(), value);
        }
    }
    variables
}

fn inherited(container: &Container, contents: &Contents) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.clone().unwrap_or_default();
        let map = source.config_map_ref.as_ref().map(|object| format!("ConfigMap/{}", object.name));
        let secret = source.secret_ref.as_ref().map(|object| format!("Secret/{}", object.name));
        for object in map.into_iter().chain(secret) {
            let keys = contents.get(&reference(&object)).map(|content| content.keys.clone()).unwrap_or_default();
            variables.extend(keys.into_iter().map(|key| (format!("{prefix}{key}"), format!("<{object}/{key}>"))));
        }
    }
    variables
}

fn of_source(source: &EnvVarSource, contents: &Contents) -> Option<String> {
    if let Some(field) = &source.field_ref {
        let path = field.field_path.as_str();
        return Some(if path == "status.podIP" { "10.1.2.3".to_owned() } else { format!("<{path}>") });
    }
    let map =
        source.config_map_key_ref.as_ref().map(|from| (format!("ConfigMap/{}", from.name), &from.key, from.optional));
    let secret = source.secret_key_ref.as_ref().map(|from| (format!("Secret/{}", from.name), &from.key, from.optional));
    let (object, key, optional) = map.or(secret)?;
    let exists = contents.get(&reference(&object)).is_some_and(|content| content.keys.contains(key));
    (exists || optional != Some(true)).then(|| format!("<{object}/{key}>"))
}

fn expand(value: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '$' {
            expanded.push(character);
            continue;
        }
        match characters.next() {
            Some('(') => {
                let rest: String = characters.clone().collect();
                let Some((name, _)) = rest.split_once(')') else {
                    expanded.push_str("$(");
                    continue;
                };
                characters.nth(name.chars().count());
                expanded.push_str(variables.get(name).unwrap_or(&format!("$({name})")));
            }
            Some('$') | None => expanded.push('$'),
            Some(other) => expanded.extend(['$', other]),
        }
    }
    expanded
}
