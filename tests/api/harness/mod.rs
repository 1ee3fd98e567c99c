//! What every test needs: a namespace of its own, an operator process of its own that looks at nothing else, and a proxy
//! between that operator and the API server which records what it asks and breaks what a test wants broken.
//!
//! So the tests run side by side against one API server and never meet.

mod cluster;
mod end_state;
mod namespace;
mod operator;
mod plugin;
mod pods;
mod proxy;
mod scene;
mod wait;

pub use cluster::{Cluster, OwnCluster};
pub use end_state::EndState;
pub use namespace::Namespace;
pub use operator::{Operator, Options};
pub use plugin::Plugin;
pub use pods::{container, make_ready, this_pod_says};
pub use proxy::{Fault, Proxy, Request, Strikes};
pub use scene::Scene;
pub use wait::eventually;
