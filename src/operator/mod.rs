//! What any operator needs, whatever it operates: settings, a client, leader election, metrics, health, events, logs.
//!
//! Nothing here knows what a release is, except the lists in [`startup`] of what has to be installed and granted.
//! [`run`] puts the parts together and hands them to the controller as a [`Runtime`]:
//!
//! 1. The ports are opened and `/readyz` says that the process starts.
//! 2. [`startup`] waits until the CRD and the permissions are there. From then on it looks again whenever the API server
//!    refuses something.
//! 3. [`leader`] waits for the Lease; a standby is ready.
//! 4. The controller starts, and calls [`Readiness::ready`] when its caches are filled.
//!
//! It ends in one of three ways: on SIGTERM or SIGINT within a second, after giving the Lease back; at once when the Lease
//! is lost, because another process may be leading already; or with an error.

pub mod check;
pub mod client;
pub mod events;
pub mod leader;
pub mod limits;
pub mod metrics;
mod readiness;
mod refusals;
mod run;
pub mod server;
pub mod settings;
mod shutdown;
pub mod startup;
pub mod telemetry;

pub use readiness::Readiness;
pub use refusals::Refusals;
pub use run::{Error, Runtime, run};
