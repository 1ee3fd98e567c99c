//! The object that runs the pods: what belongs to one kind only, the claims, and the names that the pods give to nodes.

use k8s_openapi::api::core::v1::{Container, PersistentVolumeClaim, PodTemplateSpec};

use crate::api::{ElixirRelease, Host, PodManagementPolicy, WorkloadKind};
use crate::resources::pod::{Draft, path_of_container};
use crate::resources::problem::Problem;
use crate::resources::stateful_set::Fixed;
use crate::resources::{Facts, claims, names};

/// The longest name of a node: an atom holds no more characters.
const NODE: usize = 255;

pub(super) fn problems(release: &ElixirRelease, facts: &Facts) -> Vec<Problem> {
    let (workload, cluster) = (&release.spec.workload, &release.spec.cluster);
    if workload.kind == WorkloadKind::StatefulSet {
        return apart(release).into_iter().chain(too_long(release, facts)).chain(in_place(release)).collect();
    }
    let rules = [
        (
            !names::is_distributed(release) || cluster.host != Host::PodFQDN,
            "spec.cluster.host",
            "cluster.host PodFQDN needs workload.kind StatefulSet, whose pods have names in DNS: set it, or use host PodIP",
        ),
        (
            workload.volume_claim_templates.is_empty(),
            "spec.workload",
            "workload.volumeClaimTemplates needs workload.kind StatefulSet: set it, or use a volume of spec.volumes",
        ),
        (
            workload.pod_management_policy == PodManagementPolicy::Parallel,
            "spec.workload",
            "workload.podManagementPolicy needs workload.kind StatefulSet: set it, or remove the policy",
        ),
    ];
    let broken = rules.into_iter().filter(|(holds, ..)| !holds);
    broken.map(|(_, field, message)| Problem::new(field, message)).collect()
}

/// The pods of a StatefulSet have names of their own, so there cannot be two revisions of them side by side.
fn in_place(release: &ElixirRelease) -> Option<Problem> {
    release.spec.rollout.strategy.is_split().then(|| {
        Problem::new(
            "spec.rollout.strategy",
            "rollout.strategy BlueGreen and Canary need workload.kind Deployment: use RollingUpdate or Recreate with a StatefulSet",
        )
    })
}

fn apart(release: &ElixirRelease) -> Option<Problem> {
    // Its nodes keep their names from one revision to the next.
    let message = "cluster.scope Revision needs workload.kind Deployment: set it, or use scope Cluster";
    names::meets_by_revision(release).then(|| Problem::new("spec.cluster.scope", message))
}

/// The name of the pod with the highest ordinal is the longest.
fn too_long(release: &ElixirRelease, facts: &Facts) -> Option<Problem> {
    if release.spec.cluster.host != Host::PodFQDN {
        return None;
    }
    let most = release.spec.autoscaling.as_ref().map_or(0, |autoscaling| autoscaling.max_replicas);
    let last = u32::try_from(most.max(release.spec.replicas)).unwrap_or_default().saturating_sub(1);
    let node = names::node(release, &names::pod(release, last), "", facts)?;
    (node.len() > NODE).then(|| {
        let message = format!(
            "makes {node} the name of a node, which has {} characters and may have {NODE}: shorten it, or the names of \
             release, cluster or namespace",
            node.len()
        );
        Problem::new("spec.cluster.basename", message)
    })
}

/// Mounts of volumes that nobody defines. Of a Deployment the API server checks it, of a StatefulSet it does not: it would
/// make no pod.
pub(super) fn lost_mounts(release: &ElixirRelease, draft: &Draft, claims: &[PersistentVolumeClaim]) -> Vec<Problem> {
    if release.spec.workload.kind != WorkloadKind::StatefulSet {
        return Vec::new();
    }
    let volumes = draft.pod.volumes.iter().flatten().map(|volume| volume.name.as_str());
    let known: Vec<_> = volumes.chain(claims.iter().filter_map(|claim| claim.metadata.name.as_deref())).collect();
    let init = draft.pod.init_containers.iter().flatten();
    let containers = std::iter::once(&draft.container).chain(&draft.pod.containers).chain(init);
    let lost = containers.flat_map(|container| {
        let mounts = container.volume_mounts.iter().flatten();
        mounts.filter(|mount| !known.contains(&mount.name.as_str())).map(move |mount| (container, &mount.name))
    });
    lost.map(|(container, volume)| {
        let message =
            format!("names a volume {volume} that is neither in volumes nor in workload.volumeClaimTemplates");
        Problem::new(field_of_mounts(release, container, volume), message)
    })
    .collect()
}

fn field_of_mounts(release: &ElixirRelease, container: &Container, volume: &str) -> String {
    let mounts = &release.spec.volume_mounts;
    let own = mounts.iter().position(|mount| container.name == names::CONTAINER && mount.name == volume);
    let in_template = || format!("{}.volumeMounts", path_of_container(release, &container.name));
    own.map_or_else(in_template, |index| format!("spec.volumeMounts[{index}]"))
}

/// Claims that have the name of a volume. Kubernetes would put the claim in its place.
pub(super) fn hidden_volumes(template: &PodTemplateSpec, claims: &[PersistentVolumeClaim]) -> Vec<Problem> {
    let volumes = template.spec.iter().flat_map(|pod| pod.volumes.iter().flatten());
    let names: Vec<_> = volumes.map(|volume| Some(&volume.name)).collect();
    let hiding = claims.iter().enumerate().filter(|(_, claim)| names.contains(&claim.metadata.name.as_ref()));
    let told = hiding.map(|(index, _)| {
        Problem::new(
            format!("{}[{index}].metadata.name", claims::FIELD),
            "is the name of a volume already: choose another",
        )
    });
    told.collect()
}

/// What a StatefulSet that runs can never become. The API server would refuse it, but only after other children have
/// changed.
#[must_use]
pub fn unchangeable(release: &ElixirRelease, claims: &[PersistentVolumeClaim], runs: &Fixed) -> Vec<Problem> {
    let wanted = Fixed::wanted(release, claims);
    let name = names::stateful_set(release);
    let names_of = |fixed: &Fixed| fixed.claims.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let anew = if names_of(&wanted) == names_of(runs) {
        format!(
            "kubectl delete statefulset {name} --cascade=orphan, after which the operator makes it anew around the pods \
             that run"
        )
    } else {
        format!("kubectl delete statefulset {name}, after which the operator makes it anew with new pods")
    };
    let told = |field: &str, had: &str| {
        let message = format!(
            "cannot change while StatefulSet {name} exists, which was made with {had}: put it back, or run {anew}; no claim \
             is deleted by it"
        );
        Problem::new(field, message)
    };
    let mut problems = Vec::new();
    if wanted.claims != runs.claims {
        let had: Vec<_> = runs.claims.iter().map(|(name, _)| &**name).collect();
        let had = if had.is_empty() { "no claim".to_owned() } else { format!("other settings of {}", had.join(", ")) };
        problems.push(told(claims::FIELD, &had));
    }
    if wanted.pod_management_policy != runs.pod_management_policy {
        problems.push(told("spec.workload.podManagementPolicy", &runs.pod_management_policy));
    }
    if wanted.service != runs.service {
        let is_named = release.spec.cluster.service.name.is_some() || release.spec.cluster.name.is_none();
        let field = if is_named { "spec.cluster.service.name" } else { "spec.cluster.name" };
        problems.push(told(field, &format!("the headless Service {}", runs.service)));
    }
    problems
}
