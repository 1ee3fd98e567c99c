//! An HTTP client that keeps its connections, or makes one for each request.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

/// Longer than an honest answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
const LONGEST_ANSWER: usize = 1 << 20;

/// A client with connections of its own.
pub struct Connections {
    client: Client<HttpConnector, Body>,
}

impl Connections {
    /// One connection for each request.
    pub fn fresh() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http() }
    }

    /// A connection that is used again for as long as the server keeps it.
    pub fn kept() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// The body of a good answer, or why there is none.
    pub async fn get(&self, url: &str) -> Result<String, String> {
        self.request(Method::GET, url).await
    }

    /// The same for a request that changes something.
    pub async fn post(&self, url: &str) -> Result<String, String> {
        self.request(Method::POST, url).await
    }

    async fn request(&self, method: Method, url: &str) -> Result<String, String> {
        let answer = timeout(PATIENCE, self.exchange(method, url)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }

    async fn exchange(&self, method: Method, url: &str) -> Result<String, String> {
        let request = Request::builder().method(method).uri(url).body(Body::empty()).unwrap();
        let response = self.client.request(request).await.map_err(|error| format!("{error:?}"))?;
        let status = response.status();
        let body =
            to_bytes(Body::new(response.into_body()), LONGEST_ANSWER).await.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() { Ok(text) } else { Err(format!("{status}: {text}")) }
    }
}
