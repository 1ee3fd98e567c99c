//! `beam-operator check`: is the operator that is installed here complete, at work, and to be reached?
//!
//! It is what the pod of `helm test` runs, in the image of the operator and with its rights, so that it asks the API server
//! as the operator does. Nothing is written. Everything has to be true within one time limit, because an installation that
//! has just been made needs a moment; what was not true last is the error.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::body::{Body, to_bytes};
use clap::Args;
use http::{StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout_at};

use super::Refusals;
use super::client;
use super::metrics::Metrics;
use super::readiness::Readiness;
use super::settings::{WatchScope, namespace, seconds};
use super::startup::{self, Territory};

const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer, no more than this is read: metrics of a thousand nodes are a few hundred kilobytes.
const ANSWER_LIMIT: usize = 16 << 20;

/// What `beam-operator check` is told. What `run` is told too has to be the same.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Namespaces that the operator watches, separated by commas; empty means all of them.
    #[arg(long, env = "WATCH_NAMESPACE", value_name = "NAMESPACES", default_value = "", hide_default_value = true)]
    pub watch_namespace: WatchScope,

    /// Namespace the operator runs in, where its Lease lives [default: that of the service account or kubeconfig].
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", value_parser = namespace)]
    pub pod_namespace: Option<String>,

    /// Name of the Lease.
    #[arg(long, value_name = "NAME", default_value = "beam-operator")]
    pub lease_name: String,

    /// Address that has to answer with success, such as http://beam-operator-metrics:8081/readyz; may be repeated.
    #[arg(long, value_name = "URL")]
    pub url: Vec<Uri>,

    /// Seconds after which what is not true is an error.
    #[arg(long, value_name = "SECONDS", default_value = "90", value_parser = seconds::<1, 3600>)]
    pub timeout: Duration,
}

/// Looks until everything is as it should be, and returns a line about each thing.
///
/// # Errors
/// What is not as it should be when the time is over, or that there is no API server to ask.
pub async fn run(options: &Options) -> Result<Vec<String>> {
    let deadline = Instant::now() + options.timeout;
    let client = client::connect(REQUEST_TIMEOUT, Arc::new(Metrics::default()), Refusals::default()).await?;
    let namespace = options.pod_namespace.as_deref().unwrap_or(client.default_namespace()).to_owned();
    let mut told = vec![complete(&client, options, &namespace, deadline).await?];
    told.push(led(&client, options, &namespace, deadline).await?);
    for url in &options.url {
        told.push(until(deadline, async || answer(url).await).await?);
    }
    Ok(told)
}

/// The CRD is installed, and no permission is missing.
async fn complete(client: &Client, options: &Options, namespace: &str, deadline: Instant) -> Result<String> {
    let territory = Territory { watched: &options.watch_namespace, lease: Some((namespace, &options.lease_name)) };
    let readiness = Readiness::default();
    let complete = timeout_at(deadline, startup::wait_until_complete(client, territory, &readiness)).await;
    ensure!(complete.is_ok(), "{}", readiness.check().1);
    Ok("the CRD is installed, and no permission is missing".to_owned())
}

/// Somebody renews the Lease. Clocks of two machines are not compared: it has to change while it is looked at.
async fn led(client: &Client, options: &Options, namespace: &str, deadline: Instant) -> Result<String> {
    let name = &options.lease_name;
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let look = async || -> Result<LeaseSpec> {
        let lease = leases.get(name).await.with_context(|| format!("the Lease {namespace}/{name} cannot be read"))?;
        Ok(lease.spec.unwrap_or_default())
    };
    let first = until(deadline, &look).await?;
    until(deadline, async || renewed(&first, &look().await?, name)).await
}

/// Who renewed the Lease between two looks at it.
fn renewed(before: &LeaseSpec, now: &LeaseSpec, name: &str) -> Result<String> {
    match now.holder_identity.as_deref().unwrap_or_default() {
        "" => bail!("nobody holds the Lease {name}"),
        holder if now.renew_time == before.renew_time => bail!("{holder} does not renew the Lease {name}"),
        holder => Ok(format!("{holder} renews the Lease {name}")),
    }
}

/// What an address answers, if that is success.
async fn answer(url: &Uri) -> Result<String> {
    let client = legacy::Client::builder(TokioExecutor::new()).build_http::<Body>();
    let asked = tokio::time::timeout(REQUEST_TIMEOUT, async {
        let answer = client.get(url.clone()).await?;
        let status = answer.status();
        anyhow::Ok((status, to_bytes(Body::new(answer.into_body()), ANSWER_LIMIT).await?))
    });
    let (status, body) = asked.await.context("no answer in time").flatten().with_context(|| url.to_string())?;
    let text = String::from_utf8_lossy(&body);
    let first = text.lines().next().unwrap_or_default();
    ensure!(status == StatusCode::OK, "{url} answers {status}: {first}");
    Ok(format!("{url} answers: {first}"))
}

/// Looks again and again until it succeeds; the last error when the time is over.
async fn until<T>(deadline: Instant, look: impl AsyncFn() -> Result<T>) -> Result<T> {
    loop {
        match look().await {
            Err(_) if Instant::now() + BETWEEN_LOOKS < deadline => sleep(BETWEEN_LOOKS).await,
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use rstest::rstest;
    use tokio::net::TcpListener;

    fn lease(holder: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            ..LeaseSpec::default()
        }
    }

    #[rstest]
    #[case(lease("", 0), lease("", 0), Err("nobody holds the Lease op"))]
    #[case(lease("a", 1), lease("a", 1), Err("a does not renew the Lease op"))]
    #[case(lease("a", 1), lease("a", 2), Ok("a renews the Lease op"))]
    #[case(lease("a", 1), lease("b", 2), Ok("b renews the Lease op"))]
    fn a_lease_has_to_change(#[case] before: LeaseSpec, #[case] now: LeaseSpec, #[case] expect: Result<&str, &str>) {
        let told = renewed(&before, &now, "op").map_err(|error| error.to_string());
        assert_eq!(told.as_deref().map_err(String::as_str), expect);
    }

    #[tokio::test]
    async fn an_address_has_to_answer_with_success() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = |path: &str| format!("http://{}{path}", listener.local_addr().unwrap()).parse::<Uri>().unwrap();
        let (ready, waiting) = (url("/readyz"), url("/waiting"));
        let routes = Router::new()
            .route("/readyz", get(|| async { "ready\nmore" }))
            .route("/waiting", get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "the CRD is not installed") }));
        let server = tokio::spawn(axum::serve(listener, routes).into_future());

        assert_eq!(answer(&ready).await.unwrap(), format!("{ready} answers: ready"));
        let refusal = answer(&waiting).await.unwrap_err().to_string();
        assert_eq!(refusal, format!("{waiting} answers 503 Service Unavailable: the CRD is not installed"));

        server.abort();
        assert!(server.await.is_err());
        let error = format!("{:#}", answer(&ready).await.unwrap_err());
        assert!(error.starts_with(&format!("{ready}: ")), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_error_is_told_when_the_time_is_over() {
        let looks = std::cell::Cell::new(0);
        let look = async || -> Result<()> {
            looks.set(looks.get() + 1);
            bail!("look {}", looks.get())
        };
        let error = until(Instant::now() + Duration::from_secs(5), look).await.unwrap_err().to_string();
        assert_eq!(error, "look 5");
        assert_eq!(until(Instant::now(), async || Ok(1)).await.unwrap(), 1);
    }
}
