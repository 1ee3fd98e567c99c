//! What was seen of a node.

use std::sync::Arc;

use jiff::Timestamp;

use crate::beam::{Error, NodeName, Port};

/// A node to look at: the one in this pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Name of the pod.
    pub pod: Arc<str>,
    /// Its uid: another pod of the same name is another node.
    pub uid: Arc<str>,
    /// Its IP address.
    pub address: Arc<str>,
    /// How its port is found.
    pub port: Port,
    /// What it should call itself; `None` where the image decides.
    pub expected: Option<NodeName>,
    /// The revision whose nodes alone it is to meet; `None` where all of the cluster meet.
    pub apart: Option<Arc<str>>,
    /// Whether the pod is ready.
    pub is_ready: bool,
    /// When its container was started: a node that was started anew is looked at anew.
    pub started: Option<Timestamp>,
}

/// What is known of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// The release that it runs.
    pub release: Arc<str>,
    /// Which node.
    pub node: Node,
    /// What the last look came to.
    pub seen: Seen,
    /// Whether it has ever answered.
    pub has_answered: bool,
    /// Whether it was ever seen connected to another member of its cluster.
    pub has_met: bool,
}

/// What a look came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Nobody has looked yet.
    NotYet,
    /// The node answered.
    View(Arc<View>),
    /// It could not be asked.
    Failed(Failure),
}

/// What a node says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// What it calls itself.
    pub name: NodeName,
    /// The visible nodes that it is connected to, in order.
    pub peers: Box<[NodeName]>,
    /// Its OTP release, such as `27`.
    pub otp_release: Box<str>,
    /// When its virtual machine was started.
    pub started_at: Timestamp,
    /// Whether its `global` disconnects nodes that not all others see.
    pub prevents_overlapping_partitions: bool,
    /// Whether it uses the cookie that is about to take the place of the present one.
    pub has_next_cookie: bool,
}

impl View {
    /// Whether it is connected to a node.
    #[must_use]
    pub fn sees(&self, name: &NodeName) -> bool {
        self.peers.binary_search(name).is_ok()
    }
}

/// Why a node could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What sort of trouble it is.
    pub kind: FailureKind,
    /// The same in words.
    pub message: Box<str>,
}

/// What keeps us from asking a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The operator lacks the cookie or a certificate.
    NoAccess,
    /// The node has another cookie.
    WrongCookie,
    /// Nothing listens, or no node is registered: it is not distributed, or not yet.
    NotDistributed,
    /// It speaks TLS and we do not, the other way round, or one does not trust the other.
    Tls,
    /// There is no way to it, or it does not answer.
    Unreachable,
}

impl FailureKind {
    /// Whether it is certain at once. What may be a hiccup of the network has to happen twice.
    #[must_use]
    pub fn is_definite(self) -> bool {
        self != Self::Unreachable
    }

    /// As the value of a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAccess => "no_access",
            Self::WrongCookie => "wrong_cookie",
            Self::NotDistributed => "not_distributed",
            Self::Tls => "tls",
            Self::Unreachable => "unreachable",
        }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let kind = match error {
            Error::WrongCookie { .. } => FailureKind::WrongCookie,
            Error::Refused { .. } | Error::NotRegistered { .. } => FailureKind::NotDistributed,
            Error::Tls { .. } | Error::TlsExpected { .. } => FailureKind::Tls,
            _ => FailureKind::Unreachable,
        };
        Self { kind, message: error.to_string().into() }
    }
}
