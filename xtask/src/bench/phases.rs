//! What releases cost, one phase after the other.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::bed::{Bed, Phase};
use super::bodies;
use super::plain::PlainRequest;
use crate::progress;

/// The phases, which follow one another on one API server.
pub(super) struct Phases {
    bed: Bed,
    releases: u32,
}

impl Phases {
    pub(super) fn begin(bed: Bed, releases: u32) -> Self {
        Self { bed, releases }
    }

    /// Fills the API server with what is none of the operator's business.
    pub(super) fn make_foreign_objects(&self, count: u32) -> Result<()> {
        let requests: Vec<_> = (0..count).map(bodies::foreign).collect();
        let batch = self.bed.batch("foreign", &requests)?;
        progress::step(&format!("making {count} Secrets and ConfigMaps of others"), "", || batch.send())?;
        Ok(())
    }

    /// The operator starts, and finds no release.
    pub(super) fn start(&mut self) -> Result<Phase> {
        self.bed.start()
    }

    /// All releases are made at once.
    pub(super) fn create(&mut self) -> Result<Phase> {
        let releases: Vec<_> = (0..self.releases).map(bodies::new_release).collect();
        self.follow_batch(&format!("making {} releases", self.releases), "releases", &releases)
    }

    /// What makes copies of every child in each place for copies, once all are there that the operator says it makes.
    pub(super) fn copied_children(&self) -> Result<[Vec<PlainRequest>; 2]> {
        let Bed { api_server, operator, .. } = &self.bed;
        let release = api_server.cluster().directory.join("release.json");
        fs::write(&release, bodies::release(0).to_string())?;
        let expected = operator.children_of(&release)? * usize::try_from(self.releases)?;
        let [applied, posted] = bodies::COPIES.map(|namespace| bodies::copied_children(api_server, namespace));
        let copies = [applied?, posted?];
        ensure!(copies[0].len() == expected, "the operator made {} children instead of {expected}", copies[0].len());
        Ok(copies)
    }

    /// Nothing happens for a minute.
    pub(super) fn rest(&mut self) -> Result<Phase> {
        self.bed.rest()
    }

    /// The operator is stopped and started, and finds every release as it should be.
    pub(super) fn restart(&mut self) -> Result<Phase> {
        self.bed.operator.stop()?;
        self.bed.log.read()?;
        self.bed.operator.start()?;
        let releases = u64::from(self.releases);
        // Until it listens it has reconciled nothing.
        let is_done = |bed: &Bed| bed.operator.reconciles().unwrap_or_default() >= releases;
        self.bed.follow("restarting the operator", |bed, _| Ok(is_done(bed)))
    }

    /// Every release gets another image at once.
    pub(super) fn update(&mut self) -> Result<Phase> {
        let changes: Vec<_> = (0..self.releases).map(bodies::new_image).collect();
        self.follow_batch(&format!("changing the image of {} releases", self.releases), "images", &changes)
    }

    /// The releases and these children once more without the operator: by the requests that it sends, and by nothing but
    /// POSTs.
    pub(super) fn create_plainly(&self, [applied, posted]: [Vec<PlainRequest>; 2]) -> Result<[Duration; 2]> {
        self.bed.operator.stop()?;
        let applied = bodies::as_the_operator_does(applied);
        Ok([self.send_copies(bodies::COPIES[0], applied)?, self.send_copies(bodies::COPIES[1], posted.into_iter())?])
    }

    fn send_copies(&self, place: &str, children: impl Iterator<Item = PlainRequest>) -> Result<Duration> {
        let copies: Vec<_> = bodies::copied_releases(place, self.releases).chain(children).collect();
        let batch = self.bed.batch(place, &copies)?;
        progress::step(&format!("making {} {place} by plain requests", copies.len()), "", || batch.send())
    }

    /// Sends requests about every release, and follows the operator until it has told the status of each.
    fn follow_batch(&mut self, what: &str, name: &str, requests: &[PlainRequest]) -> Result<Phase> {
        let releases = usize::try_from(self.releases)?;
        let batch = self.bed.batch(name, requests)?;
        self.bed.follow_batches(what, &[batch], |_, requests| Ok(requests.reported_releases() == releases))
    }
}
