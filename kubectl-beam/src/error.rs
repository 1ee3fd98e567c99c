//! What is told when the cluster cannot be asked or refuses: what failed, and what to do.

use std::time::Duration;

use beam_operator::api::ElixirRelease;
use beam_operator::operator::client::describe;
use kube::Resource as _;
use thiserror::Error;

/// Releases, as the API server calls them.
pub const RELEASES: &str = "elixirreleases.beam-operator.io";

/// Why the cluster gave no answer that can be used.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no kubeconfig, or it cannot be used.
    #[error("no cluster can be addressed: {0}. Look at --kubeconfig, --context and the variable KUBECONFIG")]
    Config(String),
    /// A proxy is configured.
    #[error(
        "the API server {server} is configured behind a proxy, by proxy-url in the kubeconfig or by HTTPS_PROXY, which is not \
         supported. Where it can be reached without: env -u HTTPS_PROXY -u https_proxy kubectl beam …"
    )]
    Proxy {
        /// Its address.
        server: String,
    },
    /// Nobody listens there, or it is not to be trusted.
    #[error(
        "the API server {server} cannot be reached: {why}. Is it the right one (--kubeconfig, --context)? kubectl \
         cluster-info asks it too"
    )]
    Unreachable {
        /// Its address.
        server: String,
        /// What happened.
        why: String,
    },
    /// It took too long.
    #[error("the API server {server} has not answered within {} s", limit.as_secs())]
    TimedOut {
        /// Its address.
        server: String,
        /// How long it had.
        limit: Duration,
    },
    /// The CRD is missing.
    #[error(
        "the CRD {RELEASES} is not installed in this cluster in the version {}: install beam-operator, or choose another \
         cluster with --context",
        ElixirRelease::version(&())
    )]
    NoCrd,
    /// No release has this name.
    #[error(
        "no ElixirRelease {name} in namespace {namespace}: kubectl beam status -n {namespace} lists those that there are, \
         kubectl beam status -A those of all namespaces"
    )]
    NoRelease {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// The user lacks a right.
    #[error("no permission to {call}: {said}. {}", role(.call.verb))]
    Forbidden {
        /// What was asked for.
        call: Call,
        /// What the API server said.
        said: String,
    },
    /// The release has a shape that this program does not know.
    #[error(
        "the ElixirRelease {name} in namespace {namespace} cannot be read by this version of kubectl beam: {why}. Look at it \
         with: kubectl get exr {name} -n {namespace} -o yaml"
    )]
    Unreadable {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
        /// What of it.
        why: String,
    },
    /// Anything else that the API server refused.
    #[error("failed to {call}: {why}")]
    Refused {
        /// What was asked for.
        call: Call,
        /// What the API server said.
        why: String,
        /// Whether it may be otherwise in a moment.
        is_passing: bool,
    },
}

impl Error {
    /// What a failed call means.
    pub fn of(error: &kube::Error, call: Call, server: &str) -> Self {
        let kube::Error::Api(status) = error else {
            return match error {
                kube::Error::Service(_) | kube::Error::HyperError(_) => {
                    Self::Unreachable { server: server.to_owned(), why: describe(error) }
                }
                _ => Self::Refused { call, why: describe(error), is_passing: false },
            };
        };
        let names_it = status.details.as_ref().is_some_and(|details| Some(&details.name) == call.name.as_ref());
        match (status.code, &call.name, &call.namespace) {
            (404, Some(name), Some(namespace)) if names_it => {
                Self::NoRelease { namespace: namespace.clone(), name: name.clone() }
            }
            (404, ..) if call.resource == RELEASES => Self::NoCrd,
            (403, ..) => Self::Forbidden { call, said: status.message.clone() },
            (code, ..) => Self::Refused { call, why: describe(error), is_passing: code == 429 || code >= 500 },
        }
    }

    /// Whether it may be otherwise in a moment, so that a wait goes on.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Refused { is_passing, .. } => *is_passing,
            _ => false,
        }
    }
}

/// What was asked of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The verb, as RBAC has it.
    pub verb: &'static str,
    /// The resource, with its group.
    pub resource: &'static str,
    /// The namespace, if it was one.
    pub namespace: Option<String>,
    /// The name, if it was one object.
    pub name: Option<String>,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => f.write_str(" in all namespaces"),
        }
    }
}

/// Who is allowed it.
fn role(verb: &str) -> &'static str {
    match verb {
        "patch" => "The ClusterRoles edit and admin allow it",
        _ => "The ClusterRoles view, edit and admin allow it",
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use rstest::rstest;

    use super::*;

    fn call(verb: &'static str, name: Option<&str>) -> Call {
        let name = name.map(ToOwned::to_owned);
        Call { verb, resource: RELEASES, namespace: name.is_some().then(|| "store".to_owned()), name }
    }

    fn status(code: u16, message: &str, name: &str) -> kube::Error {
        let details = serde_json::from_value(serde_json::json!({"name": name})).unwrap();
        kube::Error::Api(Status { details: Some(details), ..Status::failure(message, "Why").with_code(code) }.boxed())
    }

    #[rstest]
    #[case::no_release(
        status(404, "not found", "shop"),
        call("get", Some("shop")),
        false,
        "no ElixirRelease shop in namespace store: kubectl beam status -n store lists those that there are, kubectl beam \
         status -A those of all namespaces"
    )]
    #[case::no_crd(
        status(404, "404 page not found", ""),
        call("get", Some("shop")),
        false,
        "the CRD elixirreleases.beam-operator.io is not installed in this cluster in the version v1alpha1: install \
         beam-operator, or choose another cluster with --context"
    )]
    #[case::may_not_write(
        status(403, "User \"x\" cannot patch it", "shop"),
        call("patch", Some("shop")),
        false,
        "no permission to patch elixirreleases.beam-operator.io in namespace store: User \"x\" cannot patch it. The \
         ClusterRoles edit and admin allow it"
    )]
    #[case::may_not_read(
        status(403, "User \"x\" cannot list it", ""),
        call("list", None),
        false,
        "no permission to list elixirreleases.beam-operator.io in all namespaces: User \"x\" cannot list it. The \
         ClusterRoles view, edit and admin allow it"
    )]
    #[case::overloaded(
        status(503, "busy", ""),
        call("list", None),
        true,
        "failed to list elixirreleases.beam-operator.io in all namespaces: busy (Why, 503)"
    )]
    #[case::denied(
        status(422, "a webhook says no", "shop"),
        call("patch", Some("shop")),
        false,
        "failed to patch elixirreleases.beam-operator.io in namespace store: a webhook says no (Why, 422)"
    )]
    #[case::unreachable(
        kube::Error::Service("connection refused".into()), call("list", None), true,
        "the API server https://a:6443 cannot be reached: ServiceError: connection refused. Is it the right one \
         (--kubeconfig, --context)? kubectl cluster-info asks it too",
    )]
    fn a_failure_says_what_to_do(
        #[case] error: kube::Error,
        #[case] call: Call,
        #[case] is_passing: bool,
        #[case] told: &str,
    ) {
        let error = Error::of(&error, call, "https://a:6443");
        assert_eq!((error.to_string().as_str(), error.is_passing()), (told, is_passing));
    }
}
