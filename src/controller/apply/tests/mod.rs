//! Each step as the requests that it makes, against an API server that the test plays.

mod certificates;
mod children;
mod cookie;
mod notes;
mod pods;
mod revision_cookie;
mod rotation;
mod route;
mod server;

use serde_json::{Value, json};

use self::server::{Got, play};
use super::*;
use crate::controller::cache::{Cache, Group};
use crate::controller::fixture::parse;
use crate::controller::plan::Desired;
use crate::controller::view::Child;

/// A child of release `shop` as it should be.
fn desired(kind: ChildKind) -> Desired {
    let resource = kind.api_resource();
    let object = json!({
        "apiVersion": resource.api_version, "kind": resource.kind,
        "metadata": {"name": "shop", "namespace": "store", "labels": {"beam-operator.io/release": "shop"}},
        "spec": {"ours": true},
    });
    Desired { kind, name: "shop".to_owned(), group: Some(Group::Release(key())), object, digest: 7 }
}

/// What the API server has of it.
fn stored(kind: ChildKind) -> Value {
    let mut object = desired(kind).object;
    object["metadata"]["uid"] = json!("uid-of-child");
    object["metadata"]["resourceVersion"] = json!("5");
    object["metadata"]["managedFields"] =
        json!([{"manager": "beam-operator", "operation": "Apply", "fieldsV1": {"f:spec": {"f:ours": {}}}}]);
    object
}

/// An object of the same name that somebody else made.
fn foreign(kind: ChildKind) -> Value {
    let mut object = stored(kind);
    object["metadata"]["managedFields"] = json!([{"manager": "kubectl", "operation": "Update", "fieldsV1": {}}]);
    object
}

fn owner() -> Value {
    json!({"apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "name": "shop", "uid": "uid-of-shop"})
}

fn failed(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "as it is"});
    (code, status)
}

fn not_found() -> (u16, Value) {
    failed(404, "NotFound")
}

fn taken(kind: ChildKind, name: &str) -> Taken {
    Taken { kind, name: name.to_owned() }
}

fn key() -> Key {
    Key::new("store", "shop")
}

fn held(cache: &Cache) -> &[Child] {
    cache.children.of(&Group::Release(key()))
}

fn verbs(requests: &[Got]) -> Vec<&str> {
    requests.iter().map(|request| request.method.as_str()).collect()
}
