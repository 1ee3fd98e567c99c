//! Counts every request and how long the API server took to begin its answer, and notes those that were refused.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::client::Body;
use tower::{BoxError, Layer, Service};

use super::ApiCall;
use crate::operator::Refusals;
use crate::operator::metrics::{Answer, Metrics};

/// Records every request in `metrics`, and those that were refused in `refusals`.
pub(super) fn layer(metrics: Arc<Metrics>, refusals: Refusals) -> ObserveLayer {
    ObserveLayer { metrics, refusals }
}

#[derive(Clone, Debug)]
pub(super) struct ObserveLayer {
    metrics: Arc<Metrics>,
    refusals: Refusals,
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, metrics: Arc::clone(&self.metrics), refusals: self.refusals.clone() }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Observe<S> {
    inner: S,
    metrics: Arc<Metrics>,
    refusals: Refusals,
}

impl<S, B> Service<Request<Body>> for Observe<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let pending = Pending {
            call: ApiCall::of(&request),
            metrics: Arc::clone(&self.metrics),
            sent: Instant::now(),
            answer: Answer::Abandoned,
        };
        let refusals = self.refusals.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            if let Ok(response) = &answer {
                refusals.consider(pending.call.verb, response.status());
            }
            pending.end(match &answer {
                Ok(response) => Answer::Status(response.status()),
                Err(_) => Answer::Failed,
            });
            answer
        })
    }
}

/// A request that waits for its answer. Recorded when dropped, so that one whose caller gave up is counted too.
struct Pending {
    call: ApiCall,
    metrics: Arc<Metrics>,
    sent: Instant,
    answer: Answer,
}

impl Pending {
    fn end(mut self, answer: Answer) {
        self.answer = answer;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.metrics.requests.record(&self.call, self.answer, self.sent.elapsed());
    }
}
