//! A response body that gives its call's place back when it is dropped.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use tonic::Status;

use super::channel::{broken, expired};
use super::connection::Lease;

/// The body of one response.
pub(super) struct LeasedBody {
    inner: Incoming,
    _lease: Lease,
    expiry: Option<Pin<Box<Sleep>>>,
}

impl LeasedBody {
    /// A body that fails with DEADLINE_EXCEEDED once `expiry` has passed without its end.
    pub(super) fn new(inner: Incoming, lease: Lease, expiry: Option<Pin<Box<Sleep>>>) -> Self {
        Self { inner, _lease: lease, expiry }
    }
}

impl HttpBody for LeasedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| broken(&error))));
        }
        match &mut this.expiry {
            Some(expiry) => expiry.as_mut().poll(cx).map(|()| Some(Err(expired()))),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
