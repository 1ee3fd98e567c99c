//! Leader election: of all replicas only the one that holds a [Lease] works.
//!
//! It follows client-go's rules, which are what Kubernetes' own components do:
//! - Nobody compares clocks of two machines. A standby takes the Lease when it has not *seen it change* for the Lease's
//!   duration by its own clock, whatever time the holder wrote into it.
//! - Every write names the resourceVersion it is based on, so of two replicas that take an expired Lease one gets a conflict.
//! - A leader that could not renew for the renew deadline, which is shorter than the Lease's duration, stops before
//!   anybody else may start. It ends the process: what a reconcile has in flight cannot be called back otherwise.
//!
//! [`Election`] decides and knows neither clock nor API; [`Elector`] carries out what it decides. A leader only writes
//! (one patch every half renew deadline), a standby only reads.
//!
//! The crates that exist did not fit: one writes the Lease without a resourceVersion and trusts the holder's clock, the
//! others are built on kube versions that cannot be linked with this one's.
//!
//! [Lease]: https://kubernetes.io/docs/concepts/architecture/leases/

mod election;
mod elector;
#[cfg(test)]
mod tests;

pub use election::{Lost, Timing};
pub use elector::Elector;

use super::settings::{ElectionSettings, Settings};

impl From<&ElectionSettings> for Timing {
    fn from(settings: &ElectionSettings) -> Self {
        Self {
            lease_duration: settings.lease_duration,
            renew_deadline: settings.lease_renew_deadline,
            retry_period: settings.lease_retry_period,
        }
    }
}

/// The holder identity of this process.
///
/// No two processes that could run at the same time may share one. Containers of one pod (UID) run one after another, so
/// with a UID the identity survives the restart of a container, which then takes its Lease back without waiting.
#[must_use]
pub fn identity(settings: &Settings) -> String {
    let name = settings.pod_name.clone().or_else(host_name).unwrap_or_else(|| "beam-operator".to_owned());
    match &settings.pod_uid {
        Some(uid) => format!("{name}_{uid}"),
        None => format!("{name}_{:016x}", rand::random::<u64>()),
    }
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
