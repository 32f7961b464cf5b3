//! One call, from its head to its reply.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt as _};
use tracing::Instrument as _;

use super::body::CallBody;
use super::method::{Kind, Method};
use super::observe::{Instruments, Observation};
use super::shed::{Limits, Slots};
use super::{deadline, panic, request_id};
use crate::config::ServerSettings;
use crate::ids::Ids;
use crate::telemetry::CallContext;

/// What all calls of a server share.
pub(super) struct Calls<S> {
    service: &'static str,
    inner: S,
    limits: Limits,
    default_deadline: Duration,
    ids: Ids,
    instruments: Instruments,
    closing: CancellationToken,
}

impl<S> Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    pub(super) fn new(
        service: &'static str,
        inner: S,
        settings: &ServerSettings,
        ids: Ids,
        closing: CancellationToken,
    ) -> Self {
        Self {
            service,
            inner,
            limits: Limits::new(settings.max_calls, settings.max_open_streams),
            default_deadline: settings.call_deadline,
            ids,
            instruments: Instruments::new(),
            closing,
        }
    }

    /// Answers a call: always, and never with a panic.
    pub(super) async fn answer(self: Arc<Self>, mut request: Request<Body>) -> Response<Body> {
        let method = Method::of(request.uri().path());
        let request_id = request_id::take_or_make(request.headers_mut(), &self.ids);
        let deadline = deadline::of(request.headers(), method.kind, self.default_deadline, Instant::now());
        let context = CallContext { request_id: request_id.clone(), deadline };
        let mut observation =
            Observation::begin(&self.instruments, self.service, &method, &request_id, request.headers());
        let span = observation.span().clone();

        let work = panic::contained(self.admitted(request, &method, deadline));
        let (mut response, stream) = context.clone().scope(work).instrument(span).await;
        // A refusal has its status in the head; other replies have it in their trailers.
        observation.see(response.headers());
        request_id::echo(response.headers_mut(), &request_id);

        // A watch has no end of its own: it ends with the server, so that its client goes on elsewhere.
        let ends_with = (method.kind == Kind::Watch).then(|| self.closing.clone());
        response.map(|body| Body::new(CallBody::new(body, context, observation, stream, ends_with)))
    }

    /// The reply of a call that there was room for; the second part is held until a streaming reply has ended.
    async fn admitted(
        &self,
        request: Request<Body>,
        method: &Method,
        deadline: Option<Instant>,
    ) -> (Response<Body>, Option<Slots>) {
        let slots = match self.limits.admit(method) {
            Ok(slots) => slots,
            Err(failure) => return (Status::from(failure).into_http(), None),
        };
        let reply = deadline::within(deadline, self.inner.clone().oneshot(request)).await;
        match reply {
            Ok(Ok(response)) => (response, slots.after_head()),
            Err(failure) => (Status::from(failure).into_http(), None),
        }
    }
}
