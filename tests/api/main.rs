//! Tests of the operator process against a real API server, at which the proxy in front of it lets us look and strike.
//!
//! `cargo xtask test` starts the API server and runs them. They need no nodes: a pod that is created stays Pending, and
//! where a test is about pods it writes what a kubelet would have said. Each module says which other parts of Kubernetes
//! it relies on.

#![allow(
    clippy::default_trait_access,
    clippy::float_cmp,
    clippy::format_collect,
    clippy::needless_pass_by_value,
    reason = "a test is read, not tuned: values are passed as they are made, and counts are whole numbers"
)]

mod after;
mod alone;
mod apart;
mod bad_input;
mod children;
mod configuration;
mod deletion;
mod drift;
mod examples;
mod faults;
mod foreign;
mod harness;
mod leave;
mod migrations;
mod optional;
mod plugin;
mod process;
mod replicas;
mod revisions;
mod rollback;
mod routes;
mod schema;
mod sharing;
mod stateful;
mod status;
mod strategies;
mod tls;
mod unobserved;
mod unread;
