//! What the user asked for: the fields of the spec with `podTemplate` merged over them, and what must hold afterwards.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{CONTAINERS, INIT_CONTAINERS, origin, skeleton, tls};
use crate::api::{ElixirRelease, ReleaseTool};
use crate::resources::merge::{self, overlay};
use crate::resources::problem::Problem;
use crate::resources::{labels, names};

/// A pod as the user asked for it. It has the release's container.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Labels and annotations.
    pub metadata: ObjectMeta,
    /// The pod without the release's container.
    pub pod: PodSpec,
    /// The release's container.
    pub container: Container,
}

impl Draft {
    /// Every container but the release's.
    pub(super) fn others_mut(&mut self) -> impl Iterator<Item = &mut Container> {
        self.pod.init_containers.iter_mut().flatten().chain(&mut self.pod.containers)
    }

    /// The draft as a template. The release's container is the first, so that `kubectl logs` and `exec` choose it.
    #[must_use]
    pub fn into_template(mut self) -> PodTemplateSpec {
        self.pod.containers.insert(0, self.container);
        PodTemplateSpec { metadata: Some(self.metadata), spec: Some(self.pod) }
    }
}

/// The pod that the user asked for, or all that is wrong with it.
pub fn draft(release: &ElixirRelease) -> Result<Draft, Vec<Problem>> {
    let mut problems = duplicates(release);
    let merged =
        overlay(&skeleton::template(release), &release.spec.pod_template, &merge::POD_TEMPLATE, origin::POD_TEMPLATE);
    let template = match merged {
        Ok(template) => template,
        Err(wrong) => return Err([problems, wrong].concat()),
    };
    let metadata = template.metadata.unwrap_or_default();
    let mut pod = template.spec.unwrap_or_default();
    problems.extend(labels_changed(release, &metadata));
    problems.extend(containers_confused(release, &pod));
    let Some(place) = pod.containers.iter().position(|container| container.name == names::CONTAINER) else {
        problems.push(Problem::new(
            format!("{}.spec.containers", origin::POD_TEMPLATE),
            format!(
                "removes the container {:?}, which runs the release: keep it and change its fields instead",
                names::CONTAINER
            ),
        ));
        return Err(problems);
    };
    let container = pod.containers.remove(place);
    problems.extend(cookies_in_flags(release, &container));
    problems.extend(tls::contradictions(release, &container));
    skeleton::settle_token(release, &mut pod);
    if problems.is_empty() { Ok(Draft { metadata, pod, container }) } else { Err(problems) }
}

/// The API server refuses duplicates in these lists of a stored resource, but not of one that is rendered offline.
fn duplicates(release: &ElixirRelease) -> Vec<Problem> {
    let spec = &release.spec;
    let lists = [
        ("spec.env", spec.env.iter().map(|variable| &variable.name).collect::<Vec<_>>()),
        ("spec.volumes", spec.volumes.iter().map(|volume| &volume.name).collect()),
        ("spec.volumeMounts", spec.volume_mounts.iter().map(|mount| &mount.mount_path).collect()),
        ("spec.imagePullSecrets", spec.image_pull_secrets.iter().map(|secret| &secret.name).collect()),
    ];
    lists.into_iter().flat_map(|(field, keys)| repeated(field, &keys)).collect()
}

fn repeated(field: &str, keys: &[&String]) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let again = keys.iter().enumerate().filter(|(_, key)| !seen.insert(**key));
    again
        .map(|(index, key)| {
            Problem::new(format!("{field}[{index}]"), format!("names {key} a second time: remove one of them"))
        })
        .collect()
}

/// Given twice, the VM ignores both cookies and reads a file instead. Mix passes one in its start script, Distillery and
/// relx in vm.args.
fn cookies_in_flags(release: &ElixirRelease, container: &Container) -> Vec<Problem> {
    let passed_by = match release.spec.release.tool {
        ReleaseTool::Mix => "the start script",
        ReleaseTool::Distillery | ReleaseTool::Relx => "vm.args",
        ReleaseTool::None => return Vec::new(),
    };
    let variables = container.env.iter().flatten().filter(|variable| variable.name.starts_with("ERL_"));
    let texts = variables.filter_map(|variable| {
        let field = origin::variable(release, CONTAINERS, names::CONTAINER, &variable.name)?;
        Some((format!("{field}.value"), variable.value.as_deref()?))
    });
    texts
        .chain([("spec.vm.flags".to_owned(), release.spec.vm.flags.as_str())])
        .filter(|(_, text)| text.split_whitespace().any(|word| word == "-setcookie"))
        .map(|(field, _)| {
            let message = format!(
                "must not have -setcookie: {passed_by} passes it already and given twice it is ignored; use cluster.cookie.secretKeyRef"
            );
            Problem::new(field, message)
        })
        .collect()
}

/// The operator finds the pods of a release by these labels, the Deployment and the NetworkPolicy select by them.
fn labels_changed(release: &ElixirRelease, metadata: &ObjectMeta) -> Vec<Problem> {
    let found = |label: &str| metadata.labels.as_ref().and_then(|labels| labels.get(label));
    let field = |label: &str| format!("{}.metadata.labels[{label}]", origin::POD_TEMPLATE);
    let ours = labels::of_release(release);
    let fixed = [labels::RELEASE, labels::CLUSTER];
    let changed = fixed.into_iter().filter(|label| found(label) != ours.get(*label));
    let mut problems: Vec<_> = changed
        .map(|label| {
            let rule =
                ours.get(label).map_or_else(|| "must be absent".to_owned(), |value| format!("must stay {value:?}"));
            Problem::new(field(label), format!("{rule}: the operator selects pods by it, remove the line"))
        })
        .collect();
    if found(labels::REVISION).is_some() {
        problems.push(Problem::new(field(labels::REVISION), "is set by the operator: remove the line"));
    }
    problems
}

/// Containers and init containers share one set of names, and each needs an image.
fn containers_confused(release: &ElixirRelease, pod: &PodSpec) -> Vec<Problem> {
    let mut names: BTreeSet<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
    let mut problems = Vec::new();
    for container in pod.init_containers.iter().flatten() {
        if !names.insert(&container.name) {
            let field = origin::element(release, INIT_CONTAINERS, &container.name);
            problems.push(Problem::new(
                field,
                format!("has the name of another container, {:?}: rename it", container.name),
            ));
        }
    }
    let init = pod.init_containers.iter().flatten().map(|container| (INIT_CONTAINERS, container));
    for (list, container) in init.chain(pod.containers.iter().map(|container| (CONTAINERS, container))) {
        if container.image.as_ref().is_none_or(String::is_empty) {
            let field = image_field(release, list, container);
            problems.push(Problem::new(field, format!("the container {:?} needs an image", container.name)));
        }
    }
    problems
}

fn image_field(release: &ElixirRelease, list: &str, container: &Container) -> String {
    if container.name == names::CONTAINER && release.spec.image.is_empty() {
        return "spec.image".to_owned();
    }
    format!("{}.image", origin::element(release, list, &container.name))
}
