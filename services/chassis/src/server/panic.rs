//! A panic in a handler fails its call and nothing else.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use http::Response;
use tonic::Status;
use tonic::body::Body;

use crate::Failure;
use crate::lifecycle::panic_text;

/// Runs `work`; a panic in it becomes an INTERNAL reply. It must run inside the call's span, so that the log line has
/// the request id.
pub(super) async fn contained<T>(
    work: impl Future<Output = (Response<Body>, Option<T>)>,
) -> (Response<Body>, Option<T>) {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(reply) => reply,
        Err(panic) => (status(&*panic).into_http(), None),
    }
}

/// What a caller is told of a panic; the log is told more.
pub(super) fn status(panic: &(dyn std::any::Any + Send)) -> Status {
    tracing::error!(panic = panic_text(panic), "a handler has panicked");
    Failure::internal().into()
}
