//! The mesh: what the nodes of a cluster know of each other, as a pure function of what was seen of each.
//!
//! A node is *settled* once its pod is ready or it has met another. Those that are not yet are on their way, and nobody
//! misses them. Two nodes are linked if one of them says so: when a connection begins or ends, they do not tell at the same
//! moment, and a mesh that changes is no news until both agree.
//!
//! Where revisions are apart (`cluster.scope: Revision`), the nodes of each are a mesh of their own: one misses nobody of
//! another revision, and has no business with them.

mod gate;
mod mend;
mod picture;
mod report;
mod restart;
mod rotation;
mod verdict;
mod watchlist;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use gate::to_open;
pub use mend::{Wishes, wishes};
pub use picture::{Member, Picture, grown_up_at};
pub use report::{MeshStatus, report, settles_at};
pub use restart::{Restarts, to_restart};
pub use rotation::{Move, next as next_rotation, waits as rotation_waits};
pub use verdict::of_mesh;
pub use watchlist::watchlists;
