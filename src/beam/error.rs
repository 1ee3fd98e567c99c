//! Why a node could not be reached or asked, in words that say what to do.
//!
//! No error holds a cookie, nor any term that a node sent: the stack trace in an error of a node may repeat the arguments
//! of a call, and one of the calls has a cookie for its argument.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::name::{InvalidName, NodeName};

/// The result of something that a node takes part in.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a node could not be reached or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A host name has no address.
    #[error("{host} has no address: check the name and the cluster's DNS")]
    Unresolved {
        /// The name that was looked up.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Nothing listens there.
    #[error("{address} refused the connection: nothing listens on this port")]
    Refused {
        /// Where a listener was expected.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no way there.
    #[error("{address} cannot be reached: check routes and network policies")]
    Unreachable {
        /// Where the connection should have gone.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// EPMD does not know the node, and no other node is registered that could be it under another name.
    #[error("{}", not_registered(wanted.as_deref(), *epmd, registered))]
    NotRegistered {
        /// The EPMD that was asked.
        epmd: SocketAddr,
        /// The part of the name before the `@`; `None` when any node would have done.
        wanted: Option<String>,
        /// The names that it knows instead.
        registered: Vec<String>,
    },
    /// The node does not accept our cookie, or does not know it itself.
    #[error("{peer} has another cookie: {evidence}")]
    WrongCookie {
        /// What the node calls itself.
        peer: NodeName,
        /// By what this shows.
        evidence: Evidence,
    },
    /// The node is not the one that was expected.
    #[error(
        "expected the node {expected}, and it calls itself {actual}: check what sets its name, such as RELEASE_NODE in env.sh"
    )]
    NameMismatch {
        /// Whom the caller expected.
        expected: NodeName,
        /// What the node calls itself.
        actual: NodeName,
    },
    /// The node accepts connections only from others: `net_kernel:allow/1`, or distribution flags that it insists on.
    #[error("{address} does not allow this connection: see net_kernel:allow/1, and the node's log for missing flags")]
    NotAllowed {
        /// The node's address.
        address: SocketAddr,
    },
    /// The node is busy with another connection under the same name.
    #[error("{address} is setting up another connection with the same name: try again")]
    Busy {
        /// The node's address.
        address: SocketAddr,
    },
    /// The node closed the connection before it said what is wrong.
    #[error(
        "{address} closed the connection during {stage}: check that a distributed node of OTP 25 or newer listens there"
    )]
    HungUp {
        /// The node's address.
        address: SocketAddr,
        /// What was going on.
        stage: Stage,
    },
    /// The TLS connection failed.
    #[error("TLS with {address} failed: check that its distribution uses TLS, and the certificates of both sides")]
    Tls {
        /// The node's address.
        address: SocketAddr,
        /// What went wrong.
        source: io::Error,
    },
    /// The node speaks TLS, and we did not.
    #[error("{address} speaks TLS: connect with TLS")]
    TlsExpected {
        /// The node's address.
        address: SocketAddr,
    },
    /// Something took too long.
    #[error("{stage} took longer than {limit:?}")]
    TimedOut {
        /// What was going on.
        stage: Stage,
        /// How long all of it might have taken.
        limit: Duration,
    },
    /// The peer said something that this side does not understand.
    #[error("{stage}: expected {expected}, got {found}")]
    Protocol {
        /// What was going on.
        stage: Stage,
        /// What would have been understood.
        expected: &'static str,
        /// Of what kind it was; never the thing itself.
        found: String,
    },
    /// The node could not carry out a call.
    #[error("{call} failed on the node: {reason}")]
    Failed {
        /// The function, as module:function/arity.
        call: &'static str,
        /// The class of the error, such as `undef`; its details are left out.
        reason: String,
    },
    /// Too many calls wait for an answer.
    #[error("{limit} calls wait for an answer of this node already")]
    TooManyCalls {
        /// The number of calls that may wait.
        limit: usize,
    },
    /// There is no connection any more.
    #[error("the connection is closed: {0}")]
    Closed(Closing),
}

