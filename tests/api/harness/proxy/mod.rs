//! An HTTP server between the operator and the API server: it records every request and breaks those that it is told to.
//!
//! Watches stream through it. The operator speaks plain HTTP to it and has no credentials; the proxy adds its own.

mod body;
mod fault;
mod request;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::to_bytes;
use axum::http::{self, HeaderMap, header::CONTENT_LENGTH};
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::BoxError;

use body::Passing;
use fault::Rule;
pub use fault::{Fault, Strikes};
pub use request::Request;

use super::operator::scratch;
use super::wait::DEADLINE;

/// How long nothing may be asked, and no watch may bring anything, for the operator to count as at rest.
const QUIET: Duration = Duration::from_secs(1);

/// The length of the longest text that can be listened for.
const LONGEST_MARK: usize = 64;

/// The server. It ends with the test's runtime.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

type Rewrite = Box<dyn Fn(&Request, &mut Value) + Send>;

struct Shared {
    client: Client,
    record: Mutex<Vec<Request>>,
    rules: Mutex<Vec<Rule>>,
    rewrite: Mutex<Option<Rewrite>>,
    /// How many requests are being answered, watches and those for a Lease apart. News of a watch mark it as changed.
    under_way: watch::Sender<usize>,
    /// The text that some watch is to bring, until it has.
    awaited: watch::Sender<Option<String>>,
    /// Counts the cuts of the open watches.
    cut: watch::Sender<usize>,
    /// How many writes still pass; then everything is refused.
    writes_left: Mutex<Option<usize>>,
    refusing: watch::Sender<bool>,
}

