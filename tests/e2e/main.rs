//! Tests of the installed operator on real Kubernetes nodes, with the sample application as the release.
//!
//! `cargo xtask test` makes the cluster, loads the images, installs the operator by its Helm chart and runs them, several at a
//! time. Each has a namespace of its own; those that stop a node or kill the operator, which others would notice, have the
//! cluster for themselves.
//!
//! What these clusters do not have, and so is not tested here: a network plugin that enforces NetworkPolicies (what they
//! say is tested where they are built), a metrics server, a registry of images, and a load balancer.

mod by_weight;
mod configuration;
mod deletion;
mod discovery;
mod distribution;
mod drain;
mod eviction;
mod first_release;
mod harness;
mod helm;
mod leave;
mod mesh;
mod migrations;
mod node_lost;
mod olm;
mod operator_killed;
mod operator_replicas;
mod release_tools;
mod revisions_apart;
mod rollback;
mod rollout;
mod scaling;
mod shared_cluster;
mod stateful;
mod strategies;
mod tls;
mod trouble;
mod virtual_machine;
