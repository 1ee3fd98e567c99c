//! A time by which every request has been answered.
//!
//! A request can hang before its headers and in its body, so both count against one deadline. A watch is different: its
//! headers must come in the same time, but its body lasts as long as the server was asked to let it run
//! (`timeoutSeconds`), after which the server ends it. One that is still open a little later is dead.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use kube::client::Body;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tower::{BoxError, Layer, Service};

use super::ApiCall;

/// How long a watch runs when the request does not say: the API server chooses between 30 and 60 minutes then.
const LONGEST_WATCH: Duration = Duration::from_hours(1);

/// How much longer than asked a watch may stay open.
const WATCH_MARGIN: Duration = Duration::from_secs(10);

/// The API server did not answer in time.
#[derive(Debug, Default, thiserror::Error)]
#[error("the API server did not answer within {} s", limit.as_secs())]
pub struct DeadlineExceeded {
    limit: Duration,
}

/// Limits every request to `limit`, watches excepted.
pub(super) fn layer(limit: Duration) -> DeadlineLayer {
    DeadlineLayer { limit }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct DeadlineLayer {
    limit: Duration,
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner, limit: self.limit }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Deadline<S> {
    inner: S,
    limit: Duration,
}

impl<S, B> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<LimitedBody<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = ApiCall::of(&request);
        let limit = self.limit;
        let headers_by = Instant::now() + limit;
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Ok(answer) = timeout_at(headers_by, answer).await else {
                return Err(DeadlineExceeded { limit }.into());
            };
            let (limit, body_by) = match call.verb {
                super::Verb::Watch => {
                    let limit = call.watch_seconds.map_or(LONGEST_WATCH, Duration::from_secs) + WATCH_MARGIN;
                    (limit, Instant::now() + limit)
                }
                _ => (limit, headers_by),
            };
            Ok(answer?.map(|body| LimitedBody { body, by: Box::pin(sleep_until(body_by)), limit }))
        })
    }
}

/// A body that fails when it has not ended by its deadline.
#[derive(Debug)]
pub(super) struct LimitedBody<B> {
    body: B,
    by: Pin<Box<Sleep>>,
    limit: Duration,
}

impl<B> HttpBody for LimitedBody<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if self.by.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(DeadlineExceeded { limit: self.limit }.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
