//! A connection to a node: opening it, and asking over it.
//!
//! [`connect`] goes from an address to a [`Connection`], which learns on the way what the node calls itself. A connection
//! is a task and not a thread, and takes 3 kB, or 10 kB with TLS, as `tests/beam/footprint.rs` measures. It ends when its
//! [`Connection`] is dropped, when nothing was asked for too long, or when the node is gone. Its owner keeps one for each
//! node.

mod connect;
mod connection;
mod driver;
mod target;
#[cfg(test)]
mod tests;

pub use connect::connect;
pub use connection::{Connection, Peer};
pub use target::{Limits, Port, Target};
