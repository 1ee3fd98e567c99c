//! An API server that knows one Lease, with the rules that matter: versions, preconditions, conflicts.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::{BoxError, service_fn};

/// What becomes of the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    /// The connection breaks before the request arrives.
    Refused,
    /// The request is carried out, and the answer gets lost.
    Unheard,
    /// The request is carried out, and the answer never comes.
    Hanging,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) lease: Option<Value>,
    /// Every request: method, and for a patch its body.
    pub(super) requests: Vec<(Method, Value)>,
    version: u64,
}

#[derive(Clone, Default)]
pub(super) struct LeaseServer {
    state: Arc<Mutex<State>>,
}

impl LeaseServer {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn holder(&self) -> Option<String> {
        self.state().lease.as_ref()?["spec"]["holderIdentity"].as_str().map(str::to_owned)
    }

    /// Changes the Lease, as somebody with kubectl would.
    pub(super) fn edit(&self, patch: &Value) {
        let mut state = self.state();
        let version = state.next_version();
        let lease = state.lease.as_mut().unwrap();
        merge(lease, patch);
        lease["metadata"]["resourceVersion"] = json!(version);
    }

    /// A client whose requests meet the fate that `fate` chooses.
    pub(super) fn client(&self, fate: impl FnMut() -> Fate + Send + 'static) -> Client {
        let (server, fate) = (self.clone(), Arc::new(Mutex::new(fate)));
        let service = service_fn(move |request: Request<Body>| {
            let fate = (fate.lock().unwrap())();
            let server = server.clone();
            async move {
                if fate == Fate::Refused {
                    return Err(BoxError::from("connection refused"));
                }
                let method = request.method().clone();
                let body = request.into_body().collect_bytes().await?;
                let body = serde_json::from_slice(&body).unwrap_or_default();
                let (status, answer) = server.state().handle(method, body);
                match fate {
                    Fate::Unheard => return Err(BoxError::from("connection reset")),
                    Fate::Hanging => tokio::time::sleep(Duration::from_hours(24)).await,
                    Fate::Answered | Fate::Refused => tokio::time::sleep(Duration::from_millis(3)).await,
                }
                Ok(Response::builder().status(status).body(Body::from(answer.to_string().into_bytes())).unwrap())
            }
        });
        Client::new(service, "beam-system")
    }
}

impl State {
    fn next_version(&mut self) -> String {
        self.version += 1;
        self.version.to_string()
    }

    fn handle(&mut self, method: Method, body: Value) -> (u16, Value) {
        self.requests.push((method.clone(), body.clone()));
        match (method, &self.lease) {
            (Method::POST, Some(_)) => status(409, "AlreadyExists"),
            (Method::POST, None) => self.store(body),
            (_, None) => status(404, "NotFound"),
            (Method::GET, Some(lease)) => (200, lease.clone()),
            (Method::PATCH, Some(lease)) => {
                let precondition = &body["metadata"]["resourceVersion"];
                assert!(precondition.is_string(), "a lease is patched without resourceVersion: {body}");
                if *precondition != lease["metadata"]["resourceVersion"] {
                    return status(409, "Conflict");
                }
                let mut patched = lease.clone();
                merge(&mut patched, &body);
                self.store(patched)
            }
            (method, Some(_)) => panic!("unexpected {method}"),
        }
    }

    fn store(&mut self, mut lease: Value) -> (u16, Value) {
        lease["metadata"]["resourceVersion"] = json!(self.next_version());
        self.lease = Some(lease.clone());
        (200, lease)
    }
}

fn status(code: u16, reason: &str) -> (u16, Value) {
    (code, json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason}))
}

/// A JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}
