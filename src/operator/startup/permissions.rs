//! Has the operator's service account the permissions that the operator uses?
//!
//! One [SelfSubjectRulesReview] a namespace answers for all of them. For a cluster-wide operator it is asked about a
//! namespace that does not exist: only what is granted in every namespace is granted there. An authorizer that cannot list
//! its rules says that the list is incomplete; then each permission that the list lacks is asked for by itself.
//!
//! [SelfSubjectRulesReview]: https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-rules-review-v1/

use std::fmt;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SelfSubjectRulesReview,
    SelfSubjectRulesReviewSpec, SubjectRulesReviewStatus,
};
use kube::api::{Api, PostParams};
use kube::{Client, Error};

/// Where a permission is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In every namespace that is watched.
    Watched,
    /// In the operator's own namespace, when leader election is on.
    Own,
}

/// Verbs that the operator uses on a resource.
#[derive(Clone, Copy, Debug)]
pub struct Permission {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Resource in the plural, with a subresource as in `elixirreleases/status`.
    pub resource: &'static str,
    /// What is done to it.
    pub verbs: &'static [&'static str],
    /// Where.
    pub place: Place,
}

/// What no namespace can be called, so that only permissions in all namespaces are found in it.
const NO_NAMESPACE: &str = "cluster-wide.beam-operator.io";

/// The permissions of `needed` that are missing in `namespace` (`None`: in all namespaces), a sentence each. Permissions
/// that are restricted to objects called `name` are enough.
///
/// # Errors
/// When the API server does not answer.
pub(super) async fn missing(
    client: &Client,
    namespace: Option<&str>,
    needed: &[Permission],
    name: Option<&str>,
) -> Result<Vec<String>, Error> {
    let rules = review(client, namespace).await?;
    let mut problems = Vec::new();
    for permission in needed {
        let mut verbs: Vec<&str> = permission.verbs.to_vec();
        verbs.retain(|verb| !rules.resource_rules.iter().any(|rule| permission.granted_by(rule, verb, name)));
        if rules.incomplete {
            verbs = refused(client, namespace, permission, &verbs, name).await?;
        }
        if !verbs.is_empty() {
            let place = namespace.map_or("all namespaces".to_owned(), |name| format!("namespace {name}"));
            problems.push(format!("no permission to {} {permission} in {place}", verbs.join(", ")));
        }
    }
    Ok(problems)
}

async fn review(client: &Client, namespace: Option<&str>) -> Result<SubjectRulesReviewStatus, Error> {
    let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.unwrap_or(NO_NAMESPACE).to_owned()) };
    let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await?;
    // An answer without a list is taken for an incomplete one, which is asked about in detail.
    Ok(answer.status.unwrap_or(SubjectRulesReviewStatus { incomplete: true, ..SubjectRulesReviewStatus::default() }))
}

/// Those of `verbs` that the API server, asked one by one, does not allow.
async fn refused<'a>(
    client: &Client,
    namespace: Option<&str>,
    permission: &Permission,
    verbs: &[&'a str],
    name: Option<&str>,
) -> Result<Vec<&'a str>, Error> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let (resource, subresource) = permission.parts();
    let mut refused = Vec::new();
    for verb in verbs {
        let attributes = ResourceAttributes {
            group: Some(permission.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: subresource.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            name: name.filter(|_| *verb != "create").map(str::to_owned),
            verb: Some((*verb).to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let answer = reviews.create(&PostParams::default(), &review).await?;
        if !answer.status.is_some_and(|status| status.allowed) {
            refused.push(*verb);
        }
    }
    Ok(refused)
}

impl Permission {
    /// The resource and its subresource.
    fn parts(&self) -> (&'static str, Option<&'static str>) {
        self.resource.split_once('/').map_or((self.resource, None), |(resource, sub)| (resource, Some(sub)))
    }

    fn granted_by(&self, rule: &ResourceRule, verb: &str, name: Option<&str>) -> bool {
        let any_resource = self.parts().1.map(|subresource| format!("*/{subresource}"));
        let resources = rule.resources.iter().flatten();
        let names = rule.resource_names.as_deref().unwrap_or_default();
        has(rule.api_groups.as_deref(), self.group)
            && has(Some(&rule.verbs), verb)
            && resources.into_iter().any(|granted| {
                granted == "*" || granted == self.resource || any_resource.as_ref() == Some(granted)
            })
            // An object that is created has no name yet, so a list of names never grants that.
            && (names.is_empty() || verb != "create" && name.is_some_and(|name| names.iter().any(|n| n == name)))
    }
}

/// Whether a list of a rule contains `wanted` or everything.
fn has(granted: Option<&[String]>, wanted: &str) -> bool {
    granted.unwrap_or_default().iter().any(|granted| granted == "*" || granted == wanted)
}

impl fmt::Display for Permission {
    /// The resource as kubectl takes it: `deployments.apps`, `elixirreleases.beam-operator.io/status`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (resource, subresource) = self.parts();
        f.write_str(resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        subresource.map_or(Ok(()), |subresource| write!(f, "/{subresource}"))
    }
}
