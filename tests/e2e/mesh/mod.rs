//! What the operator sees of the mesh, what it tells, and what it does about it.

mod cookie;
mod discovery;
mod gate;
mod partition;
mod rotation;
mod secrecy;
mod smaller_side;
mod trouble;
