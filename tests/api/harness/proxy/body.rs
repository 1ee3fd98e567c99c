//! The body of an answer on its way to the operator.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use tower::BoxError;

use super::Shared;

/// A body that breaks off when the watches are cut, and that lets the proxy hear what a watch says.
pub(super) struct Passing {
    body: Body,
    watch: Option<Watch>,
}

struct Watch {
    shared: Arc<Shared>,
    cut: BoxFuture<'static, ()>,
    /// The end of what was heard, because a word may come in two pieces.
    end: Vec<u8>,
}

impl Passing {
    pub(super) fn plain(body: Body) -> Self {
        Self { body, watch: None }
    }

    pub(super) fn watch(body: Body, shared: Arc<Shared>, cut: BoxFuture<'static, ()>) -> Self {
        Self { body, watch: Some(Watch { shared, cut, end: Vec::new() }) }
    }
}

impl Watch {
    fn hear(&mut self, data: &[u8]) {
        self.end.extend_from_slice(data);
        self.shared.heard(&String::from_utf8_lossy(&self.end));
        let keep = self.end.len().saturating_sub(super::LONGEST_MARK);
        self.end.drain(..keep);
    }
}

impl hyper::body::Body for Passing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(watch) = &mut self.watch
            && watch.cut.poll_unpin(cx).is_ready()
        {
            return Poll::Ready(Some(Err("the watch is cut".into())));
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(watch)) = (&polled, &mut self.watch)
            && let Some(data) = frame.data_ref()
        {
            watch.hear(data);
        }
        polled.map_err(Into::into)
    }
}
