//! What a request asks of the API server, read from its method and path.
//!
//! The paths are those of the [API concepts](https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris),
//! the verbs those that the API server uses in its own metrics and audit log.

use http::header::CONTENT_TYPE;
use http::{Method, Request};

/// Resources that are told apart; any other is `other`, so that the number of time series stays known.
const RESOURCES: &[&str] = &[
    "configmaps",
    "controllerrevisions",
    "customresourcedefinitions",
    "deployments",
    "elixirreleases",
    "endpointslices",
    "events",
    "horizontalpodautoscalers",
    "httproutes",
    "jobs",
    "leases",
    "namespaces",
    "networkpolicies",
    "nodes",
    "persistentvolumeclaims",
    "poddisruptionbudgets",
    "pods",
    "replicasets",
    "rolebindings",
    "roles",
    "secrets",
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "serviceaccounts",
    "services",
    "statefulsets",
];

/// Subresources that are told apart.
const SUBRESOURCES: &[&str] = &["eviction", "scale", "status"];

const OTHER: &str = "other";

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read many objects.
    List,
    /// Follow the changes of objects.
    Watch,
    /// Create an object.
    Create,
    /// Replace an object.
    Update,
    /// Change parts of an object.
    Patch,
    /// Change parts of an object by server-side apply, or create it.
    Apply,
    /// Delete one object.
    Delete,
    /// Delete many objects.
    DeleteCollection,
    /// None of these.
    Other,
}

impl Verb {
    /// The verb as the API server writes it, in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Apply => "apply",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Other => OTHER,
        }
    }
}

/// A request to the API server without names: what it does to which kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// What is done.
    pub verb: Verb,
    /// The resource in the plural, `discovery` for the lists of groups and resources, or `other`.
    pub resource: &'static str,
    /// The subresource, `other`, or nothing.
    pub subresource: &'static str,
    /// For a watch, how many seconds the server was asked to let it run.
    pub watch_seconds: Option<u64>,
}

impl ApiCall {
    /// Reads the call from the head of a request whose path begins at the API server's root.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        let uri = request.uri();
        let apply = request
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/apply-patch"));
        let target = Target::of(uri.path());
        let query = uri.query().unwrap_or_default();
        let watch = query_value(query, "watch").is_some_and(|value| value == "true" || value == "1");
        let verb = verb(request.method(), &target, watch, apply);
        let timeout = query_value(query, "timeoutSeconds").and_then(|seconds| seconds.parse().ok());
        Self {
            verb,
            resource: target.resource,
            subresource: target.subresource,
            watch_seconds: timeout.filter(|_| verb == Verb::Watch),
        }
    }
}

fn query_value<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find_map(|(k, value)| (k == key).then_some(value))
}

fn verb(method: &Method, target: &Target, watch: bool, apply: bool) -> Verb {
    match *method {
        Method::GET if watch => Verb::Watch,
        Method::GET if target.one => Verb::Get,
        Method::GET => Verb::List,
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH if apply => Verb::Apply,
        Method::PATCH => Verb::Patch,
        Method::DELETE if target.one => Verb::Delete,
        Method::DELETE => Verb::DeleteCollection,
        _ => Verb::Other,
    }
}

/// What a path points at.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    resource: &'static str,
    subresource: &'static str,
    /// Whether it is one object, not a collection.
    one: bool,
}

impl Target {
    fn of(path: &str) -> Self {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let in_group = match segments.next() {
            Some("api") => segments.next().is_some(),
            Some("apis") => segments.next().is_some() && segments.next().is_some(),
            _ => return Self { resource: OTHER, subresource: "", one: true },
        };
        let rest: Vec<&str> = segments.collect();
        if !in_group || rest.is_empty() {
            return Self { resource: "discovery", subresource: "", one: true };
        }
        Self::in_group(&rest)
    }

