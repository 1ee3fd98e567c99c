//! The connection to the API server.
//!
//! kube's own client waits for ever for an answer, retries for longer than a Lease lasts, and counts nothing. This one is
//! put together from the same parts ([`kube::client::ConfigExt`]) with three layers around them, outermost first:
//!
//! 1. [`deadline`]: a time by which every request has been answered, its retries and its body included. A watch has to
//!    begin in the same time and ends soon after the server should have ended it.
//! 2. [`patience`]: retries of 429, 503 and 504, after the time that `Retry-After` asks for. The deadline ends them.
//! 3. [`observe`]: counts every single try by verb, resource and code, and notes what was refused.
//!
//! Below them TCP keep-alive finds out within a minute that the API server's host is gone, which a watch that is waiting
//! for events would not notice.

mod call;
mod deadline;
mod describe;
mod observe;
mod patience;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use tower::retry::{Retry, RetryLayer};
use tower::{BoxError, ServiceBuilder};

use super::Refusals;
use super::metrics::Metrics;

use deadline::Deadline;
use observe::{Observe, ObserveLayer};
use patience::Patience;

pub use call::{ApiCall, Verb};
pub use deadline::DeadlineExceeded;
pub use describe::describe;

/// How the operator calls itself towards the API server.
const AGENT: &str = concat!("beam-operator/", env!("CARGO_PKG_VERSION"));

/// Longest time that a TCP connection to the API server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// When a silent connection is probed, how often, and after how many probes it is given up: 60 s in all.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// How long a connection without a request is kept. Longer than the time between two renewals of the Lease.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// The API server cannot be addressed. What went wrong is in the kubeconfig or in the pod's service account.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a service account was found.
    #[error("no API server is configured: {0}")]
    Infer(kube::config::InferConfigError),
    /// A kubeconfig asks for a proxy.
    #[error("the API server {0} is configured behind a proxy, which is not supported")]
    Proxy(http::Uri),
    /// Credentials or certificates cannot be used.
    #[error("the credentials for the API server cannot be used")]
    Credentials(#[source] kube::Error),
}

/// Connects to the API server of the kubeconfig, or else of the cluster that this process runs in.
///
/// Nothing is sent yet. `request_timeout` limits every request but watches; `refusals` hears of those that were refused.
///
/// # Errors
/// When no configuration is found or it cannot be used.
pub async fn connect(
    request_timeout: Duration,
    metrics: Arc<Metrics>,
    refusals: Refusals,
) -> Result<Client, ConnectError> {
    install_crypto();
    let mut config = Config::infer().await.map_err(ConnectError::Infer)?;
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    tracing::info!(server = %config.cluster_url, "API server");
    build(&config, request_timeout, observe::layer(metrics, refusals))
}

fn build(config: &Config, request_timeout: Duration, observe: ObserveLayer) -> Result<Client, ConnectError> {
    if config.proxy_url.is_some() {
        return Err(ConnectError::Proxy(config.cluster_url.clone()));
    }
    let connector = config.rustls_https_connector_with_connector(tcp_connector()).map_err(ConnectError::Credentials)?;
    let http = legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_timer(TokioTimer::new())
        .build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(ConnectError::Credentials)?)
        .layer(config.extra_headers_layer().map_err(ConnectError::Credentials)?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(guarded(service, request_timeout, observe), config.default_namespace.clone()))
}

/// Puts the three layers around a service that sends requests.
fn guarded<S>(service: S, request_timeout: Duration, observe: ObserveLayer) -> Guarded<S> {
    ServiceBuilder::new()
        .layer(deadline::layer(request_timeout))
        .layer(RetryLayer::new(Patience::new(retries(), request_timeout)))
        .layer(observe)
        .service(service)
}

type Guarded<S> = Deadline<Retry<Patience, Observe<S>>>;

/// Chooses the cryptography provider: kube and its TLS library support several, and panic when they have to choose.
pub fn install_crypto() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a cryptography provider was already installed");
    }
}

fn tcp_connector() -> HttpConnector {
    let (time, interval, retries) = KEEPALIVE;
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(time));
    connector.set_keepalive_interval(Some(interval));
    connector.set_keepalive_retries(Some(retries));
    connector
}

/// Five tries after the first, beginning with 200 ms and doubling, or when the server says.
fn retries() -> RetryPolicy {
    RetryPolicy::new(Duration::from_millis(200), Duration::from_secs(4), 5, true).unwrap_or_default()
}

#[cfg(test)]
mod tests;
