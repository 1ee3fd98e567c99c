//! Reconciles: how many, how long, how they ended, how many wait.

use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::ErrorCategory;

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileResult {
    /// Something was written.
    Changed,
    /// Everything was as it should be.
    Unchanged,
    /// The release is paused: looked at, nothing written but its status.
    Paused,
    /// The release cannot be run as it is written; its conditions say why.
    Invalid,
    /// An error ended it; it is tried again.
    Failed,
}

impl ReconcileResult {
    fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Paused => "paused",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CategoryLabel {
    category: &'static str,
}

/// Metrics of reconciles.
#[derive(Debug)]
pub struct ReconcileMetrics {
    ended: Family<ResultLabel, Counter>,
    errors: Family<CategoryLabel, Counter>,
    duration: Histogram,
    in_flight: Gauge,
    waiting: Gauge,
}

impl ReconcileMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            ended: Family::default(),
            errors: Family::default(),
            duration: Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]),
            in_flight: Gauge::default(),
            waiting: Gauge::default(),
        };
        registry.register("reconciles", "Reconciles that ended, by result", metrics.ended.clone());
        registry.register("reconcile_errors", "Errors of reconciles, by category", metrics.errors.clone());
        let duration = metrics.duration.clone();
        registry.register_with_unit("reconcile_duration", "How long a reconcile took", Unit::Seconds, duration);
        registry.register("reconciles_in_flight", "Reconciles that run now", metrics.in_flight.clone());
        registry.register("queue_depth", "Releases that wait to be reconciled", metrics.waiting.clone());
        metrics
    }

    /// Starts to time a reconcile; [`ReconcileTimer::finish`] says how it ended.
    pub fn start(&self) -> ReconcileTimer<'_> {
        self.in_flight.inc();
        ReconcileTimer { metrics: self, started: Instant::now() }
    }

    /// Counts an error that ended a reconcile.
    pub fn error(&self, category: ErrorCategory) {
        self.errors.get_or_create(&CategoryLabel { category: category.as_str() }).inc();
    }

    /// How many releases wait for their turn.
    pub fn set_queue_depth(&self, depth: usize) {
        self.waiting.set(i64::try_from(depth).unwrap_or(i64::MAX));
    }
}

/// Times one reconcile. Dropped without [`finish`](Self::finish), as when the process stops, it only counts as no longer
/// in flight.
#[derive(Debug)]
#[must_use = "a timer that is dropped counts no reconcile"]
pub struct ReconcileTimer<'a> {
    metrics: &'a ReconcileMetrics,
    started: Instant,
}

impl ReconcileTimer<'_> {
    /// Counts the reconcile and how long it took.
    pub fn finish(self, result: ReconcileResult) {
        self.metrics.duration.observe(self.started.elapsed().as_secs_f64());
        self.metrics.ended.get_or_create(&ResultLabel { result: result.as_str() }).inc();
    }
}

impl Drop for ReconcileTimer<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}

#[cfg(test)]
mod tests {
    use crate::operator::metrics::{ErrorCategory, Metrics, ReconcileResult};

    #[test]
    fn a_reconcile_is_counted_once_by_its_result() {
        let metrics = Metrics::default();
        let timer = metrics.reconciles.start();
        assert!(metrics.encode().unwrap().contains("beam_operator_reconciles_in_flight 1\n"));
        timer.finish(ReconcileResult::Changed);
        drop(metrics.reconciles.start());
        metrics.reconciles.error(ErrorCategory::Conflict);
        metrics.reconciles.set_queue_depth(4);
        let text = metrics.encode().unwrap();
        for line in [
            "beam_operator_reconciles_total{result=\"changed\"} 1",
            "beam_operator_reconcile_errors_total{category=\"conflict\"} 1",
            "beam_operator_reconcile_duration_seconds_count 1",
            "beam_operator_reconciles_in_flight 0",
            "beam_operator_queue_depth 4",
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line} is not in:\n{text}");
        }
    }
}
