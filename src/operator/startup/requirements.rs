//! What this operator needs of the cluster it is installed in. The chart and the manifests install and grant the same.

use super::{CustomResource, Permission, Place};

/// The custom resource that the operator serves.
pub const CUSTOM_RESOURCE: CustomResource =
    CustomResource { group: "beam-operator.io", version: "v1alpha1", plural: "elixirreleases" };

/// A child is created and changed by server-side apply, which is `create` and `patch`; one that is in the way is looked
/// at with `get`. It is deleted when the release stops asking for it.
const CHILD: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
const READ: &[&str] = &["list", "watch"];

/// Everything the operator asks of the API server.
pub const PERMISSIONS: &[Permission] = &[
    watched("beam-operator.io", "elixirreleases", READ),
    watched("beam-operator.io", "elixirreleases/status", &["patch"]),
    watched("", "pods", READ),
    watched("", "pods/status", &["patch"]),
    watched("", "pods/eviction", &["create"]),
    watched("", "services", CHILD),
    watched("", "secrets", CHILD),
    watched("", "configmaps", &["get", "list", "watch"]),
    watched("", "serviceaccounts", CHILD),
    watched("apps", "deployments", CHILD),
    watched("apps", "statefulsets", CHILD),
    watched("apps", "controllerrevisions", CHILD),
    watched("batch", "jobs", CHILD),
    watched("policy", "poddisruptionbudgets", CHILD),
    watched("networking.k8s.io", "networkpolicies", CHILD),
    watched("autoscaling", "horizontalpodautoscalers", CHILD),
    watched("rbac.authorization.k8s.io", "roles", CHILD),
    watched("rbac.authorization.k8s.io", "rolebindings", CHILD),
    watched("events.k8s.io", "events", &["create"]),
    Permission {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["get", "create", "patch"],
        place: Place::Own,
    },
];

/// What it asks in addition where a release names an HTTPRoute (`rollout.canary.httpRoute`). It works without: such a
/// release is told.
pub const FOR_ROUTES: Permission = watched("gateway.networking.k8s.io", "httproutes", &["list", "watch", "patch"]);

const fn watched(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Permission {
    Permission { group, resource, verbs, place: Place::Watched }
}
