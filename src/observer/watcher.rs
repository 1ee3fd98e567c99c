//! The task that looks at one node.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::access::{Access, Credentials};
use super::cluster::Cluster;
use super::pace::pause;
use super::sighting::{Failure, FailureKind, Node, View};
use super::vitals::{self, Vitals};
use super::{Mesh, Shared};
use crate::beam::{Connection, Cookie, Error, Limits, NodeName, OwnName, Target, Visibility, connect};
use crate::time::{chance, whole_seconds};

/// How long a node may take for an answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_secs(7);
/// How long a new task waits at most before its first look, so that not all of them begin at the same time.
const SPREAD: Duration = Duration::from_secs(1);
/// A node's measurements are asked for once in so many looks.
const VITALS_EVERY: u32 = 4;
/// How we are called after the `@`.
const HOST: &str = "beam-operator";

/// Looks at one node again and again.
pub(super) struct Watcher {
    pub(super) shared: Arc<Shared>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) mesh: Mesh,
    pub(super) access: Access,
    pub(super) node: Node,
    pub(super) interval: Duration,
}

/// What does not change while a connection lasts.
struct Constants {
    otp_release: String,
    started_at: Timestamp,
    prevents_overlapping_partitions: bool,
}

/// How many questions they take.
const CONSTANTS: u64 = 5;

struct Link {
    connection: Arc<Connection>,
    constants: Constants,
    has_next_cookie: bool,
}

impl Watcher {
    /// Until the task is aborted.
    pub(super) async fn run(self) {
        let mut link = None;
        let (mut failures, mut looks, mut was_seen) = (0, 0, false);
        let mut alert = self.cluster.alert();
        let mut renewals = self.cluster.renewals();
        let mut next = Instant::now() + SPREAD.mul_f64(chance());
        loop {
            tokio::select! {
                () = self.wait(next, link.as_ref(), &mut alert) => {}
                // What lets us in has changed: whether it does is seen by connecting anew.
                Ok(()) = renewals.changed() => link = None,
            }
            let result = self.look(&mut link, looks % VITALS_EVERY == 0).await;
            let is_news = match result {
                Ok((view, vitals)) => {
                    (failures, was_seen) = (0, true);
                    looks += 1;
                    self.cluster.saw(&self.node.uid, view, vitals)
                }
                Err(failure) => {
                    failures += 1;
                    link = None;
                    self.cluster.connected(&self.node.uid, None);
                    self.cluster.keyring.forget(failure.kind != FailureKind::Unreachable).await;
                    let counts = failure.kind.is_definite() || failures > 1 || !was_seen;
                    was_seen &= !counts;
                    counts && self.cluster.failed(&self.node.uid, failure)
                }
            };
            if is_news {
                self.cluster.alarm();
                self.shared.tell(&self.mesh);
                alert.mark_unchanged();
            }
            let is_alert = *alert.borrow() > Instant::now();
            next = Instant::now() + pause(self.interval, self.cluster.len(), is_alert, failures, chance());
        }
    }

