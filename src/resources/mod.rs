//! The children of a release: a pure builder a kind, its test and snapshot beside it.
//!
//! A builder takes a release that passed `controller::validate` and cannot fail; it holds no client. Each returns the
//! whole object that the operator owns and nothing it does not: what is left out belongs to others.

pub mod autoscaler;
pub mod claims;
pub mod controller_revision;
pub mod cookie;
pub mod deployment;
pub mod discovery_rbac;
pub mod disruption_budget;
#[cfg(test)]
pub(crate) mod fixture;
pub mod headless_service;
pub mod labels;
pub mod merge;
pub mod metadata;
pub mod migration;
pub mod names;
pub mod network_policy;
pub mod pod;
pub mod problem;
pub mod reference;
pub mod revision_cookie;
pub mod stateful_set;
pub mod strict;
pub mod syntax;
pub mod tls;
pub mod traffic_service;

pub use metadata::owner;

/// What has to be known of the operator and its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// DNS domain of the Kubernetes cluster, such as `cluster.local`.
    pub cluster_domain: String,
    /// Namespace in which the operator runs; `None` outside a cluster.
    pub operator_namespace: Option<String>,
    /// Whether it looks at nodes; it does not with `--observation=false`.
    pub observes: bool,
}

impl Default for Facts {
    fn default() -> Self {
        Self { cluster_domain: "cluster.local".to_owned(), operator_namespace: None, observes: true }
    }
}
