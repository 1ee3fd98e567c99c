//! The HTTP endpoints: `/healthz` and `/readyz` for the kubelet, `/metrics` for Prometheus.
//!
//! They listen before anything else starts, so that a port that is taken ends the process with a clear message, and so
//! that a process which waits for its CRD or its permissions can say so. `/healthz` answers as long as the event loop
//! runs: a pod must not be restarted because the API server is away.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::metrics::Metrics;
use super::readiness::Readiness;

/// Where a server listens: on one address of the host or on all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// `None` for every address, IPv6 and IPv4.
    host: Option<IpAddr>,
    port: u16,
}

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected IP:PORT or :PORT";
        if let Some(port) = text.strip_prefix(':') {
            return port.parse().map(|port| Self { host: None, port }).map_err(|_| expected);
        }
        let address: SocketAddr = text.parse().map_err(|_| expected)?;
        Ok(Self { host: Some(address.ip()), port: address.port() })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Some(host) => SocketAddr::new(host, self.port).fmt(f),
            None => write!(f, ":{}", self.port),
        }
    }
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on --{flag} {address}")]
pub struct BindError {
    flag: &'static str,
    address: ListenAddress,
    source: io::Error,
}

/// Sockets that are open but not served yet.
#[derive(Debug)]
pub struct Server {
    health: TcpListener,
    /// `None` when the metrics are served at the address of the health endpoints.
    metrics: Option<TcpListener>,
}

impl Server {
    /// Opens both addresses, or one if they are equal.
    ///
    /// # Errors
    /// When an address is taken or not the host's.
    pub async fn bind(health: ListenAddress, metrics: ListenAddress) -> Result<Self, BindError> {
        Ok(Self {
            health: listen("health-address", health).await?,
            metrics: if health == metrics { None } else { Some(listen("metrics-address", metrics).await?) },
        })
    }

    /// Answers requests until one of the sockets fails.
    ///
    /// # Errors
    /// When a socket fails.
    pub async fn serve(self, readiness: Readiness, metrics: Arc<Metrics>) -> io::Result<()> {
        let health = health_routes(readiness);
        let metrics_routes = metrics_routes(metrics);
        match self.metrics {
            None => axum::serve(self.health, health.merge(metrics_routes)).await,
            Some(listener) => {
                let health = axum::serve(self.health, health).into_future();
                let metrics = axum::serve(listener, metrics_routes).into_future();
                tokio::try_join!(health, metrics).map(|_| ())
            }
        }
    }
}

async fn listen(flag: &'static str, address: ListenAddress) -> Result<TcpListener, BindError> {
    let bound = match address.host {
        Some(host) => TcpListener::bind((host, address.port)).await,
        // The IPv6 socket accepts IPv4 too; a host without IPv6 refuses it.
        None => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, address.port)).await {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port)).await
            }
            bound => bound,
        },
    };
    bound.map_err(|source| BindError { flag, address, source })
}

fn health_routes(readiness: Readiness) -> Router {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state(readiness)
}

fn metrics_routes(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(print_metrics)).with_state(metrics)
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, String) {
    let (ready, reason) = readiness.check();
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, reason)
}

async fn print_metrics(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.encode() {
        Ok(text) => {
            ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use http::Request;
    use rstest::rstest;
    use tower::ServiceExt;

    async fn request(routes: Router, path: &str) -> (StatusCode, String) {
        let answer = routes.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[rstest]
    #[case("127.0.0.1:8080")]
    #[case("[::1]:8080")]
    #[case(":8080")]
    fn an_address_prints_as_it_is_written(#[case] text: &str) {
        assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("8080")]
    #[case("localhost:8080")]
    #[case(":80800")]
    #[case("")]
    fn other_addresses_are_refused(#[case] text: &str) {
        assert!(text.parse::<ListenAddress>().is_err());
    }

    #[tokio::test]
    async fn readiness_is_answered_in_words() {
        let readiness = Readiness::default();
        readiness.waiting_for("the CRD is not installed");
        let answer = request(health_routes(readiness.clone()), "/readyz").await;
        assert_eq!(answer, (StatusCode::SERVICE_UNAVAILABLE, "the CRD is not installed".to_owned()));
        readiness.ready();
        assert_eq!(request(health_routes(readiness.clone()), "/readyz").await.0, StatusCode::OK);
        assert_eq!(request(health_routes(readiness), "/healthz").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_openmetrics() {
        let (status, text) = request(metrics_routes(Arc::default()), "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.ends_with("# EOF\n"));
    }

    #[tokio::test]
    async fn a_taken_port_names_the_flag() {
        let first = listen("health-address", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let taken: ListenAddress = first.local_addr().unwrap().to_string().parse().unwrap();
        let error = Server::bind("127.0.0.1:0".parse().unwrap(), taken).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on --metrics-address {taken}"));
    }
}