    /// Reads `[namespaces, NAMESPACE,] RESOURCE [, NAME [, SUBRESOURCE …]]`.
    fn in_group(segments: &[&str]) -> Self {
        let segments = match segments {
            // The subresources of a Namespace look like the resources inside one.
            ["namespaces", _, "status" | "finalize", ..] => segments,
            ["namespaces", _, namespaced @ ..] if !namespaced.is_empty() => namespaced,
            _ => segments,
        };
        let resource = segments.first().map_or(OTHER, |name| known(RESOURCES, name));
        let subresource = segments.get(2).map_or("", |name| known(SUBRESOURCES, name));
        Self { resource, subresource, one: segments.len() > 1 }
    }
}

fn known(list: &[&'static str], name: &str) -> &'static str {
    list.iter().find(|known| **known == name).copied().unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("GET", "/api/v1/namespaces/store/pods/shop-0", "get pods")]
    #[case("GET", "/api/v1/namespaces/store/pods?limit=100", "list pods")]
    #[case("GET", "/api/v1/pods?labelSelector=a%3Db&watch=true&timeoutSeconds=290", "watch pods 290")]
    #[case("GET", "/api/v1/pods?watch=false&timeoutSeconds=290", "list pods")]
    #[case("GET", "/api/v1/namespaces", "list namespaces")]
    #[case("GET", "/api/v1/namespaces/store", "get namespaces")]
    #[case("PUT", "/api/v1/namespaces/store/finalize", "update namespaces/other")]
    #[case("PATCH", "/api/v1/namespaces/store/status", "patch namespaces/status")]
    #[case("POST", "/api/v1/namespaces/store/secrets", "create secrets")]
    #[case("POST", "/api/v1/namespaces/store/pods/shop-0/eviction", "create pods/eviction")]
    #[case("GET", "/api/v1/namespaces/store/pods/shop-0/log", "get pods/other")]
    #[case("POST", "/apis/events.k8s.io/v1/namespaces/store/events", "create events")]
    #[case("DELETE", "/apis/apps/v1/namespaces/store/deployments/shop", "delete deployments")]
    #[case("DELETE", "/apis/apps/v1/namespaces/store/deployments", "deletecollection deployments")]
    #[case(
        "PATCH",
        "/apis/beam-operator.io/v1alpha1/namespaces/store/elixirreleases/shop/status",
        "patch elixirreleases/status"
    )]
    #[case("GET", "/apis/beam-operator.io/v1alpha1/elixirreleases?watch=1", "watch elixirreleases")]
    #[case("GET", "/apis/beam-operator.io/v1alpha1", "get discovery")]
    #[case("GET", "/apis/beam-operator.io", "get discovery")]
    #[case("GET", "/apis", "get discovery")]
    #[case("GET", "/api/v1", "get discovery")]
    #[case("GET", "/apis/example.com/v1/widgets", "list other")]
    #[case("GET", "/version", "get other")]
    #[case("GET", "/", "get other")]
    #[case("OPTIONS", "/api/v1/pods", "other pods")]
    fn a_call_is_read_from_its_path(#[case] method: &str, #[case] path: &str, #[case] expect: &str) {
        let call = ApiCall::of(&Request::builder().method(method).uri(path).body(()).unwrap());
        let slash = if call.subresource.is_empty() { "" } else { "/" };
        let seconds = call.watch_seconds.map_or(String::new(), |seconds| format!(" {seconds}"));
        let text = format!("{} {}{slash}{}{seconds}", call.verb.as_str(), call.resource, call.subresource);
        assert_eq!(text, expect);
    }

    #[test]
    fn apply_is_told_from_patch() {
        let request = Request::patch("/apis/apps/v1/namespaces/store/deployments/shop");
        let request = request.header(CONTENT_TYPE, "application/apply-patch+yaml").body(()).unwrap();
        assert_eq!(ApiCall::of(&request).verb, Verb::Apply);
    }

    #[test]
    fn the_lists_are_sorted() {
        assert!(RESOURCES.is_sorted());
        assert!(SUBRESOURCES.is_sorted());
    }
}
