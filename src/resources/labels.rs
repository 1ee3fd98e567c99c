//! Labels and annotations that the operator sets or reads.

use std::collections::BTreeMap;

use kube::ResourceExt;

use super::names;
use crate::api::{ElixirRelease, GROUP};

/// Name of the release that an object belongs to. With [`CONTROLLER`] it selects the pods, so it never changes.
pub const RELEASE: &str = "beam-operator.io/release";
/// Name of the BEAM cluster that an object belongs to.
pub const CLUSTER: &str = "beam-operator.io/cluster";
/// Revision of a pod.
pub const REVISION: &str = "beam-operator.io/revision";
/// Name of the migration that a Job and its pods are of.
pub const MIGRATION: &str = "beam-operator.io/migration";
/// Set on every object that the operator writes; its watches select by it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGER: &str = "beam-operator";
/// Name of the application, as Kubernetes recommends.
pub const NAME: &str = "app.kubernetes.io/name";
/// Instance of the application, as Kubernetes recommends.
pub const INSTANCE: &str = "app.kubernetes.io/instance";

/// Annotation on a ConfigMap or Secret: `"false"` keeps its content out of the revision.
pub const RESTART: &str = "beam-operator.io/restart";
/// Annotation on a ControllerRevision: digest of the inputs it was rendered from.
pub const INPUTS: &str = "beam-operator.io/inputs";
/// Annotation on a ControllerRevision: why another revision runs instead, as JSON.
pub const REJECTED: &str = "beam-operator.io/rejected";
/// Annotation on a ControllerRevision: the migrations that are run before any pod of it, by name.
pub const BEFORE: &str = "beam-operator.io/migrations-before";
/// Annotation on a ControllerRevision: which migrations were run for it, and how they ended, as JSON.
pub const MIGRATIONS: &str = "beam-operator.io/migrations";
/// Annotation on a ControllerRevision: `"true"` once all nodes of it were seen in their cluster.
pub const CLUSTERED: &str = "beam-operator.io/clustered";
/// Annotation on a release: any new value restarts its nodes, as a new revision. Annotation on a pod: the value.
pub const RESTARTED_AT: &str = "beam-operator.io/restarted-at";
/// Annotation on a release: `"true"` holds its rollouts where they are.
pub const PAUSE: &str = "beam-operator.io/pause";
/// Annotation on a release: a new value asks for the revision of this name or number, or for the previous one. What follows
/// an `@` makes it a new value.
pub const UNDO: &str = "beam-operator.io/undo";
/// Annotation on a release: any new value gives up the rollout that is under way.
pub const ABORT: &str = "beam-operator.io/abort";
/// Annotation on a release: any new value lets a rollout go on that waits for it.
pub const PROMOTE: &str = "beam-operator.io/promote";
/// Annotation on a ControllerRevision: how far it has come, as JSON.
pub const STAGE: &str = "beam-operator.io/stage";
/// Annotation on a release: any new value tries again what failed.
pub const RETRY: &str = "beam-operator.io/retry";
/// Annotation on a pod: the VM arguments for a remote shell beside the node.
pub const REMOTE_VM_ARGS: &str = "beam-operator.io/remote-vm-args";
/// Annotation on a pod: since when its node is asked to leave, for it is taken away for good.
pub const LEAVING: &str = "beam-operator.io/leaving";
/// Annotation on a pod: since when its node has left, and may be taken away. People may set it, to any value.
pub const LEFT: &str = "beam-operator.io/left";
/// Annotation on a pod: those of the lowest cost go first, among those that are ready or not alike.
/// <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost>
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// Annotation on a pod: the options of TLS, as a file that the VM reads.
pub const TLS_OPTIONS: &str = "beam-operator.io/tls-options";
/// Annotation on a pod: `Revision` where its node is to meet only those of its own revision.
pub const SCOPE: &str = "beam-operator.io/scope";
/// Annotation on a Secret with certificates of the operator's: when the operator looks at them again, in RFC 3339.
pub const RENEW_AT: &str = "beam-operator.io/renew-at";
/// Annotation on a Secret with certificates of the operator's: digest of the authorities that it holds.
pub const AUTHORITIES: &str = "beam-operator.io/authorities";

/// Annotation on a release: any new value asks for another cookie for its cluster.
pub const ROTATE_COOKIE: &str = "beam-operator.io/rotate-cookie";
/// Annotation on the Secret of a cookie while it is rotated: the release that asked for it, an equals sign, and its value.
pub const ROTATING_COOKIE: &str = "beam-operator.io/rotating-cookie";
/// First part of the annotations on the Secret of a cookie that say for which value of which release it was rotated.
pub const ROTATED_COOKIE: &str = "rotated-cookie.beam-operator.io/";

/// The annotation on the Secret of a cookie that says for which value of a release it was last rotated.
#[must_use]
pub fn rotated(release: &str) -> String {
    format!("{ROTATED_COOKIE}{release}")
}

/// Whether somebody holds the rollouts of the release.
#[must_use]
pub fn is_rollout_paused(release: &ElixirRelease) -> bool {
    release.annotations().get(PAUSE).is_some_and(|value| value == "true")
}

/// Condition and readiness gate of a pod: its node has met its cluster.
pub const MET: &str = "beam-operator.io/clustered";

/// Labels of a child that belongs to one release. Only distributed releases carry that of a cluster: it makes a pod a
/// peer, whom the headless Service lists and the NetworkPolicies let in.
#[must_use]
pub fn of_release(release: &ElixirRelease) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([(MANAGED_BY.to_owned(), MANAGER.to_owned())]);
    if names::is_distributed(release) {
        labels.insert(CLUSTER.to_owned(), names::cluster(release));
    }
    labels.insert(RELEASE.to_owned(), release.name_any());
    labels.insert(NAME.to_owned(), release.name_any());
    labels.insert(INSTANCE.to_owned(), release.name_any());
    labels
}

/// Labels of a child that the releases of a cluster share.
#[must_use]
pub fn of_cluster(cluster: &str) -> BTreeMap<String, String> {
    [(MANAGED_BY, MANAGER), (CLUSTER, cluster)].into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// The labels by which a release's pods are selected. They are immutable in a Deployment and in a StatefulSet, so nothing may be added here.
#[must_use]
pub fn pod_selector(release: &ElixirRelease) -> BTreeMap<String, String> {
    BTreeMap::from([(RELEASE.to_owned(), release.name_any())])
}

/// The labels by which the pods of a whole cluster are selected.
#[must_use]
pub fn cluster_selector(cluster: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(CLUSTER.to_owned(), cluster.to_owned())])
}

/// The labels by which the pods of one revision are selected, as peers of each other.
#[must_use]
pub fn revision_selector(release: &ElixirRelease, revision: &str) -> BTreeMap<String, String> {
    let mut labels = cluster_selector(&names::cluster(release));
    labels.extend(pod_selector(release));
    labels.insert(REVISION.to_owned(), revision.to_owned());
    labels
}

/// Whether a label is one that only the operator sets.
#[must_use]
pub fn is_ours(key: &str) -> bool {
    key == MANAGED_BY || key.split_once('/').is_some_and(|(prefix, _)| prefix == GROUP)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_lone_node_is_nobodys_peer() {
        let (member, lone) = ("cluster: {name: market}", "cluster: {name: market, distribution: Disabled}");

        assert_eq!(of_release(&fixture::release(member)).get(CLUSTER).map(String::as_str), Some("market"));
        assert_eq!(of_release(&fixture::release(lone)).get(CLUSTER), None);
    }
}
