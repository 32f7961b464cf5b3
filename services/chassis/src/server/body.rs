//! The body of a reply: it keeps the call's context, its room and its span until the last byte.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};

use super::observe::Observation;
use super::panic;
use super::shed::Slots;
use crate::Failure;
use crate::error::reason;
use crate::telemetry::CallContext;

/// A reply's body within its call.
pub(super) struct CallBody {
    inner: Option<Body>,
    context: CallContext,
    observation: Observation,
    /// Room of an open stream; given back when the body is dropped.
    _stream: Option<Slots>,
    ends_with: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl CallBody {
    pub(super) fn new(
        inner: Body,
        context: CallContext,
        observation: Observation,
        stream: Option<Slots>,
        ends_with: Option<CancellationToken>,
    ) -> Self {
        let ends_with = ends_with.map(|token| Box::pin(token.cancelled_owned()));
        Self { inner: Some(inner), context, observation, _stream: stream, ends_with }
    }

    /// Ends the reply with this status as its trailers.
    fn end(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.inner = None;
        self.ends_with = None;
        self.observation.end(status.code());
        let mut trailers = HeaderMap::new();
        Poll::Ready(match status.add_header(&mut trailers) {
            Ok(()) => Some(Ok(Frame::trailers(trailers))),
            Err(error) => Some(Err(error)),
        })
    }
}

impl http_body::Body for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        // Asked first: a stream that always has something to say must end as well. Frames are whole messages.
        if let Some(ending) = &mut this.ends_with
            && ending.as_mut().poll(cx).is_ready()
        {
            return this.end(&draining());
        }
        let span = this.observation.span().clone();
        let polled = span.in_scope(|| {
            let poll = || this.context.sync_scope(|| Pin::new(inner).poll_frame(cx));
            std::panic::catch_unwind(AssertUnwindSafe(poll)).map_err(|panic| panic::status(&*panic))
        });
        match polled {
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.observation.see(trailers);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(Poll::Ready(Some(Err(status)))) => {
                this.observation.end(status.code());
                Poll::Ready(Some(Err(status)))
            }
            Ok(Poll::Ready(None)) => {
                // Without trailers the status stood in the head, or there is none and the caller makes it UNKNOWN.
                this.observation.end(Code::Unknown);
                Poll::Ready(None)
            }
            Ok(Poll::Pending) => Poll::Pending,
            Err(status) => this.end(&status),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

fn draining() -> Status {
    Failure::unavailable(reason::DRAINING, "this replica is stopping; resume the stream elsewhere").into()
}
