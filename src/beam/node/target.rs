//! Which node to connect to, and how long it may take.

use std::time::Duration;

use super::super::epmd;
use super::super::handshake::OwnName;
use super::super::name::NodeName;
use super::super::tls::Tls;

/// How the port of a node is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// By asking the EPMD that listens on this port of the node's host.
    Epmd(u16),
    /// It is known, as with `-erl_epmd_port`.
    Fixed(u16),
}

impl Default for Port {
    fn default() -> Self {
        Self::Epmd(epmd::PORT)
    }
}

/// A node to connect to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its address, IPv4 or IPv6, or a host name.
    pub host: String,
    /// How its port is found.
    pub port: Port,
    /// What it should call itself. Without one, any node will do that listens there: with EPMD the only one of its host.
    pub expected: Option<NodeName>,
    /// How we are called there.
    pub own_name: OwnName,
    /// Talks TLS if there is one.
    pub tls: Option<Tls>,
}

impl Target {
    /// The one node on `host`, by EPMD and without TLS.
    #[must_use]
    pub fn new(host: impl Into<String>) -> Self {
        let own_name = OwnName::Given { host: "beam-operator".to_owned() };
        Self { host: host.into(), port: Port::default(), expected: None, own_name, tls: None }
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Opening a connection, everything included.
    pub connect: Duration,
    /// The `net_ticktime` of the nodes. A quarter of it without a word from us is answered with a tick; a node that is
    /// silent for a quarter more than all of it is taken for dead.
    pub tick: Duration,
    /// A connection on which nobody asked anything for so long is closed.
    pub idle: Duration,
}

impl Default for Limits {
    /// What OTP allows itself for connecting and for ticks, and five minutes for an idle connection.
    fn default() -> Self {
        Self { connect: Duration::from_secs(7), tick: Duration::from_mins(1), idle: Duration::from_mins(5) }
    }
}
