//! The operator on an API server of its own, and how it is followed from one rest to the next.
//!
//! A phase ends when the operator has done what it is about and has then asked for nothing for a while; how long it took
//! is counted to its last request. So work that comes late is counted, and waiting is not.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::api_server::ApiServer;
use super::audit::AuditLog;
use super::bodies;
use super::operator::{Memory, Operator, USER};
use super::plain::{Batch, PlainRequest};
use super::requests::Requests;
use crate::progress;

/// How often the audit log is read, and so how exactly times are known.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long the operator has to be still before a phase ends.
const QUIET: Duration = Duration::from_secs(10);
/// How long any phase may take.
const LIMIT: Duration = Duration::from_mins(15);
/// How long the operator is watched at rest.
const REST: Duration = Duration::from_mins(1);

/// Everything that a measurement runs on.
pub(super) struct Bed {
    pub(super) api_server: ApiServer,
    pub(super) operator: Operator,
    pub(super) log: AuditLog,
}

/// What came of a phase.
pub(super) struct Phase {
    /// What the operator asked for.
    pub(super) requests: Requests,
    /// From its cause to the last request.
    pub(super) took: Duration,
    /// The operator's memory at its end.
    pub(super) memory: Memory,
}

impl Bed {
    /// An API server with these namespaces, and the operator installed but not started.
    pub(super) fn make(cluster: &str, binary: &Path, namespaces: &[String]) -> Result<Self> {
        let api_server = ApiServer::start(cluster)?;
        let operator = Operator::install(&api_server, binary)?;
        let requests: Vec<_> = namespaces.iter().map(|name| bodies::namespace(name)).collect();
        Batch::prepare(&api_server, "namespaces", &requests)?.send()?;
        let log = api_server.audit_log(USER)?;
        Ok(Self { api_server, operator, log })
    }

    /// Requests that are ready to be sent.
    pub(super) fn batch(&self, name: &str, requests: &[PlainRequest]) -> Result<Batch> {
        Batch::prepare(&self.api_server, name, requests)
    }

    /// The operator starts, and finds no release.
    pub(super) fn start(&mut self) -> Result<Phase> {
        self.operator.start()?;
        // It watches releases last, once everything else has been listed.
        self.follow("starting the operator", |_, requests| Ok(requests.is_watching("elixirreleases")))
    }

    /// Nothing happens for a minute.
    pub(super) fn rest(&mut self) -> Result<Phase> {
        let mut requests = Requests::default();
        progress::step("watching the operator at rest", "a minute", || {
            thread::sleep(REST);
            requests.add(self.log.read()?);
            Ok(())
        })?;
        Ok(Phase { requests, took: REST, memory: self.operator.memory()? })
    }

    /// Sends requests, and follows the operator until it has done what they are about.
    pub(super) fn follow_batches(
        &mut self,
        what: &str,
        batches: &[Batch],
        is_done: impl Fn(&ApiServer, &Requests) -> Result<bool>,
    ) -> Result<Phase> {
        thread::scope(|scope| {
            let sender = scope.spawn(|| batches.iter().try_for_each(|batch| batch.send().map(drop)));
            let phase = self.follow(what, |bed, requests| is_done(&bed.api_server, requests));
            sender.join().ok().context("the thread that sends plain requests panicked")??;
            phase
        })
    }

    /// Follows the operator until it has done something and is at rest again.
    pub(super) fn follow(&mut self, what: &str, is_done: impl Fn(&Self, &Requests) -> Result<bool>) -> Result<Phase> {
        progress::step(what, "", || {
            let started = Instant::now();
            let (mut requests, mut last, mut done) = (Requests::default(), started, false);
            while !done || last.elapsed() < QUIET {
                ensure!(started.elapsed() < LIMIT, "not done after {} s", LIMIT.as_secs());
                thread::sleep(INTERVAL);
                self.operator.check()?;
                let news = self.log.read()?;
                if news.iter().any(|request| !request.is_routine()) {
                    last = Instant::now();
                }
                requests.add(news);
                if !done && is_done(self, &requests)? {
                    (done, last) = (true, Instant::now());
                }
            }
            Ok(Phase { requests, took: last - started, memory: self.operator.memory()? })
        })
    }
}
