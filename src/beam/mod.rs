//! A client of Erlang's distribution: what the nodes of a cluster know of each other, asked from outside.
//!
//! Kubernetes knows whether a pod is ready and not whether its node has found the others. The nodes know, and this
//! module asks them, as a hidden node that applications do not take for a member: it finds a node by [`epmd`] or on a
//! fixed port, proves knowledge of the [`Cookie`], over TLS if need be, and asks one of a closed list of questions.
//!
//! ```text
//! node     connect, connection, the task behind it
//! ├── epmd        which node listens where
//! ├── tls         the same protocol inside of TLS
//! ├── handshake   who is who, and the proof of the cookie
//! ├── call        the questions, and their answers by type
//! ├── control     a call and its answer as messages between nodes
//! ├── frame       messages as bytes with a length
//! └── term        Erlang terms, read from bytes that nobody vouches for
//! ```
//!
//! A node may be slow, wedged, another one than expected, or hostile. So everything that it sends has a limit that it
//! cannot move: frames, terms, their depth, the time that each step takes. Nothing that it says is trusted beyond the
//! answer it is taken for, and nothing that it does can panic or block the operator.
//!
//! It follows OTP's documents: the [distribution protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol) and
//! the [external term format](https://www.erlang.org/doc/apps/erts/erl_ext_dist). OTP 25 to 28 are what it speaks to.

mod call;
mod control;
mod cookie;
mod deadline;
pub mod epmd;
mod error;
mod frame;
mod handshake;
mod name;
mod node;
mod term;
mod tls;

pub use call::{Call, Connected, InitStatus, Memory, Visibility};
pub use cookie::{Cookie, InvalidCookie};
pub use error::{Closing, Error, Evidence, Result, Stage};
pub use handshake::OwnName;
pub use name::{InvalidName, NodeName};
pub use node::{Connection, Limits, Peer, Port, Target, connect};
pub use tls::{Identity, InvalidTls, Tls};
