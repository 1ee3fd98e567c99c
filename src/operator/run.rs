//! Puts the parts of the operator together and decides how the process ends.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Refusals;
use super::client::{self, ConnectError};
use super::events::Events;
use super::leader::{self, Elector, Lost};
use super::metrics::Metrics;
use super::readiness::Readiness;
use super::server::{BindError, Server};
use super::settings::{ElectionSettings, Settings};
use super::{shutdown, startup};

/// How long a shutdown waits for the controller to return, and then for the Lease to be given back. Together they stay
/// below the second in which the process ends.
const GRACE: Duration = Duration::from_millis(400);

/// What the controller works with.
#[derive(Clone)]
pub struct Runtime {
    /// The API server, with time limits, retries and metrics.
    pub client: Client,
    /// Counts what happens.
    pub metrics: Arc<Metrics>,
    /// Writes Kubernetes events.
    pub events: Events,
    /// What the installation decided.
    pub settings: Arc<Settings>,
    /// The namespace that the operator runs in.
    pub namespace: Arc<str>,
    /// To be called when the caches are filled.
    pub readiness: Readiness,
    /// Cancelled when the process is to stop. The controller returns then.
    pub shutdown: CancellationToken,
}

/// Why the process ended although nobody asked it to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Signals cannot be received.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// A port is not available.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The endpoints failed.
    #[error("the HTTP endpoints failed")]
    Serve(#[source] io::Error),
    /// The API server cannot be addressed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another process may be the leader now.
    #[error("leadership lost")]
    Lost(#[from] Lost),
    /// The controller failed.
    #[error("the controller failed")]
    Controller(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The controller returned although nobody asked it to.
    #[error("the controller ended")]
    Ended,
}

/// Runs the operator until a signal or an error ends it: `start` makes the controller, once this process is the leader.
///
/// # Errors
/// Whatever ended the process, if it was not a signal.
pub async fn run<F, C, E>(settings: Settings, start: F) -> Result<(), Error>
where
    F: FnOnce(Runtime) -> C,
    C: Future<Output = Result<(), E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let shutdown = shutdown::on_signal().map_err(Error::Signals)?;
    let metrics = Arc::new(Metrics::default());
    let readiness = Readiness::default();
    let server = Server::bind(settings.health_address, settings.metrics_address).await?;
    let refusals = Refusals::default();
    let client = client::connect(settings.request_timeout, Arc::clone(&metrics), refusals.clone()).await?;
    let namespace = settings.pod_namespace.as_deref().unwrap_or(client.default_namespace()).into();
    let identity = leader::identity(&settings);
    let runtime = Runtime {
        events: Events::new(client.clone(), &identity, Arc::clone(&metrics)),
        client,
        metrics: Arc::clone(&metrics),
        settings: Arc::new(settings),
        namespace,
        readiness: readiness.clone(),
        shutdown,
    };
    tokio::select! {
        result = server.serve(readiness, metrics) => result.map_err(Error::Serve),
        result = work(runtime, refusals, identity, start) => result,
    }
}

/// Waits until everything is there that is needed, works, and sees to it that nothing goes missing unnoticed.
async fn work<F, C, E>(runtime: Runtime, refusals: Refusals, identity: String, start: F) -> Result<(), Error>
where
    F: FnOnce(Runtime) -> C,
    C: Future<Output = Result<(), E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (settings, namespace) = (Arc::clone(&runtime.settings), Arc::clone(&runtime.namespace));
    let election = settings.election.enabled().then_some(&settings.election);
    let lease = election.map(|election| (&*namespace, election.lease_name.as_str()));
    let territory = startup::Territory { watched: &settings.watch_namespace, lease };
    let complete = startup::wait_until_complete(&runtime.client, territory, &runtime.readiness);
    if runtime.shutdown.run_until_cancelled(complete).await.is_none() {
        return Ok(());
    }
    let (client, readiness) = (runtime.client.clone(), runtime.readiness.clone());
    tokio::select! {
        biased;
        ended = lead(runtime, identity, election, start) => ended,
        never = startup::keep_complete(&client, territory, &readiness, &refusals) => match never {},
    }
}

/// Waits until this process may work, works, and gives the Lease back.
async fn lead<F, C, E>(
    runtime: Runtime,
    identity: String,
    election: Option<&ElectionSettings>,
    start: F,
) -> Result<(), Error>
where
    F: FnOnce(Runtime) -> C,
    C: Future<Output = Result<(), E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Some(election) = election else {
        tracing::info!("leader election is off");
        return control(runtime, start).await;
    };
    let name = election.lease_name.clone();
    let mut elector = Elector::new(runtime.client.clone(), &runtime.namespace, name, identity, election.into());
    let shutdown = runtime.shutdown.clone();
    runtime.readiness.standby();
    match shutdown.run_until_cancelled(elector.acquire()).await {
        None => return Ok(()),
        Some(acquired) => acquired?,
    }
    let ended = tokio::select! {
        biased;
        lost = elector.hold() => return Err(lost.into()),
        ended = control(runtime, start) => ended,
    };
    if timeout(GRACE, elector.release()).await.is_err() {
        tracing::warn!("no time to release the lease; it will expire");
    }
    ended
}

/// Runs the controller until it fails or the process is to stop.
async fn control<F, C, E>(runtime: Runtime, start: F) -> Result<(), Error>
where
    F: FnOnce(Runtime) -> C,
    C: Future<Output = Result<(), E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    runtime.metrics.set_leader(true);
    runtime.readiness.waiting_for("the caches are being filled");
    let shutdown = runtime.shutdown.clone();
    let mut controller = std::pin::pin!(start(runtime));
    let ended = match shutdown.run_until_cancelled(&mut controller).await {
        Some(Ok(())) if !shutdown.is_cancelled() => return Err(Error::Ended),
        Some(ended) => ended,
        // What it does not finish now is taken up by the next leader.
        None => timeout(GRACE, controller).await.unwrap_or(Ok(())),
    };
    ended.map_err(|error| Error::Controller(error.into()))
}