    /// Waits for the time of the next look, or for a reason to look earlier: something changed in the cluster, or the
    /// connection ended.
    async fn wait(&self, next: Instant, link: Option<&Link>, alert: &mut tokio::sync::watch::Receiver<Instant>) {
        let closed = async {
            match link {
                Some(link) => drop(link.connection.closed().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep_until(next) => {}
            () = closed => {}
            changed = alert.changed() => {
                // Its owner is the cluster, which this task holds.
                let _ = changed;
                let soon = Instant::now() + pause(self.interval, self.cluster.len(), true, 0, chance());
                sleep_until(soon.min(next)).await;
            }
        }
    }

    async fn look(&self, link: &mut Option<Link>, with_vitals: bool) -> Result<(View, Option<Vitals>), Failure> {
        let _permit = self.shared.permits.acquire().await;
        let result = self.ask(link, with_vitals).await;
        self.shared.metrics.looked(result.as_ref().err().map(|failure| failure.kind));
        result
    }

    async fn ask(&self, link: &mut Option<Link>, with_vitals: bool) -> Result<(View, Option<Vitals>), Failure> {
        if link.as_ref().is_none_or(|link| link.connection.closing().is_some()) {
            *link = None;
            let opened = self.open().await?;
            self.cluster.connected(&self.node.uid, Some(opened.connection.clone()));
            *link = Some(opened);
        }
        let Some(Link { connection, constants, has_next_cookie }) = link else { return Err(lost()) };
        let mut peers = connection.nodes(Visibility::Visible, ANSWER).await.map_err(|error| Failure::from(&error))?;
        self.shared.metrics.asked(1);
        peers.sort_unstable();
        peers.dedup();
        // They are a help and no more: a node that does not tell them is still a member.
        let vitals = if with_vitals { vitals::ask(connection, ANSWER).await.ok() } else { None };
        self.shared.metrics.asked(if with_vitals { vitals::questions(vitals.as_ref()) } else { 0 });
        let view = View {
            name: connection.peer().name.clone(),
            peers: peers.into(),
            otp_release: constants.otp_release.as_str().into(),
            started_at: constants.started_at,
            prevents_overlapping_partitions: constants.prevents_overlapping_partitions,
            has_next_cookie: *has_next_cookie,
        };
        Ok((view, vitals))
    }

    async fn open(&self) -> Result<Link, Failure> {
        let credentials =
            self.cluster.keyring.get(&self.shared.client, &self.mesh.cluster.namespace, &self.access).await;
        let credentials =
            credentials.map_err(|error| Failure { kind: FailureKind::NoAccess, message: error.to_string().into() })?;
        // Longer than the longest pause, so that it does not close between two looks.
        let limits = Limits { connect: CONNECT, idle: self.interval * 4, ..Limits::default() };
        // A node that was told of the next cookie has no other one any more.
        let next = match &credentials.next {
            Some(next) => self.connect(next, &credentials, &limits).await.ok(),
            None => None,
        };
        let has_next_cookie = next.is_some();
        let connection = if let Some(connection) = next {
            connection
        } else {
            let opened = self.connect(&credentials.cookie, &credentials, &limits).await;
            opened.map_err(|error| Failure::from(&error))?
        };
        let constants = constants(&connection).await.map_err(|error| Failure::from(&error))?;
        self.shared.metrics.asked(CONSTANTS);
        Ok(Link { connection: Arc::new(connection), constants, has_next_cookie })
    }

    async fn connect(
        &self,
        cookie: &Cookie,
        credentials: &Credentials,
        limits: &Limits,
    ) -> crate::beam::Result<Connection> {
        let target = |expected| Target { tls: credentials.tls.clone(), ..self.target(expected) };
        match connect(&target(self.node.expected.clone()), cookie, limits).await {
            // A node that calls itself something else is looked at all the same: that is what there is to tell.
            Err(Error::NameMismatch { actual, .. }) => connect(&target(Some(actual)), cookie, limits).await,
            other => other,
        }
    }

    fn target(&self, expected: Option<NodeName>) -> Target {
        let own_name = OwnName::Given { host: HOST.to_owned() };
        Target { port: self.node.port, expected, own_name, ..Target::new(&*self.node.address) }
    }
}

async fn constants(connection: &Connection) -> Result<Constants, Error> {
    let (otp_release, uptime, prevents) = tokio::try_join!(
        connection.otp_release(ANSWER),
        connection.uptime(ANSWER),
        connection.prevent_overlapping_partitions(ANSWER)
    )?;
    let started = Timestamp::now().checked_sub(uptime).unwrap_or_default();
    Ok(Constants {
        otp_release,
        started_at: whole_seconds(started),
        prevents_overlapping_partitions: prevents.unwrap_or_default(),
    })
}

fn lost() -> Failure {
    Failure { kind: FailureKind::Unreachable, message: "the connection is closed".into() }
}
