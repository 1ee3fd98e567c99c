//! A node.

use beam_operator::beam::{NodeName, OwnName, Port, Target, Tls};

use super::child::Program;
use super::{COOKIE, Otp, free_port};

/// How the distribution of a node listens.
#[derive(Clone, Default)]
pub enum Distribution {
    /// As by default, registered at EPMD.
    #[default]
    Epmd,
    /// On a fixed port, without EPMD.
    Fixed,
    /// With TLS, by this file of options.
    Tls(String),
}

/// A node to be started: over IPv6 if its name says so.
#[derive(Clone)]
pub struct Wanted {
    pub name: String,
    pub distribution: Distribution,
    pub arguments: Vec<String>,
}

impl Wanted {
    /// An ordinary node, on loopback.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), distribution: Distribution::default(), arguments: Vec::new() }
    }
}

/// A node that runs and listens. It ends with its value.
pub struct Node {
    pub name: NodeName,
    port: Port,
    host: String,
    program: Program,
}

impl Node {
    /// Starts a node with an ordinary distribution.
    pub fn start(otp: &Otp, name: &str) -> Self {
        Self::start_as(otp, &Wanted::named(name))
    }

    /// Starts a node and waits until it listens.
    pub fn start_as(otp: &Otp, wanted: &Wanted) -> Self {
        let mut erl = otp.erl();
        erl.env("ERL_EPMD_PORT", otp.epmd_port.to_string()).args(["-noshell", "-noinput", "-start_epmd", "false"]);
        let name: NodeName = wanted.name.parse().unwrap();
        let kind = if name.host().contains(['.', ':']) { "-name" } else { "-sname" };
        erl.args([kind, name.as_str(), "-setcookie", COOKIE, "+S", "2"]);
        let is_ipv6 = name.host().contains(':');
        let loopback = if is_ipv6 { "{0,0,0,0,0,0,0,1}" } else { "{127,0,0,1}" };
        erl.args(["-kernel", "inet_dist_use_interface", loopback]);
        let mut port = Port::Epmd(otp.epmd_port);
        let (plain, secure) = if is_ipv6 { ("inet6_tcp", "inet6_tls") } else { ("inet_tcp", "inet_tls") };
        match &wanted.distribution {
            Distribution::Epmd => {
                erl.args(["-proto_dist", plain]);
            }
            Distribution::Fixed => {
                let fixed = free_port();
                erl.args(["-proto_dist", plain, "-erl_epmd_port", &fixed.to_string()]);
                port = Port::Fixed(fixed);
            }
            Distribution::Tls(options) => {
                erl.args(["-proto_dist", secure, "-ssl_dist_optfile", options]);
            }
        }
        erl.args(&wanted.arguments);
        // Distribution listens before the first expression is evaluated.
        erl.args(["-eval", "io:format(\"listening~n\")"]);
        let mut program = Program::start(&mut erl);
        program.wait_for("listening");
        let host = if is_ipv6 { "::1" } else { "127.0.0.1" }.to_owned();
        Self { name, port, host, program }
    }

    /// Freezes it, as a machine without memory or time for it would.
    pub fn freeze(&self) {
        self.program.freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.program.signal("CONT");
    }

    /// The node, to connect to: as it calls itself.
    pub fn target(&self) -> Target {
        Target { port: self.port, expected: Some(self.name.clone()), ..Target::new(&self.host) }
    }

    /// The node, to connect to without knowing its name.
    pub fn anonymous(&self) -> Target {
        Target { expected: None, ..self.target() }
    }

    /// The node, to connect to with TLS.
    pub fn with_tls(&self, tls: Tls) -> Target {
        Target { tls: Some(tls), ..self.target() }
    }

    /// The node, to connect to with a name of our own.
    pub fn as_chosen(&self, own_name: &str) -> Target {
        Target { own_name: OwnName::Chosen(own_name.parse().unwrap()), ..self.target() }
    }
}