impl Proxy {
    /// A proxy to the API server that a client talks to.
    pub async fn to(client: Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            client,
            record: Mutex::default(),
            rules: Mutex::default(),
            rewrite: Mutex::default(),
            under_way: watch::Sender::new(0),
            awaited: watch::Sender::new(None),
            cut: watch::Sender::new(0),
            writes_left: Mutex::default(),
            refusing: watch::Sender::new(false),
        });
        tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { address, shared }
    }

    /// A kubeconfig that leads to it.
    pub fn kubeconfig(&self) -> PathBuf {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        });
        let path = scratch(&format!("kubeconfig-{}", self.address.port()));
        std::fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// Lets a fault strike the next `times` requests of some sort, and returns what becomes of that.
    pub fn fail(&self, times: usize, fault: Fault, strikes: impl Fn(&Request) -> bool + Send + 'static) -> Strikes {
        let rule = Rule::new(times, fault, strikes);
        let outcome = rule.outcome.clone();
        self.shared.rules.lock().unwrap().push(rule);
        outcome
    }

    /// Ends what was asked for with [`Proxy::fail`].
    pub fn heal(&self) {
        self.shared.rules.lock().unwrap().clear();
    }

    /// Changes the body of every write on its way.
    pub fn rewrite(&self, change: impl Fn(&Request, &mut Value) + Send + 'static) {
        *self.shared.rewrite.lock().unwrap() = Some(Box::new(change));
    }

    /// Lets writes pass as they are.
    pub fn rewrite_no_more(&self) {
        *self.shared.rewrite.lock().unwrap() = None;
    }

    /// Breaks the connections of all watches.
    pub fn cut_watches(&self) {
        self.shared.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Refuses everything once this many more writes have passed.
    pub fn refuse_after(&self, writes: usize) {
        *self.shared.writes_left.lock().unwrap() = Some(writes);
    }

    /// Waits until something was refused because of [`Proxy::refuse_after`].
    pub async fn refusing(&self) {
        self.shared.refusing.subscribe().wait_for(|refusing| *refusing).await.unwrap();
    }

    /// Lets everything pass again.
    pub fn accept(&self) {
        *self.shared.writes_left.lock().unwrap() = None;
        self.shared.refusing.send_replace(false);
    }

    /// What was asked since the last [`Proxy::forget`].
    pub fn requests(&self) -> Vec<Request> {
        self.shared.record.lock().unwrap().clone()
    }

    /// The writes among it.
    pub fn writes(&self) -> Vec<Request> {
        self.requests().into_iter().filter(Request::is_write).collect()
    }

    /// The writes that change something: all but status, events and Leases.
    pub fn changes(&self) -> Vec<String> {
        self.writes().iter().filter(|write| !write.is_report()).map(ToString::to_string).collect()
    }

    /// The reads of single objects, in words.
    pub fn reads(&self) -> Vec<String> {
        self.requests().iter().filter(|request| request.verb == "get").map(ToString::to_string).collect()
    }

    /// Begins a new record.
    pub fn forget(&self) {
        self.shared.record.lock().unwrap().clear();
    }

    /// Listens for a text in what the watches bring.
    pub fn listen_for(&self, mark: &str) {
        assert!(mark.len() <= LONGEST_MARK);
        self.shared.awaited.send_replace(Some(mark.to_owned()));
    }

    /// Waits until it has come.
    pub async fn heard(&self) {
        let mut awaited = self.shared.awaited.subscribe();
        let heard = timeout(DEADLINE, awaited.wait_for(Option::is_none)).await;
        assert!(heard.is_ok(), "no watch brings anything within {} s", DEADLINE.as_secs());
    }

    /// Waits until for a while nothing but watches and renewals of a Lease was asked and no watch brought anything.
    pub async fn quiet(&self) {
        let mut under_way = self.shared.under_way.subscribe();
        while timeout(QUIET, under_way.changed()).await.is_ok() || *under_way.borrow() > 0 {}
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| Arc::clone(&shared).answer(request));
            // An error is a connection that the operator, or a fault, has broken.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Shared {
    async fn answer(self: Arc<Self>, request: http::Request<Incoming>) -> Result<http::Response<Passing>, BoxError> {
        let (mut parts, body) = request.into_parts();
        let asked = Request::of(&parts.method, &parts.uri, &parts.headers);
        let body = to_bytes(axum::body::Body::new(body), usize::MAX).await?;
        let _under_way = (asked.verb != "watch" && asked.resource != "leases").then(|| UnderWay::new(&self));
        let (fault, _struck) = self.note(&asked).unzip();
        match fault {
            Some(Fault::Refused) => return Err("refused".into()),
            Some(Fault::Hang) => return Ok(std::future::pending::<Result<_, Infallible>>().await?),
            Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
            _ => {}
        }
        // From here on, so that a cut while the API server makes up its mind is not missed.
        let cut = self.next_cut();
        if let Some(answer) = fault.and_then(Fault::answer) {
            return Ok(answer.map(Passing::plain));
        }
        let body = self.rewritten(&asked, &mut parts.headers, body);
        let answer = self.client.send(http::Request::from_parts(parts, Body::from(body))).await?;
        if fault == Some(Fault::AnswerLost) {
            return Err("the answer is lost".into());
        }
        if asked.verb == "watch" {
            return Ok(answer.map(|body| Passing::watch(body, self, cut)));
        }
        Ok(answer.map(Passing::plain))
    }

    fn rewritten(&self, asked: &Request, headers: &mut HeaderMap, body: Bytes) -> Bytes {
        let rewrite = self.rewrite.lock().unwrap();
        let Some(change) = rewrite.as_ref().filter(|_| asked.is_write()) else { return body };
        let mut value = serde_json::from_slice(&body).unwrap();
        change(asked, &mut value);
        headers.remove(CONTENT_LENGTH);
        serde_json::to_vec(&value).unwrap().into()
    }

    /// Records a request and decides its fate.
    fn note(&self, asked: &Request) -> Option<(Fault, Option<fault::Struck>)> {
        self.record.lock().unwrap().push(asked.clone());
        if let Some(left) = &mut *self.writes_left.lock().unwrap() {
            if *left == 0 {
                self.refusing.send_replace(true);
                return Some((Fault::Refused, None));
            }
            *left -= usize::from(asked.is_write());
        }
        let rules = self.rules.lock().unwrap();
        rules.iter().find_map(|rule| rule.strike(asked)).map(|struck| (struck.fault, Some(struck)))
    }

    /// Ends when the watches are cut the next time.
    fn next_cut(&self) -> BoxFuture<'static, ()> {
        let mut cut = self.cut.subscribe();
        async move { cut.changed().await.unwrap() }.boxed()
    }

    /// Takes in what a watch has brought.
    fn heard(&self, text: &str) {
        self.under_way.send_modify(|_| {});
        self.awaited.send_if_modified(|awaited| awaited.take_if(|mark| text.contains(&**mark)).is_some());
    }
}

/// A request that is being answered, until its answer begins or the operator gives up.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.under_way.send_modify(|requests| *requests += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|requests| *requests -= 1);
    }
}
