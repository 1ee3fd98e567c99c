//! beam-operator runs Elixir and Erlang releases on Kubernetes the way the BEAM wants to be run.
//!
//! One reconcile flows one way: observe → validate → plan → apply → status. See [`controller`] for the stages,
//! [`rollout`] for which revision runs, [`resources`] for a builder a child, [`api`] for the resource, [`observer`] for what is seen inside,
//! [`operator`] for what any operator needs.

pub mod api;
pub mod beam;
pub mod cli;
pub mod controller;
pub mod digest;
pub mod leaver;
pub mod observer;
pub mod operator;
pub mod render;
pub mod resources;
pub mod rollout;
pub mod time;
