//! Bad input, tried one by one: what the API server refuses, what only the operator can tell, and what `render` says
//! about the same file without a cluster.
//!
//! Runs with an API server; the controller manager, where there is one, may look after the children as it likes.

mod broken;
mod cookies;
mod refused;
mod rendered;
mod told;
