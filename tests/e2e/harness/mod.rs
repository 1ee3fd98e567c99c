//! What every test needs: the cluster with the installed operator, a namespace of its own that is deleted in the end, and
//! the nodes of the releases in it as they see each other.

mod cluster;
mod helm;
mod http;
mod namespace;
mod nodes;
mod olm;
mod operator;
mod outage;
mod release;
mod traffic;
mod wait;

pub use cluster::Cluster;
pub use helm::{CHART, Helm, Installed};
pub use http::Connections;
pub use namespace::Namespace;
pub use nodes::{Node, meshed};
pub use olm::Olm;
pub use operator::{NAMESPACE as OPERATOR_NAMESPACE, Operator};
pub use outage::{Outage, place, victim};
pub use release::{Release, is_complete, shop};
pub use traffic::Traffic;
pub use wait::eventually;
