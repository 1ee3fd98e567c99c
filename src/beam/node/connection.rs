//! The side of a connection that is asked.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::super::call::answer::{self, Connected, InitStatus, Memory};
use super::super::call::{Call, Visibility};
use super::super::cookie::Cookie;
use super::super::error::{Closing, Error, Result, Stage};
use super::super::handshake::Introduced;
use super::super::name::NodeName;
use super::super::term::Term;
use super::Limits;
use super::driver::{Driver, Request};

/// Requests that may wait for the connection to take them.
const QUEUE: usize = 4;

/// The node at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What it calls itself.
    pub name: NodeName,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it calls us.
    pub our_name: String,
}

/// A connection to a node. Dropping it closes it.
///
/// Every question has a time by which the answer has to be there; an answer that comes later is thrown away. Several may
/// be asked at the same time. What the node knows is asked for one thing at a time, as OTP has no call for all of it.
#[derive(Debug)]
pub struct Connection {
    peer: Peer,
    requests: mpsc::Sender<Box<Request>>,
    closing: Arc<OnceLock<Closing>>,
}

impl Connection {
    /// Takes over a stream on which the handshake is done.
    pub(super) fn start(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        address: SocketAddr,
        introduced: Introduced,
        limits: &Limits,
    ) -> Self {
        let (requests, taken) = mpsc::channel(QUEUE);
        let closing = Arc::new(OnceLock::new());
        let peer = Peer { name: introduced.peer, address, our_name: introduced.us.node.clone() };
        let driver = Driver::new(stream, introduced.us, limits, taken);
        let told = Arc::clone(&closing);
        tokio::spawn(driver.run(told));
        Self { peer, requests, closing }
    }

    /// The node at the other end.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Why the connection has ended; `None` while it has not.
    #[must_use]
    pub fn closing(&self) -> Option<&Closing> {
        self.closing.get()
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) -> Closing {
        self.requests.closed().await;
        self.why_closed()
    }

    /// The nodes that it is connected to.
    pub async fn nodes(&self, visibility: Visibility, limit: Duration) -> Result<Vec<NodeName>> {
        answer::names(&self.ask(Call::Nodes(visibility), limit).await?)
    }

    /// How much memory it uses for what.
    pub async fn memory(&self, limit: Duration) -> Result<Memory> {
        answer::memory(&self.ask(Call::Memory, limit).await?)
    }

    /// How many processes and ports are ready to run and wait for a scheduler.
    pub async fn run_queue(&self, limit: Duration) -> Result<u64> {
        answer::count(&self.ask(Call::RunQueue, limit).await?)
    }

    /// How many schedulers it uses.
    pub async fn schedulers_online(&self, limit: Duration) -> Result<u64> {
        answer::count(&self.ask(Call::SchedulersOnline, limit).await?)
    }

    /// Its OTP release, such as `27`.
    pub async fn otp_release(&self, limit: Duration) -> Result<String> {
        answer::text(&self.ask(Call::OtpRelease, limit).await?)
    }

    /// The version of its run-time system, such as `15.2.7`.
    pub async fn erts_version(&self, limit: Duration) -> Result<String> {
        answer::text(&self.ask(Call::ErtsVersion, limit).await?)
    }

    /// How far its start, or its end, has come.
    pub async fn init_status(&self, limit: Duration) -> Result<InitStatus> {
        answer::init_status(&self.ask(Call::InitStatus, limit).await?)
    }

    /// How long it has run. Three questions, because the one function that tells it (`statistics(wall_clock)`) changes
    /// what it tells whoever asks next.
    pub async fn uptime(&self, limit: Duration) -> Result<Duration> {
        let number = async |call| answer::integer(&self.ask(call, limit).await?);
        let (now, start, second) =
            tokio::try_join!(number(Call::MonotonicTime), number(Call::StartTime), number(Call::NativeSecond))?;
        answer::uptime(now, start, second)
    }

    /// How many processes there are.
    pub async fn process_count(&self, limit: Duration) -> Result<u64> {
        answer::count(&self.ask(Call::ProcessCount, limit).await?)
    }

    /// How many processes there may be.
    pub async fn process_limit(&self, limit: Duration) -> Result<u64> {
        answer::count(&self.ask(Call::ProcessLimit, limit).await?)
    }

    /// How many messages wait for the process for which most do. The node looks at each of its processes.
    pub async fn longest_queue(&self, limit: Duration) -> Result<u64> {
        answer::value(&self.ask(Call::LongestQueue, limit).await?)
    }

    /// Connects it to another node. The node takes up to its own `net_setuptime`, seven seconds, to find out that the
    /// other cannot be reached.
    pub async fn connect_node(&self, node: NodeName, limit: Duration) -> Result<Connected> {
        answer::connected(&self.ask(Call::ConnectNode(node), limit).await?)
    }

    /// Changes the cookie that it uses with `node`; with all nodes that it has no other one for, if that is itself.
    /// Connections that exist stay.
    ///
    /// Without TLS the new cookie can be read on its way to the node.
    pub async fn set_cookie(&self, node: NodeName, cookie: Cookie, limit: Duration) -> Result<()> {
        answer::done(&self.ask(Call::SetCookie { node, cookie }, limit).await?)
    }

    /// After how long it takes a silent node for dead; `None` if it is not distributed any more.
    pub async fn net_ticktime(&self, limit: Duration) -> Result<Option<Duration>> {
        answer::ticktime(&self.ask(Call::NetTicktime, limit).await?)
    }

    /// Whether its `global` disconnects nodes that not all others see. OTP 25 to 28 say so unless somebody has set it
    /// otherwise; `None` where there is no such setting.
    pub async fn prevent_overlapping_partitions(&self, limit: Duration) -> Result<Option<bool>> {
        answer::setting(&self.ask(Call::PreventOverlappingPartitions, limit).await?)
    }

    async fn ask(&self, call: Call, limit: Duration) -> Result<Term> {
        let (reply, answered) = oneshot::channel();
        let function = call.function();
        let exchange = async {
            let request = Box::new(Request { call, reply });
            self.requests.send(request).await.map_err(|_| Error::Closed(self.why_closed()))?;
            answered.await.map_err(|_| Error::Closed(self.why_closed()))?
        };
        let answered = timeout(limit, exchange).await;
        let term = answered.unwrap_or(Err(Error::TimedOut { stage: Stage::Call, limit }))?;
        answer::result(function, term)
    }

    /// Only asked when the connection is closed, which the driver says before it goes.
    fn why_closed(&self) -> Closing {
        self.closing.get().cloned().unwrap_or(Closing::ByOwner)
    }
}
