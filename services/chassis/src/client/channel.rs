//! The tower service beneath generated clients: sends each call over its pool, with deadline, trace and request id.

use std::error::Error as _;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderValue, Uri};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::body::LeasedBody;
use super::pool::Pool;
use crate::Failure;
use crate::error::reason;

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
            match limit {
                None => send(&pool, request).await,
                Some(limit) => {
                    tokio::time::timeout(limit, send(&pool, request)).await.map_err(|_| expired())?
                }
            }
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
    if headers.contains_key(GRPC_TIMEOUT) {
        // The caller set one, and its generated client enforces it.
        return (request, None);
    }
    let inherited = context.and_then(|it| it.deadline).map(|at| at.saturating_duration_since(Instant::now()));
    // A stream outlives the call that it was opened for only if that has no deadline either.
    let limit = default.map(|default| inherited.map_or(default, |left| left.min(default)));
    if let Some(limit) = limit {
        let value = format!("{}m", limit.as_millis().clamp(1, 99_999_999));
        headers.insert(GRPC_TIMEOUT, HeaderValue::try_from(value).expect("digits are a header value"));
    }
    (request, limit)
}

async fn send(pool: &Pool, mut request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
    loop {
        let (lease, mut sender) = pool.acquire().await?;
        match sender.try_send_request(request).await {
            Ok(response) => return Ok(response.map(|body| Body::new(LeasedBody::new(body, lease)))),
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
    let h2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>()).and_then(h2::Error::reason);
    if h2 == Some(h2::Reason::CANCEL) {
        return Status::cancelled("the other service has ended the call");
    }
    tracing::debug!(%error, "a connection broke in mid-call");
    Failure::unavailable(reason::UPSTREAM_UNAVAILABLE, "the connection to another service broke in mid-call")
        .into()
}

fn expired() -> Status {
    Failure::new(
        tonic::Code::DeadlineExceeded,
        reason::DEADLINE_EXCEEDED,
        "another service did not answer in time",
    )
    .into()
}
