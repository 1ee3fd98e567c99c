//! What is measured, one phase after the other.
//!
//! A phase ends when the operator has done what it is about and has then asked for nothing for a while; how long it took
//! is counted to its last request. So work that comes late is counted, and waiting is not.

use std::fs;
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

/// The phases, which follow one another on one API server.
pub(super) struct Phases {
    api_server: ApiServer,
    operator: Operator,
    log: AuditLog,
    releases: u32,
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

impl Phases {
    pub(super) fn begin(api_server: ApiServer, operator: Operator, releases: u32) -> Result<Self> {
        let namespaces: Vec<_> = bodies::namespaces().iter().map(|name| bodies::namespace(name)).collect();
        Batch::prepare(&api_server, "namespaces", &namespaces)?.send()?;
        let log = api_server.audit_log(USER)?;
        Ok(Self { api_server, operator, log, releases })
    }

    /// Fills the API server with what is none of the operator's business.
    pub(super) fn make_foreign_objects(&self, count: u32) -> Result<()> {
        let requests: Vec<_> = (0..count).map(bodies::foreign).collect();
        let batch = Batch::prepare(&self.api_server, "foreign", &requests)?;
        progress::step(&format!("making {count} Secrets and ConfigMaps of others"), "", || batch.send())?;
        Ok(())
    }

    /// The operator starts, and finds no release.
    pub(super) fn start(&mut self) -> Result<Phase> {
        self.operator.start()?;
        // It watches releases last, once everything else has been listed.
        self.follow("starting the operator", |_, requests| requests.is_watching("elixirreleases"))
    }

    /// All releases are made at once.
    pub(super) fn create(&mut self) -> Result<Phase> {
        let releases: Vec<_> = (0..self.releases).map(bodies::new_release).collect();
        let batch = Batch::prepare(&self.api_server, "releases", &releases)?;
        self.follow_batch(&format!("making {} releases", self.releases), &batch)
    }

    /// What makes copies of every child in each place for copies, once all are there that the operator says it makes.
    pub(super) fn copied_children(&self) -> Result<[Vec<PlainRequest>; 2]> {
        let release = self.api_server.cluster().directory.join("release.json");
        fs::write(&release, bodies::release(0).to_string())?;
        let expected = self.operator.children_of(&release)? * usize::try_from(self.releases)?;
        let [applied, posted] = bodies::COPIES.map(|namespace| bodies::copied_children(&self.api_server, namespace));
        let copies = [applied?, posted?];
        ensure!(copies[0].len() == expected, "the operator made {} children instead of {expected}", copies[0].len());
        Ok(copies)
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

    /// The operator is stopped and started, and finds every release as it should be.
    pub(super) fn restart(&mut self) -> Result<Phase> {
        self.operator.stop()?;
        self.log.read()?;
        self.operator.start()?;
        let releases = u64::from(self.releases);
        // Until it listens it has reconciled nothing.
        self.follow("restarting the operator", |operator, _| operator.reconciles().unwrap_or_default() >= releases)
    }

    /// Every release gets another image at once.
    pub(super) fn update(&mut self) -> Result<Phase> {
        let changes: Vec<_> = (0..self.releases).map(bodies::new_image).collect();
        let batch = Batch::prepare(&self.api_server, "images", &changes)?;
        self.follow_batch(&format!("changing the image of {} releases", self.releases), &batch)
    }

    /// The releases and these children once more without the operator: by the requests that it sends, and by nothing but
    /// POSTs.
    pub(super) fn create_plainly(&self, [applied, posted]: [Vec<PlainRequest>; 2]) -> Result<[Duration; 2]> {
        self.operator.stop()?;
        let applied = bodies::as_the_operator_does(applied);
        Ok([self.send_copies(bodies::COPIES[0], applied)?, self.send_copies(bodies::COPIES[1], posted.into_iter())?])
    }

    fn send_copies(&self, place: &str, children: impl Iterator<Item = PlainRequest>) -> Result<Duration> {
        let copies: Vec<_> = bodies::copied_releases(place, self.releases).chain(children).collect();
        let batch = Batch::prepare(&self.api_server, place, &copies)?;
        progress::step(&format!("making {} {place} by plain requests", copies.len()), "", || batch.send())
    }

    /// Sends requests about every release, and follows the operator until it has told the status of each.
    fn follow_batch(&mut self, what: &str, batch: &Batch) -> Result<Phase> {
        let releases = usize::try_from(self.releases)?;
        thread::scope(|scope| {
            let sender = scope.spawn(|| batch.send());
            let phase = self.follow(what, |_, requests| requests.reported_releases() == releases);
            sender.join().ok().context("the thread that sends plain requests panicked")??;
            phase
        })
    }

    fn follow(&mut self, what: &str, is_done: impl Fn(&Operator, &Requests) -> bool) -> Result<Phase> {
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
                if !done && is_done(&self.operator, &requests) {
                    (done, last) = (true, Instant::now());
                }
            }
            Ok(Phase { requests, took: last - started, memory: self.operator.memory()? })
        })
    }
}
