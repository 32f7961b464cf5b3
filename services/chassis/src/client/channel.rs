//! The tower service beneath generated clients: sends each call over its pool, with deadline, trace and request id.

use std::error::Error as _;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderValue, Uri};
use hyper::body::Incoming;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::Use;
use super::body::LeasedBody;
use super::connection::Lease;
use super::pool::Pool;
use crate::Failure;
use crate::error::reason;
use crate::server::{MAX_MESSAGE_BYTES, grpc_timeout};

const GRPC_TIMEOUT: &str = "grpc-timeout";

/// Sends calls to whichever replica has the most room. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channel {
    pool: Arc<Pool>,
    deadline: Option<Duration>,
}

impl Channel {
    pub(super) fn new(pool: Arc<Pool>, deadline: Option<Duration>) -> Self {
        Self { pool, deadline }
    }

    pub(super) fn connections(&self) -> usize {
        self.pool.connections()
    }
}

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self { pool, deadline } = self.clone();
        Box::pin(async move {
            let (request, limit) = prepare(&pool, request, deadline);
            let Some(limit) = limit else {
                let (response, lease) = exchange(&pool, request).await?;
                return Ok(response.map(|body| Body::new(LeasedBody::new(body, lease, None))));
            };
            let mut expiry = Box::pin(tokio::time::sleep(limit));
            let (response, lease) = tokio::select! {
                answered = exchange(&pool, request) => answered?,
                () = expiry.as_mut() => return Err(expired()),
            };
            // A stream's body has no deadline; a unary call's reply is to be there as a whole.
            let expiry = Some(expiry).filter(|_| pool.usage() == Use::Unary);
            Ok(response.map(|body| Body::new(LeasedBody::new(body, lease, expiry))))
        })
    }
}

/// Completes the head of a request; tells how long to wait for the head of the response.
fn prepare(
    pool: &Pool,
    mut request: http::Request<Body>,
    default: Option<Duration>,
) -> (http::Request<Body>, Option<Duration>) {
    let (scheme, authority) = pool.target.origin();
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    (parts.scheme, parts.authority) = (Some(scheme), Some(authority));
    *request.uri_mut() = Uri::from_parts(parts).expect("generated clients ask for absolute paths");

    let headers = request.headers_mut();
    crate::telemetry::inject(&tracing::Span::current(), headers);
    let context = crate::telemetry::CallContext::current();
    if let Some(context) = &context
        && !headers.contains_key(crate::telemetry::REQUEST_ID_HEADER)
        && let Ok(id) = HeaderValue::try_from(&*context.request_id)
    {
        headers.insert(crate::telemetry::REQUEST_ID_HEADER, id);
    }
    let asked = headers.get(GRPC_TIMEOUT).and_then(|value| grpc_timeout::parse(value.to_str().ok()?));
    // A stream outlives the call that it was opened for: it inherits nothing.
    let inherited = match pool.usage() {
        Use::Unary => {
            context.and_then(|it| it.deadline).map(|at| at.saturating_duration_since(Instant::now()))
        }
        Use::Streams => None,
    };
    let limit = asked.or(default).map(|own| inherited.map_or(own, |left| left.min(own)));
    if let Some(limit) = limit {
        headers.insert(GRPC_TIMEOUT, grpc_timeout::format(limit));
    }
    (request, limit)
}

/// Sends the request and waits for the head of the response, on as many connections as it takes for it to leave.
async fn exchange(
    pool: &Arc<Pool>,
    mut request: http::Request<Body>,
) -> Result<(http::Response<Incoming>, Lease), Status> {
    loop {
        let (lease, mut sender) = pool.acquire().await?;
        match sender.try_send_request(request).await {
            Ok(response) => return Ok((response, lease)),
            Err(mut error) => match error.take_message() {
                // It never left this process, because the connection had just been closed: another one will do.
                Some(unsent) => {
                    lease.connection().retire();
                    request = unsent;
                }
                None => return Err(broken(&error.into_error())),
            },
        }
    }
}

/// What a fault of a connection in mid-call is to its caller.
pub(super) fn broken(error: &hyper::Error) -> Status {
    tracing::debug!(?error, "a call broke");
    let h2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    if h2.is_some_and(|h2| h2.is_remote() && h2.reason() == Some(h2::Reason::CANCEL)) {
        return Status::cancelled("the other service has ended the call");
    }
    // Reset by ourselves: the generated client could not put the request into bytes.
    if h2.is_some_and(|h2| h2.is_reset() && !h2.is_remote() && !h2.is_library()) {
        let text =
            format!("the request is larger than the {MAX_MESSAGE_BYTES} bytes that a message may have");
        return Failure::new(tonic::Code::OutOfRange, reason::INVALID_FIELD, text).into();
    }
    Failure::unavailable(
        reason::UPSTREAM_UNAVAILABLE,
        "the connection to another service broke in mid-call; whether it took effect is unknown",
    )
    .into()
}

pub(super) fn expired() -> Status {
    Failure::new(
        tonic::Code::DeadlineExceeded,
        reason::DEADLINE_EXCEEDED,
        "another service did not answer in time",
    )
    .into()
}
