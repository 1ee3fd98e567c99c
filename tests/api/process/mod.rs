//! The operator as a process: how it starts, leads, answers, logs and ends.
//!
//! Runs with an API server; the controller manager, where there is one, may look after the children as it likes.

mod check;
pub mod election;
mod endpoints;
mod neighbours;
pub mod permissions;
mod secrecy;
mod starting;
