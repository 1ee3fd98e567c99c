//! What a release needs to find its peers by the Kubernetes API (libcluster's `Kubernetes` strategy in its modes other
//! than DNS): an account, the right to read pods and endpoints of its namespace, and the one bound to the other.
//!
//! libcluster takes a refusal for an empty cluster, so a missing right would show as nodes that never meet.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use kube::ResourceExt;

use super::{metadata, names};
use crate::api::{Discovery, ElixirRelease};

/// The objects that discovery by the Kubernetes API needs.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscoveryRbac {
    /// The account; `None` where the pods run as one that the user made.
    pub service_account: Option<ServiceAccount>,
    /// The rights.
    pub role: Role,
    /// The rights given to the account.
    pub role_binding: RoleBinding,
}

/// The objects for a release whose pods run as this account; `None` where discovery does not ask the Kubernetes API.
///
/// The account is that of the finished pod template, since `spec.podTemplate` has the last word on it.
#[must_use]
pub fn build(release: &ElixirRelease, account: &str) -> Option<DiscoveryRbac> {
    if !names::is_distributed(release) || release.spec.cluster.discovery != Discovery::Kubernetes {
        return None;
    }
    let name = names::discovery(release);
    let service_account = (account == name)
        .then(|| ServiceAccount { metadata: metadata::of_release(release, &name), ..ServiceAccount::default() });
    let role = Role {
        metadata: metadata::of_release(release, &name),
        rules: Some(vec![read("", &["endpoints", "pods"]), read("discovery.k8s.io", &["endpointslices"])]),
    };
    let role_binding = RoleBinding {
        metadata: metadata::of_release(release, &name),
        role_ref: RoleRef { api_group: "rbac.authorization.k8s.io".to_owned(), kind: "Role".to_owned(), name },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: account.to_owned(),
            namespace: release.namespace(),
            ..Subject::default()
        }]),
    };
    Some(DiscoveryRbac { service_account, role, role_binding })
}

/// libcluster polls: it gets and lists, and never watches.
fn read(group: &str, resources: &[&str]) -> PolicyRule {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(owned(&[group])),
        resources: Some(owned(resources)),
        verbs: owned(&["get", "list"]),
        ..PolicyRule::default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixture;
    use super::*;

    #[test]
    fn an_account_of_our_own() {
        let rbac = build(&fixture::release("cluster: {discovery: Kubernetes}"), "shop-discovery").unwrap();
        insta::assert_yaml_snapshot!((rbac.service_account, rbac.role, rbac.role_binding));
    }

    #[test]
    fn the_role_is_bound_to_an_account_of_the_user() {
        let rbac = build(&fixture::release("cluster: {discovery: Kubernetes}"), "clerk").unwrap();

        assert_eq!(rbac.service_account, None);
        assert_eq!(rbac.role_binding.subjects.unwrap()[0].name, "clerk");
        assert_eq!(rbac.role_binding.role_ref.name, "shop-discovery");
    }

    #[rstest]
    #[case::by_dns("cluster: {discovery: DNS}")]
    #[case::by_the_application("cluster: {discovery: None}")]
    #[case::lone_nodes("cluster: {discovery: Kubernetes, distribution: Disabled}")]
    fn nothing_where_nobody_asks_the_api(#[case] spec: &str) {
        assert_eq!(build(&fixture::release(spec), "default"), None);
    }
}
