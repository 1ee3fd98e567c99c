//! What to do next about the Lease: a pure function of what was seen of it and of the time.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

/// The three times of leader election; see the settings of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a Lease that does not change is respected.
    pub lease_duration: Duration,
    /// How long a leader works without a successful renewal.
    pub renew_deadline: Duration,
    /// Time between two looks of a standby.
    pub retry_period: Duration,
}

impl Timing {
    /// A leader renews after half of the deadline, which leaves the other half for retries.
    fn renew_interval(&self) -> Duration {
        self.renew_deadline / 2
    }

    /// Shortest time between two tries of a leader to renew.
    fn renew_pause(&self) -> Duration {
        self.renew_deadline / 10
    }
}

/// Why a leader is one no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It could not renew in time.
    #[error("the lease was not renewed for {} s", .0.as_secs())]
    Deadline(Duration),
    /// Somebody else holds the Lease.
    #[error("the lease is held by {0}")]
    Taken(String),
    /// Somebody removed the holder from the Lease.
    #[error("the lease was released by somebody else")]
    Released,
}

/// What the Lease said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) resource_version: String,
    pub(super) holder: Option<String>,
    pub(super) transitions: i32,
    duration: Duration,
    /// When this resource version was seen for the first time, by our own clock.
    at: Instant,
}

/// The next thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing until then.
    Wait(Instant),
    /// Read the Lease.
    Look,
    /// Create the Lease with ourselves as its holder.
    Create,
    /// Write ourselves into this Lease.
    Take(Seen),
    /// Renew this Lease, which is ours.
    Renew(Seen),
    /// Stop working.
    Stop(Lost),
}

/// Why a request for the Lease failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The Lease is not what we thought it is.
    Conflict,
    /// There is no Lease.
    NotFound,
    /// Anything else. A write may have happened or not.
    Other,
}

/// One candidate's view of the election.
#[derive(Clone, Debug)]
pub(super) struct Election {
    identity: String,
    timing: Timing,
    /// The Lease as last seen; `None` when there is none.
    seen: Option<Seen>,
    /// Whether `seen` may be out of date, so that a look comes before any write.
    stale: bool,
    /// No request before this time.
    not_before: Instant,
    /// When the last successful write was sent; `Some` while we lead.
    renewed: Option<Instant>,
    /// Whether the last write found another Lease than expected.
    surprised: bool,
}

impl Election {
    pub(super) fn new(identity: String, timing: Timing, now: Instant) -> Self {
        Self { identity, timing, seen: None, stale: true, not_before: now, renewed: None, surprised: false }
    }

    pub(super) fn leading(&self) -> bool {
        self.renewed.is_some()
    }

    pub(super) fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// When a leader stops if it cannot renew before; `None` for a standby.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.renewed.map(|at| at + self.timing.renew_deadline)
    }

    /// How long a request that is sent at `now` may take. A leader leaves half of the time to its deadline for another try,
    /// and does not wait for an answer that would come after the deadline.
    pub(super) fn request_limit(&self, now: Instant) -> Duration {
        match self.deadline().map(|deadline| deadline - now) {
            Some(left) => (left / 2).max(self.timing.renew_pause()).min(left),
            None => self.timing.renew_deadline / 4,
        }
    }

    pub(super) fn next(&self, now: Instant) -> Step {
        match self.deadline() {
            Some(deadline) if now >= deadline => Step::Stop(Lost::Deadline(self.timing.renew_deadline)),
            Some(deadline) => self.next_as_leader(now, deadline),
            None => self.next_as_standby(now),
        }
    }

    fn next_as_leader(&self, now: Instant, deadline: Instant) -> Step {
        if now < self.not_before {
            return Step::Wait(self.not_before.min(deadline));
        }
        if self.stale {
            return Step::Look;
        }
        let Some(seen) = &self.seen else {
            return Step::Create;
        };
        match &seen.holder {
            Some(holder) if *holder == self.identity => Step::Renew(seen.clone()),
            Some(holder) => Step::Stop(Lost::Taken(holder.clone())),
            None => Step::Stop(Lost::Released),
        }
    }

    fn next_as_standby(&self, now: Instant) -> Step {
        if now < self.not_before {
            return Step::Wait(self.not_before);
        }
        match &self.seen {
            _ if self.stale => Step::Look,
            Some(seen) if self.free_at(seen) <= now => Step::Take(seen.clone()),
            Some(_) => Step::Look,
            None => Step::Create,
        }
    }

    /// When a Lease may be taken: at once when it has no holder or we are the holder, or else when it expires.
    fn free_at(&self, seen: &Seen) -> Instant {
        match &seen.holder {
            Some(holder) if *holder != self.identity => seen.at + seen.duration,
            _ => seen.at,
        }
    }

    /// The Lease was read at `now`.
    pub(super) fn looked(&mut self, lease: Option<&Lease>, now: Instant) {
        let seen = lease.map(|lease| self.read(lease, now));
        self.stale = false;
        self.not_before = match &seen {
            Some(seen) if !self.leading() && self.free_at(seen) > now => {
                (now + self.timing.retry_period).min(self.free_at(seen))
            }
            _ => now,
        };
        self.seen = seen;
    }

    /// A write that was sent at `sent` succeeded, and the Lease is now `lease`.
    pub(super) fn wrote(&mut self, lease: &Lease, sent: Instant) {
        self.seen = Some(self.read(lease, sent));
        self.stale = false;
        self.surprised = false;
        self.renewed = Some(sent);
        self.not_before = sent + self.timing.renew_interval();
    }

    /// A request that was sent at `sent` failed at `now`.
    pub(super) fn failed(&mut self, failure: Failure, sent: Instant, now: Instant) {
        // One surprise is looked into at once, because it may mean that somebody else leads. Surprise after surprise means
        // that somebody keeps writing to the Lease or that its namespace is gone, and must not become a loop without a pause.
        let at_once = failure != Failure::Other && !self.surprised;
        self.surprised = failure != Failure::Other;
        let pause = if self.leading() { self.timing.renew_pause() } else { self.timing.retry_period };
        self.not_before = if at_once { now } else { now.max(sent + pause) };
        match failure {
            Failure::Conflict => self.stale = true,
            Failure::NotFound => self.seen = None,
            Failure::Other => {}
        }
    }

    /// We have given the Lease back.
    pub(super) fn released(&mut self) {
        self.renewed = None;
        self.stale = true;
    }

    fn read(&self, lease: &Lease, now: Instant) -> Seen {
        let resource_version = lease.metadata.resource_version.clone().unwrap_or_default();
        let unchanged = self.seen.as_ref().filter(|seen| seen.resource_version == resource_version);
        let spec = lease.spec.as_ref();
        let seconds = spec.and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
        Seen {
            at: unchanged.map_or(now, |seen| seen.at),
            holder: spec.and_then(|spec| spec.holder_identity.clone()).filter(|holder| !holder.is_empty()),
            transitions: spec.and_then(|spec| spec.lease_transitions).unwrap_or_default(),
            duration: seconds.map_or(self.timing.lease_duration, Duration::from_secs),
            resource_version,
        }
    }
}
