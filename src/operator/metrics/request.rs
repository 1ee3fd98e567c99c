//! Requests to the API server, as the API server itself counts them.

use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::operator::client::ApiCall;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    verb: &'static str,
    resource: &'static str,
    subresource: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerbLabel {
    verb: &'static str,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::operator) enum Answer {
    /// The API server answered.
    Status(StatusCode),
    /// The connection failed.
    Failed,
    /// Nobody waited for the answer any longer: it was late, or the process stops.
    Abandoned,
}

/// Metrics of requests to the API server. Each try is a request of its own.
#[derive(Debug)]
pub struct RequestMetrics {
    answered: Family<RequestLabels, Counter>,
    duration: Family<VerbLabel, Histogram, fn() -> Histogram>,
}

impl RequestMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self { answered: Family::default(), duration: Family::new_with_constructor(buckets) };
        registry.register(
            "api_requests",
            "Requests to the API server, by what they asked and how they were answered",
            metrics.answered.clone(),
        );
        registry.register_with_unit(
            "api_request_duration",
            "Time until the API server began to answer",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        metrics
    }

    /// Counts a request that took `elapsed` until it was answered.
    pub(in crate::operator) fn record(&self, call: &ApiCall, answer: Answer, elapsed: Duration) {
        let ApiCall { verb, resource, subresource, .. } = *call;
        let labels = RequestLabels { verb: verb.as_str(), resource, subresource, code: answer.code() };
        self.answered.get_or_create(&labels).inc();
        self.duration.get_or_create(&VerbLabel { verb: verb.as_str() }).observe(elapsed.as_secs_f64());
    }
}

fn buckets() -> Histogram {
    Histogram::new([0.002, 0.01, 0.05, 0.25, 1.0, 5.0, 15.0])
}

impl Answer {
    /// The codes that call for different remedies by themselves, any other by its class.
    fn code(self) -> &'static str {
        let Self::Status(status) = self else {
            return if self == Self::Failed { "error" } else { "abandoned" };
        };
        match status.as_u16() {
            401 => "401",
            403 => "403",
            404 => "404",
            409 => "409",
            410 => "410",
            422 => "422",
            429 => "429",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Answer::Status(StatusCode::CREATED), "2xx")]
    #[case(Answer::Status(StatusCode::CONFLICT), "409")]
    #[case(Answer::Status(StatusCode::IM_A_TEAPOT), "4xx")]
    #[case(Answer::Status(StatusCode::SERVICE_UNAVAILABLE), "5xx")]
    #[case(Answer::Failed, "error")]
    #[case(Answer::Abandoned, "abandoned")]
    fn codes_are_few(#[case] answer: Answer, #[case] expect: &str) {
        assert_eq!(answer.code(), expect);
    }
}
