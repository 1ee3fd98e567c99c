//! The `ElixirRelease` resource: types, defaults and the rules the API server can check.
//!
//! Nothing here decides anything. What a field *does* is found under its name in `resources`, and what the API server
//! cannot check (names derived from others, objects referred to, members of one cluster) in `controller::validate`.
//! Doc comments become the descriptions that `kubectl explain exr` prints, so they carry meaning, unit and default.

mod autoscaling;
mod cluster;
mod container;
mod crd;
mod lifecycle;
mod migrations;
mod release;
mod rollout;
mod service;
mod spec;
mod status;
mod strategy;
mod tls;
mod verbatim;
mod workload;

pub use autoscaling::Autoscaling;
pub use cluster::{
    Cluster, ClusterPorts, Cookie, Discovery, Distribution, Epmd, ExtraPort, HeadlessService, Healing, Host,
    Observation, ObservationMode, PortRange, ReadinessGate, Scope, SecretKeyRef,
};
pub use container::{DefaultProbe, ImagePullPolicy, Port, Probes, Protocol};
pub use crd::crd;
pub use lifecycle::{
    BusyWait, DisruptionBudget, DisruptionBudgetMode, Drain, Leave, NetworkPolicyMode, Schedulers, SchedulersPolicy,
    Shutdown, Vm,
};
pub use migrations::{Migration, When};
pub use release::{Release, ReleaseTool};
pub use rollout::{OnFailure, Rollout};
pub use service::{ServicePort, ServiceType, TrafficService};
pub use spec::{ElixirRelease, ElixirReleaseSpec};
pub use status::{
    ClusterStatus, ElixirReleaseStatus, NodeState, NodeStatus, RequestOutcome, RequestStatus, RolloutPhase,
    RolloutStatus,
};
pub use strategy::{BlueGreen, Canary, CanaryStep, Promotion, RouteReference, Strategy};
pub use tls::{Tls, TlsMode};
pub use verbatim::Verbatim;
pub use workload::{PodManagementPolicy, Workload, WorkloadKind};

/// The API group of every name this operator puts into a cluster: the resource, labels, annotations.
pub const GROUP: &str = "beam-operator.io";
