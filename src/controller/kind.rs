//! The kinds of children a release can have.

use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::{Api, Client};

use crate::api::{ElixirRelease, WorkloadKind};

/// A kind of object that the operator makes for a release.
///
/// The order is the order in which they are applied: what a pod refers to comes before the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChildKind {
    /// Holds the cookie.
    Secret,
    /// The headless Service of the cluster and the traffic Service of the release.
    Service,
    /// Who the pods are when they read the Kubernetes API.
    ServiceAccount,
    /// What they may read.
    Role,
    /// Gives them the Role.
    RoleBinding,
    /// Who may reach the pods.
    NetworkPolicy,
    /// What a revision was rendered to.
    ControllerRevision,
    /// Migrates, once for each revision.
    Job,
    /// Runs the pods.
    Deployment,
    /// Runs the pods under names of their own.
    StatefulSet,
    /// Limits evictions.
    PodDisruptionBudget,
    /// Scales the release.
    HorizontalPodAutoscaler,
}

impl ChildKind {
    /// Every kind, in the order in which they are applied.
    pub const ALL: [Self; 12] = [
        Self::Secret,
        Self::Service,
        Self::ServiceAccount,
        Self::Role,
        Self::RoleBinding,
        Self::NetworkPolicy,
        Self::ControllerRevision,
        Self::Job,
        Self::Deployment,
        Self::StatefulSet,
        Self::PodDisruptionBudget,
        Self::HorizontalPodAutoscaler,
    ];

    /// The kinds that run pods. A release asks for one of them, and has both while it changes from one to the other.
    pub const WORKLOADS: [Self; 2] = [Self::Deployment, Self::StatefulSet];

    /// The kind that runs the pods of a release.
    #[must_use]
    pub fn of_workload(release: &ElixirRelease) -> Self {
        match release.spec.workload.kind {
            WorkloadKind::Deployment => Self::Deployment,
            WorkloadKind::StatefulSet => Self::StatefulSet,
        }
    }

    /// The kind as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.parts().2
    }

    /// How the API addresses the kind.
    #[must_use]
    pub fn api_resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.parts();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// A client for the kind in one namespace.
    #[must_use]
    pub fn api(self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.api_resource())
    }

    fn parts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Secret => ("", "v1", "Secret", "secrets"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::Role => ("rbac.authorization.k8s.io", "v1", "Role", "roles"),
            Self::RoleBinding => ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
            Self::ControllerRevision => ("apps", "v1", "ControllerRevision", "controllerrevisions"),
            Self::Job => ("batch", "v1", "Job", "jobs"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::PodDisruptionBudget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            Self::HorizontalPodAutoscaler => {
                ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
            }
        }
    }
}
