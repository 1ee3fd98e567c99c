//! The objects that are made for a measurement.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::api_server::ApiServer;
use super::plain::PlainRequest;

/// Where the releases are.
pub(super) const RELEASES: &str = "releases";
/// Where copies of them and their children are made by plain requests.
pub(super) const COPIES: [&str; 2] = ["applied-copies", "posted-copies"];

/// How many namespaces the objects of others are spread over.
const FOREIGN_NAMESPACES: u32 = 10;
/// Bytes in an object of others: nothing of them may ever reach the operator.
const FOREIGN_SIZE: usize = 2048;

/// The API of the releases.
const API: (&str, &str) = ("/apis/beam-operator.io/v1alpha1", "elixirreleases");

/// The kinds of children, as the API server has them in its paths.
const CHILDREN: &[(&str, &str)] = &[
    ("/api/v1", "secrets"),
    ("/api/v1", "services"),
    ("/api/v1", "serviceaccounts"),
    ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    ("/apis/networking.k8s.io/v1", "networkpolicies"),
    ("/apis/apps/v1", "controllerrevisions"),
    ("/apis/apps/v1", "deployments"),
    ("/apis/apps/v1", "statefulsets"),
    ("/apis/policy/v1", "poddisruptionbudgets"),
    ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
];

/// Every namespace that is needed.
pub(super) fn namespaces() -> Vec<String> {
    (0..FOREIGN_NAMESPACES)
        .map(foreign_namespace)
        .chain([RELEASES].iter().chain(&COPIES).map(ToString::to_string))
        .collect()
}

/// What makes a namespace.
pub(super) fn namespace(name: &str) -> PlainRequest {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    PlainRequest::create("/api/v1/namespaces".to_owned(), body)
}

/// What makes an object of somebody else, by turns a Secret and a ConfigMap.
pub(super) fn foreign(number: u32) -> PlainRequest {
    let namespace = foreign_namespace(number / 2 % FOREIGN_NAMESPACES);
    let (plural, kind, field) = match number % 2 {
        0 => ("secrets", "Secret", "stringData"),
        _ => ("configmaps", "ConfigMap", "data"),
    };
    let body = json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": format!("foreign-{number:05}"), "labels": {"app.kubernetes.io/name": "foreign"}},
        field: {"config": "x".repeat(FOREIGN_SIZE)},
    });
    PlainRequest::create(format!("/api/v1/namespaces/{namespace}/{plural}"), body)
}

fn foreign_namespace(number: u32) -> String {
    format!("foreign-{number}")
}

/// The release of this number: what a stock Phoenix application needs.
pub(super) fn release(number: u32) -> Value {
    json!({
        "apiVersion": "beam-operator.io/v1alpha1",
        "kind": "ElixirRelease",
        "metadata": {"name": release_name(number), "namespace": RELEASES},
        "spec": {
            "image": "registry.example.com/shop:1",
            "replicas": 3,
            "ports": [{"name": "http", "containerPort": 4000}],
        },
    })
}

/// What makes that release.
pub(super) fn new_release(number: u32) -> PlainRequest {
    PlainRequest::create(releases_path(), release(number))
}

/// What gives that release another image.
pub(super) fn new_image(number: u32) -> PlainRequest {
    let path = format!("{}/{}", releases_path(), release_name(number));
    PlainRequest::change(path, json!({"spec": {"image": "registry.example.com/shop:2"}}))
}

fn release_name(number: u32) -> String {
    format!("shop-{number:04}")
}

fn releases_path() -> String {
    path(API, RELEASES)
}

fn path((group, plural): (&str, &str), namespace: &str) -> String {
    format!("{group}/namespaces/{namespace}/{plural}")
}

/// What makes a copy of each of these releases in another namespace.
pub(super) fn copied_releases(namespace: &str, count: u32) -> impl Iterator<Item = PlainRequest> {
    let path = path(API, namespace);
    (0..count).map(move |number| PlainRequest::create(path.clone(), bare(release(number))))
}

/// What makes a copy of every child of the releases in another namespace, as the API server has them now.
pub(super) fn copied_children(api_server: &ApiServer, namespace: &str) -> Result<Vec<PlainRequest>> {
    let mut copies = Vec::new();
    for &resource in CHILDREN {
        let selector = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dbeam-operator";
        let mut list = api_server.get(&format!("{}?{selector}", path(resource, RELEASES)))?;
        // The items of a list do not say what they are.
        let kind = list["kind"].as_str().and_then(|kind| kind.strip_suffix("List")).unwrap_or_default().to_owned();
        let version = list["apiVersion"].take();
        let items = list["items"].as_array_mut().with_context(|| format!("the list of {} has no items", resource.1))?;
        copies.extend(items.iter_mut().map(|item| {
            let copy = copy(item.take(), &version, &kind);
            PlainRequest::create(path(resource, namespace), copy)
        }));
    }
    ensure!(!copies.is_empty(), "the operator made nothing");
    Ok(copies)
}

/// What gives each copied release in another namespace the status that its original has now.
pub(super) fn copied_statuses(api_server: &ApiServer, namespace: &str) -> Result<Vec<PlainRequest>> {
    let mut list = api_server.get(&releases_path())?;
    let items = list["items"].as_array_mut().context("the list of releases has no items")?;
    let statuses = items.iter_mut().map(|item| {
        let name = item["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("{}/{name}/status", path(API, namespace));
        PlainRequest::change(path, json!({"status": item["status"].take()}))
    });
    Ok(statuses.collect())
}

/// These requests, with server-side apply where the operator does so: for all children but the cookie, which is posted.
pub(super) fn as_the_operator_does(children: Vec<PlainRequest>) -> impl Iterator<Item = PlainRequest> {
    children.into_iter().map(|child| if child.is_about("secrets") { child } else { child.into_apply() })
}

/// The object without what the API server set.
fn copy(object: Value, version: &Value, kind: &str) -> Value {
    let mut object = bare(object);
    object["apiVersion"] = version.clone();
    object["kind"] = kind.into();
    object
}

fn bare(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.remove("status");
    }
    if let Value::Object(metadata) = &mut object["metadata"] {
        for field in ["namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
            metadata.remove(field);
        }
    }
    // An address that was assigned is taken; `None` was asked for.
    if object["spec"]["clusterIP"].as_str().is_some_and(|address| address != "None")
        && let Value::Object(spec) = &mut object["spec"]
    {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_what_was_asked_for() {
        let live = |address: &str| {
            json!({
                "metadata": {"name": "shop", "namespace": "store", "uid": "1", "resourceVersion": "2", "labels": {"a": "b"}},
                "spec": {"clusterIP": address, "clusterIPs": [address], "type": "ClusterIP"},
                "status": {"loadBalancer": {}},
            })
        };
        let metadata = json!({"name": "shop", "labels": {"a": "b"}});
        assert_eq!(bare(live("10.0.0.1")), json!({"metadata": metadata, "spec": {"type": "ClusterIP"}}));
        assert_eq!(bare(live("None"))["spec"]["clusterIP"], "None");
    }

    #[test]
    fn objects_of_others_are_half_secrets_and_in_every_namespace() {
        let requests: Vec<_> = (0..40).map(foreign).collect();
        assert_eq!(requests.iter().filter(|request| request.path.ends_with("/secrets")).count(), 20);
        for namespace in namespaces().iter().filter(|name| name.starts_with("foreign")) {
            assert_eq!(requests.iter().filter(|request| request.path.contains(&format!("/{namespace}/"))).count(), 4);
        }
    }
}
