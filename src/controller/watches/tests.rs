//! What the watches ask for, in which order, and what becomes of releases that come in.

use std::collections::VecDeque;

use http::{Request, Response};
use kube::client::Body;
use kube::runtime::reflector::store::{self, Store};
use rstest::rstest;
use serde_json::json;
use tower::service_fn;

use super::*;
use crate::controller::queue::Backlog;

/// A release as it is stored.
fn stored(name: &str, spec: &Value) -> Stored {
    let metadata = json!({"name": name, "namespace": "store", "uid": format!("uid-of-{name}"), "resourceVersion": "1"});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

#[rstest]
#[case::no_spec(json!(null), "spec: invalid type: null, expected struct")]
#[case::a_field_is_missing(json!({}), "spec: missing field `image`")]
#[case::a_field_has_another_type(json!({"image": 7}), "spec.image: invalid type: integer `7`, expected a string")]
#[case::deeper(json!({"image": "a", "cluster": {"name": []}}), "spec.cluster.name: invalid type: sequence")]
fn what_cannot_be_read_is_told_with_its_path(#[case] spec: Value, #[case] told: &str) {
    let unreadable = stored("shop", &spec).read().unwrap_err();
    assert!(unreadable.problem.starts_with(told), "{}", unreadable.problem);
}

#[test]
fn a_status_of_another_shape_is_none() {
    let release = |status: Value| {
        let metadata = json!({"name": "shop", "namespace": "store"});
        let release: Stored =
            serde_json::from_value(json!({"metadata": metadata, "spec": {"image": "a"}, "status": status})).unwrap();
        release.read().unwrap()
    };
    assert_eq!(release(json!({"replicas": "many"})).status, None);
    assert_eq!(release(json!({"replicas": 3})).status.unwrap().replicas, 3);
    assert_eq!(release(json!(null)).status, None);
}

fn releases() -> (Store<Stub>, Releases, Cache) {
    let (reader, writer) = store_of_stubs();
    (reader, Releases { store: writer, listing: false }, Cache::default())
}

fn store_of_stubs() -> (Store<Stub>, Writer<Stub>) {
    kube::runtime::reflector::store()
}

fn held(store: &Store<Stub>) -> Vec<String> {
    let mut names: Vec<_> = store.state().iter().filter_map(|stub| stub.metadata.name.clone()).collect();
    names.sort();
    names
}

/// kube looks at a release only if its store has it, and a list may take long.
#[tokio::test]
async fn a_release_can_be_looked_at_before_its_list_ends() {
    let (store, mut releases, mut cache) = releases();
    releases.on(&mut cache, Change::Begin);
    let concerned = releases.on(&mut cache, Change::Seen(stored("shop", &json!({"image": "a"}))));
    assert_eq!(concerned, [Key::new("store", "shop")]);
    assert_eq!(held(&store), ["shop"]);
    releases.on(&mut cache, Change::Seen(stored("blog", &json!({"image": "a"}))));
    releases.on(&mut cache, Change::End);
    assert_eq!(held(&store), ["blog", "shop"]);

    // The next list does not name one of them.
    releases.on(&mut cache, Change::Begin);
    releases.on(&mut cache, Change::Seen(stored("blog", &json!({"image": "a"}))));
    let gone = releases.on(&mut cache, Change::End);
    assert_eq!((gone, held(&store)), (vec![Key::new("store", "shop")], vec!["blog".to_owned()]));
    releases.on(&mut cache, Change::Gone(stored("blog", &json!({"image": "a"}))));
    assert_eq!((cache.releases.len(), held(&store).len()), (0, 0));
}

#[tokio::test]
async fn one_that_becomes_unreadable_stays_as_it_was_known() {
    let (_, mut releases, mut cache) = releases();
    releases.on(&mut cache, Change::Begin);
    releases.on(&mut cache, Change::Seen(stored("shop", &json!({"image": "a"}))));
    releases.on(&mut cache, Change::End);
    let known = cache.releases.get(&Key::new("store", "shop"));

    let concerned = releases.on(&mut cache, Change::Seen(stored("shop", &json!({"image": 7}))));
    assert_eq!(concerned, [Key::new("store", "shop")], "which is to tell so");
    assert_eq!(cache.releases.get(&Key::new("store", "shop")), known);
    // It is not taken for gone by a list that names it in a shape which cannot be read.
    releases.on(&mut cache, Change::Begin);
    releases.on(&mut cache, Change::Seen(stored("shop", &json!({"image": 7}))));
    assert_eq!(releases.on(&mut cache, Change::End), []);
    assert_eq!(cache.releases.get(&Key::new("store", "shop")), known);
}

/// What a list or a watch asked for.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    path: String,
    query: String,
    metadata_only: bool,
}

/// An API server with empty lists, and watches that never bring anything.
fn server() -> (Client, Arc<Mutex<VecDeque<Asked>>>) {
    let asked = Arc::<Mutex<VecDeque<Asked>>>::default();
    let record = asked.clone();
    let service = service_fn(move |request: Request<Body>| {
        let accept = request.headers().get(http::header::ACCEPT).map_or("", |accept| accept.to_str().unwrap());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let is_watch = query.contains("watch=true");
        let path = request.uri().path().to_owned();
        record.lock().unwrap().push_back(Asked { path, query, metadata_only: accept.contains("PartialObject") });
        async move {
            if is_watch {
                return std::future::pending().await;
            }
            let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "7"}, "items": []});
            Ok::<_, kube::Error>(Response::new(Body::from(list.to_string().into_bytes())))
        }
    });
    (Client::new(service, "store"), asked)
}

#[tokio::test]
async fn releases_are_listed_last_and_of_foreign_objects_only_metadata() {
    let (client, asked) = server();
    let metrics = Arc::new(Metrics::default());
    let (queue, _queued) = Queue::new(Backlog::new(metrics.clone()));
    let cache = Arc::default();
    let watches = Watches { client, namespace: Some("store".into()), cache, queue, metrics };
    let (_, writer): (_, store::Writer<Stub>) = store_of_stubs();
    let mut tasks = JoinSet::new();
    watches.start(&mut tasks, writer).await;

    let asked = asked.lock().unwrap();
    let lists: Vec<_> = asked.iter().filter(|asked| !asked.query.contains("watch=true")).collect();
    assert_eq!(lists.len(), ChildKind::ALL.len() + 4);
    let resources: Vec<_> = lists.iter().map(|list| list.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(resources[resources.len() - 5..], ["secrets", "pods", "secrets", "configmaps", "elixirreleases"]);
    for (list, resource) in lists.iter().zip(&resources) {
        assert!(list.path.contains("/namespaces/store/") && list.query.contains("limit=100"), "{list:?}");
        assert_eq!(list.metadata_only, ["secrets", "configmaps"].contains(resource), "{list:?}");
    }
    let (ours, others) = lists.split_at(ChildKind::ALL.len());
    let made_by_us = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dbeam-operator";
    assert!(ours.iter().all(|list| list.query.contains(made_by_us)), "{ours:?}");
    let selectors: Vec<_> = others.iter().map(|list| list.query.contains("labelSelector=")).collect();
    assert_eq!(selectors, [true, false, false, false], "pods of releases, and everything of the rest: {others:?}");
}
