//! What the nodes of releases measure of themselves, and how often they are asked.
//!
//! The figures of a node carry its name. They are read from what is known when somebody asks, so that the series of a node
//! ends with it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::observer::{FailureKind, Vitals};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// Looks at nodes, and the questions in them.
#[derive(Clone, Debug, Default)]
pub struct ObserverMetrics {
    looks: Family<Outcome, Counter>,
    calls: Counter,
    connects: Family<Outcome, Counter>,
}

impl ObserverMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("node_looks", "Looks at nodes, by what came of them", metrics.looks.clone());
        let help = "Questions that nodes were asked over the distribution protocol; each is a message and has one for an answer";
        registry.register("node_calls", help, metrics.calls.clone());
        let help = "Nodes that were asked to connect to another, by what came of it";
        registry.register("node_connects", help, metrics.connects.clone());
        metrics
    }

    /// A node was looked at.
    pub fn looked(&self, failure: Option<FailureKind>) {
        let outcome = failure.map_or("seen", FailureKind::as_str);
        self.looks.get_or_create(&Outcome { outcome }).inc();
    }

    /// A node was asked to connect to another.
    pub fn connected(&self, is_connected: bool) {
        let outcome = if is_connected { "connected" } else { "failed" };
        self.connects.get_or_create(&Outcome { outcome }).inc();
    }

    /// A node was asked so many questions.
    pub fn asked(&self, questions: u64) {
        self.calls.inc_by(questions);
    }
}

/// What one node measures of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSample {
    /// The namespace of its pod.
    pub namespace: Arc<str>,
    /// The release that it runs.
    pub release: Arc<str>,
    /// Its pod.
    pub pod: Arc<str>,
    /// Its measurements; `None` while it cannot be asked.
    pub vitals: Option<Vitals>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NodeLabels {
    namespace: String,
    release: String,
    pod: String,
}

type Source = Box<dyn Fn() -> Vec<NodeSample> + Send>;

/// Where the samples come from: nobody, until the controller has started.
#[derive(Clone, Default)]
pub(super) struct Nodes(Arc<Mutex<Vec<Source>>>);

impl Nodes {
    pub(super) fn add(&self, source: Source) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    fn samples(&self) -> Vec<NodeSample> {
        let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.iter().flat_map(|source| source()).collect()
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nodes")
    }
}

type Figure = (&'static str, &'static str, Option<Unit>, fn(&NodeSample) -> Option<u64>);

/// The figures of a node.
const FIGURES: [Figure; 6] = [
    ("observed", "Whether the operator can ask the node (1) or not (0)", None, |node| {
        Some(node.vitals.is_some().into())
    }),
    ("memory", "Memory that the virtual machine uses, erlang:memory(total)", Some(Unit::Bytes), |node| {
        node.vitals.map(|vitals| vitals.memory)
    }),
    ("run_queue", "Processes and ports that are ready to run and wait for a scheduler", None, |node| {
        node.vitals.map(|vitals| vitals.run_queue)
    }),
    ("schedulers", "Schedulers that the virtual machine uses", None, |node| {
        node.vitals.map(|vitals| vitals.schedulers)
    }),
    ("longest_message_queue", "Messages that wait for the process for which most do", None, |node| {
        node.vitals.and_then(|vitals| vitals.longest_queue)
    }),
    ("processes", "Processes of the virtual machine", None, |node| node.vitals.map(|vitals| vitals.processes)),
];

impl Collector for Nodes {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let samples = self.samples();
        if samples.is_empty() {
            return Ok(());
        }
        for (name, help, unit, figure) in FIGURES {
            let name = format!("beam_node_{name}");
            let mut metric = encoder.encode_descriptor(&name, help, unit.as_ref(), MetricType::Gauge)?;
            for sample in &samples {
                let Some(value) = figure(sample) else { continue };
                let labels = NodeLabels {
                    namespace: sample.namespace.to_string(),
                    release: sample.release.to_string(),
                    pod: sample.pod.to_string(),
                };
                let value = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                value.encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    #[test]
    fn a_node_has_series_as_long_as_it_is_there() {
        let metrics = Metrics::default();
        let node = |pod: &str, vitals| NodeSample {
            namespace: "store".into(),
            release: "shop".into(),
            pod: pod.into(),
            vitals,
        };
        let nodes = Arc::new(Mutex::new(vec![
            node(
                "a",
                Some(Vitals { memory: 4096, run_queue: 2, schedulers: 3, processes: 70, longest_queue: Some(5) }),
            ),
            node("b", None),
        ]));
        let source = nodes.clone();
        metrics.add_nodes(move || source.lock().unwrap().clone());

        let text = metrics.encode().unwrap();
        for line in [
            r#"beam_node_observed{namespace="store",release="shop",pod="a"} 1"#,
            r#"beam_node_observed{namespace="store",release="shop",pod="b"} 0"#,
            r#"beam_node_memory_bytes{namespace="store",release="shop",pod="a"} 4096"#,
            r#"beam_node_run_queue{namespace="store",release="shop",pod="a"} 2"#,
            r#"beam_node_schedulers{namespace="store",release="shop",pod="a"} 3"#,
            r#"beam_node_longest_message_queue{namespace="store",release="shop",pod="a"} 5"#,
            r#"beam_node_processes{namespace="store",release="shop",pod="a"} 70"#,
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line} is not in:\n{text}");
        }
        nodes.lock().unwrap().clear();
        assert!(!metrics.encode().unwrap().contains("beam_node_"));
    }
}
