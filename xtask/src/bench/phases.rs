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

/// What makes the same objects again.
pub(super) struct Copies {
    /// The children, as the operator makes them.
    applied: Vec<PlainRequest>,
    /// The statuses of the releases that they are of.
    statuses: Vec<PlainRequest>,
    /// The children once more, elsewhere.
    posted: Vec<PlainRequest>,
}

impl Copies {
    /// How many children there are.
    pub(super) fn children(&self) -> usize {
        self.applied.len()
    }
}

/// How long plain requests took.
pub(super) struct Plain {
    /// To make the releases and their children by the requests that the operator sends.
    pub(super) objects: Duration,
    /// To give those releases their statuses.
    pub(super) statuses: Duration,
    /// To make the releases and their children by POSTs.
    pub(super) posted: Duration,
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

    /// What makes copies of all that is there by now, once every child is that the operator says it makes.
    pub(super) fn copies(&self) -> Result<Copies> {
        let Bed { api_server, operator, .. } = &self.bed;
        let release = api_server.cluster().directory.join("release.json");
        fs::write(&release, bodies::release(0).to_string())?;
        let expected = operator.children_of(&release)? * usize::try_from(self.releases)?;
        let [applied, posted] = bodies::COPIES.map(|namespace| bodies::copied_children(api_server, namespace));
        let (applied, posted) = (applied?, posted?);
        ensure!(applied.len() == expected, "the operator made {} children instead of {expected}", applied.len());
        Ok(Copies { applied, statuses: bodies::copied_statuses(api_server, bodies::COPIES[0])?, posted })
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

    /// The same objects once more without the operator: by the requests that it sends, and by nothing but POSTs.
    pub(super) fn create_plainly(&self, copies: Copies) -> Result<Plain> {
        self.bed.operator.stop()?;
        let [place, other_place] = bodies::COPIES;
        let objects = self.releases_and(place, bodies::as_the_operator_does(copies.applied));
        let posted = self.releases_and(other_place, copies.posted.into_iter());
        Ok(Plain {
            objects: self.send(place, &objects)?,
            statuses: self.send("statuses", &copies.statuses)?,
            posted: self.send(other_place, &posted)?,
        })
    }

    fn releases_and(&self, place: &str, children: impl Iterator<Item = PlainRequest>) -> Vec<PlainRequest> {
        bodies::copied_releases(place, self.releases).chain(children).collect()
    }

    fn send(&self, what: &str, requests: &[PlainRequest]) -> Result<Duration> {
        let batch = self.bed.batch(what, requests)?;
        progress::step(&format!("making {} {what} by plain requests", requests.len()), "", || batch.send())
    }

    /// Sends requests about every release, and follows the operator until it has told the status of each.
    fn follow_batch(&mut self, what: &str, name: &str, requests: &[PlainRequest]) -> Result<Phase> {
        let releases = usize::try_from(self.releases)?;
        let batch = self.bed.batch(name, requests)?;
        self.bed.follow_batches(what, &[batch], |_, requests| Ok(requests.reported_releases() == releases))
    }
}