/// What was going on when something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Looking up a host name.
    Resolve,
    /// Opening the TCP connection to EPMD or to the node.
    Connect,
    /// Asking EPMD.
    Epmd,
    /// The TLS handshake.
    Tls,
    /// Waiting for the node's verdict on our name.
    Status,
    /// Waiting for the node's name and challenge.
    Challenge,
    /// Waiting for the node to accept our proof, and for its own.
    Proof,
    /// Waiting for the answer to a call.
    Call,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the host name",
            Self::Connect => "opening the TCP connection",
            Self::Epmd => "asking EPMD",
            Self::Tls => "the TLS handshake",
            Self::Status => "the handshake, at the status",
            Self::Challenge => "the handshake, at the challenge",
            Self::Proof => "the handshake, at the proof of the cookie",
            Self::Call => "the answer to a call",
        })
    }
}

/// By what a wrong cookie shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The node closed the connection on our proof, which is all that OTP does about a wrong one.
    Rejected,
    /// The node's own proof is wrong, although it accepted ours: it may not be the node that it says it is.
    BadProof,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected => "it closed the connection when it was shown proof of ours",
            Self::BadProof => "its own proof is wrong, so it may not be who it says",
        })
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closing {
    /// The node closed it, or went away.
    ByPeer,
    /// Nothing was heard of the node for so long, not even a tick.
    Silent(Duration),
    /// Nobody asked anything for so long.
    Idle(Duration),
    /// Its owner closed it.
    ByOwner,
    /// The node sent something that could not be understood.
    Garbage(String),
    /// Reading or writing failed.
    Broken(io::ErrorKind),
    /// The node read nothing for so long.
    Stuck(Duration),
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByPeer => f.write_str("by the node"),
            Self::Silent(time) => write!(f, "the node was silent for {time:?}"),
            Self::Idle(time) => write!(f, "nothing was asked for {time:?}"),
            Self::ByOwner => f.write_str("by its owner"),
            Self::Garbage(what) => write!(f, "the node sent {what}"),
            Self::Broken(kind) => write!(f, "{kind}"),
            Self::Stuck(time) => write!(f, "the node took nothing for {time:?}"),
        }
    }
}

impl Error {
    /// A protocol error.
    pub(super) fn protocol(stage: Stage, expected: &'static str, found: impl Into<String>) -> Self {
        Self::Protocol { stage, expected, found: found.into() }
    }

    pub(super) fn bad_name(stage: Stage, error: &InvalidName) -> Self {
        Self::protocol(stage, "the name of a node", error.to_string())
    }

    /// What became of an attempt to open a TCP connection.
    pub(super) fn connect(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused { address, source },
            _ => Self::Unreachable { address, source },
        }
    }
}

fn not_registered(wanted: Option<&str>, epmd: SocketAddr, registered: &[String]) -> String {
    let known = if registered.is_empty() { "none".to_owned() } else { registered.join(", ") };
    match wanted {
        Some(wanted) => format!("EPMD at {epmd} knows no node {wanted}; registered there: {known}"),
        None if registered.is_empty() => format!("EPMD at {epmd} knows no node: none there is distributed"),
        None => format!("EPMD at {epmd} knows several nodes ({known}): name the one that is meant"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn missing(wanted: Option<&str>, registered: &[&str]) -> String {
        let epmd = "10.0.0.1:4369".parse().unwrap();
        let registered = registered.iter().map(ToString::to_string).collect();
        Error::NotRegistered { epmd, wanted: wanted.map(str::to_owned), registered }.to_string()
    }

    #[rstest]
    #[case(Some("shop"), &[], "EPMD at 10.0.0.1:4369 knows no node shop; registered there: none")]
    #[case(Some("shop"), &["a", "b"], "EPMD at 10.0.0.1:4369 knows no node shop; registered there: a, b")]
    #[case(None, &[], "EPMD at 10.0.0.1:4369 knows no node: none there is distributed")]
    #[case(None, &["a", "b"], "EPMD at 10.0.0.1:4369 knows several nodes (a, b): name the one that is meant")]
    fn what_epmd_does_not_know(#[case] wanted: Option<&str>, #[case] registered: &[&str], #[case] words: &str) {
        assert_eq!(missing(wanted, registered), words);
    }
}
