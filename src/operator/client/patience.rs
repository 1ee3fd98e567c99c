//! Retries of what the API server has no time for, as long as the request may wait.
//!
//! The API server may say when to come back. Later than the request's own deadline is too late: the refusal is given back
//! at once then, so that it is told as what it is, and what waits for the answer makes room for others.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Request, Response};
use kube::client::Body;
use kube::client::retry::RetryPolicy;
use tokio::time::Sleep;
use tower::BoxError;
use tower::retry::Policy;

/// kube's retries of 429, 503 and 504, but for those that would come after the deadline.
#[derive(Clone)]
pub(super) struct Patience {
    retries: RetryPolicy,
    limit: Duration,
}

impl Patience {
    /// Retries of requests that may take as long as `limit`.
    pub(super) fn new(retries: RetryPolicy, limit: Duration) -> Self {
        Self { retries, limit }
    }

    fn is_too_late<B>(&self, answer: &Response<B>) -> bool {
        let header = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let seconds = header.and_then(|value| value.trim().parse().ok());
        seconds.is_some_and(|seconds| Duration::from_secs(seconds) >= self.limit)
    }
}

impl<B> Policy<Request<Body>, Response<B>, BoxError> for Patience {
    type Future = Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<B>, BoxError>,
    ) -> Option<Self::Future> {
        if result.as_ref().is_ok_and(|answer| self.is_too_late(answer)) {
            return None;
        }
        self.retries.retry(request, result)
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Policy::<_, Response<B>, _>::clone_request(&mut self.retries, request)
    }
}
