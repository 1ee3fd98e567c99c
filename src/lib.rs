//! The beam-operator library.

pub mod cli;
pub mod operator;
