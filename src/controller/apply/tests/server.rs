//! An API server that answers what it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tower_test::mock;

use super::super::{Applier, Error, Outcome};
use super::key;
use crate::controller::cache::Cache;
use crate::controller::plan::{Plan, Step};
use crate::controller::queue::{Backlog, Queue};
use crate::leaver::Leaver;
use crate::resources::tls::renewal::Lifetimes;

/// A request as it came.
#[derive(Debug)]
pub struct Got {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

/// Applies a plan of these steps while the requests are answered in turn. Every answer must be asked for, and nothing
/// else.
pub async fn play(steps: Vec<Step>, answers: Vec<(u16, Value)>) -> (Vec<Got>, Result<Outcome, Error>, Cache) {
    let (service, mut handle) = mock::pair::<Request<Body>, Response<Body>>();
    let server = tokio::spawn(async move {
        let mut requests = Vec::new();
        for (status, answer) in answers {
            let (request, respond) = handle.next_request().await.expect("a request for every answer");
            requests.push(got(request).await);
            let body = Body::from(answer.to_string().into_bytes());
            respond.send_response(Response::builder().status(status).body(body).unwrap());
        }
        let unexpected = handle.next_request().await.map(|(request, _)| request.uri().clone());
        assert_eq!(unexpected, None);
        requests
    });

    let cache = Mutex::new(Cache::default());
    let client = Client::new(service, "store");
    let (queue, _) = Queue::new(Backlog::new(Arc::default()));
    let applier = Applier {
        client: &client,
        cache: &cache,
        key: &key(),
        uid: "uid-of-shop",
        lifetimes: &Lifetimes::default(),
        observer: None,
        leaver: &Leaver::new(Client::new(mock::pair::<Request<Body>, Response<Body>>().0, "store"), queue),
        restarts: &Mutex::default(),
    };
    let outcome = applier.apply(Plan { steps, ..Plan::default() }).await;
    drop(client);
    (server.await.unwrap(), outcome, cache.into_inner().unwrap())
}

async fn got(request: Request<Body>) -> Got {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    Got {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: query.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        headers: headers.collect(),
        body: serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap_or_default(),
    }
}
