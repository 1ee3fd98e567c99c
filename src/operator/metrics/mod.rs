//! What the operator counts about itself, for Prometheus.
//!
//! Labels only take values from fixed lists (enums and `&'static str`): a name of an object or of a namespace would make
//! one time series for each release and the series would outlive it. The number of series is therefore known when the
//! operator is built, whatever it watches. What [`nodes`] measure of themselves is the one exception, and ends with them.

mod category;
#[cfg(test)]
mod monitoring;
mod nodes;
mod process;
mod reconcile;
mod request;

use std::fmt;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use category::ErrorCategory;
pub use nodes::{NodeSample, ObserverMetrics};
pub use reconcile::{ReconcileMetrics, ReconcileResult, ReconcileTimer};
pub(in crate::operator) use request::Answer;
pub use request::RequestMetrics;

/// The kind of the objects that a cache or a watch is about, for example `Deployment`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Every metric of the process, and the registry that `/metrics` prints.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Reconciles: how many, how long, how they ended, how many wait.
    pub reconciles: ReconcileMetrics,
    /// Requests to the API server.
    pub requests: RequestMetrics,
    /// Looks at nodes.
    pub observer: ObserverMetrics,
    nodes: nodes::Nodes,
    cached_objects: Family<KindLabel, Gauge>,
    watch_restarts: Family<KindLabel, Counter>,
    watch_errors: Family<KindLabel, Counter>,
    events: Family<OutcomeLabel, Counter>,
    leader: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("beam_operator_build", "Version of the operator", build);
        registry.register_collector(Box::new(process::ResidentMemory));
        let nodes = nodes::Nodes::default();
        registry.register_collector(Box::new(nodes.clone()));

        let own = registry.sub_registry_with_prefix("beam_operator");
        let reconciles = ReconcileMetrics::register(own);
        let requests = RequestMetrics::register(own);
        let observer = ObserverMetrics::register(own);
        let cached_objects = Family::default();
        own.register("cached_objects", "Objects held in the caches, by kind", cached_objects.clone());
        let watch_restarts = Family::default();
        own.register("watch_restarts", "Watches that listed all their objects anew", watch_restarts.clone());
        let watch_errors = Family::default();
        own.register("watch_errors", "Failures of watches; a watch comes back by itself", watch_errors.clone());
        let events = Family::default();
        own.register("events", "Kubernetes events, by what became of them", events.clone());
        let leader = Gauge::default();
        own.register("leader", "Whether this process holds the lease (1) or stands by (0)", leader.clone());
        Self {
            registry,
            reconciles,
            requests,
            observer,
            nodes,
            cached_objects,
            watch_restarts,
            watch_errors,
            events,
            leader,
        }
    }
}

impl Metrics {
    /// How many objects of `kind` a cache holds.
    pub fn set_cached_objects(&self, kind: &'static str, count: usize) {
        self.cached_objects.get_or_create(&KindLabel { kind }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A watch of `kind` lists all its objects, for the first time or again.
    pub fn watch_restarted(&self, kind: &'static str) {
        self.watch_restarts.get_or_create(&KindLabel { kind }).inc();
    }

    /// A watch of `kind` failed and will come back.
    pub fn watch_failed(&self, kind: &'static str) {
        self.watch_errors.get_or_create(&KindLabel { kind }).inc();
    }

    /// A Kubernetes event was written, repeated what was just written, was one too many, or could not be written.
    pub(super) fn event(&self, outcome: &'static str) {
        self.events.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Prints what the nodes that `source` knows measure of themselves, too.
    pub fn add_nodes(&self, source: impl Fn() -> Vec<NodeSample> + Send + 'static) {
        self.nodes.add(Box::new(source));
    }

    /// Whether this process is the leader.
    pub(super) fn set_leader(&self, leader: bool) {
        self.leader.set(i64::from(leader));
    }

    /// All metrics in the [OpenMetrics text format](https://prometheus.io/docs/specs/om/open_metrics_spec/).
    ///
    /// # Errors
    /// When a metric cannot be printed.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_printed_under_one_prefix() {
        let metrics = Metrics::default();
        metrics.set_cached_objects("Deployment", 3);
        metrics.watch_restarted("Deployment");
        metrics.watch_failed("Pod");
        metrics.event("written");
        metrics.set_leader(true);
        let text = metrics.encode().unwrap();
        for line in [
            concat!("beam_operator_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "beam_operator_cached_objects{kind=\"Deployment\"} 3",
            "beam_operator_watch_restarts_total{kind=\"Deployment\"} 1",
            "beam_operator_watch_errors_total{kind=\"Pod\"} 1",
            "beam_operator_events_total{outcome=\"written\"} 1",
            "beam_operator_leader 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line} is not in:\n{text}");
        }
        assert!(text.lines().any(|line| line.starts_with("process_resident_memory_bytes ")), "{text}");
    }
}
