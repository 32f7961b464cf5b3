//! One connection, from its acceptance to its end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::Service;

use super::call::Calls;
use super::listener::{Io, Listener};
use super::{Ending, MAX_MESSAGE_BYTES, MAX_METADATA_BYTES};
use crate::config::ServerSettings;
use crate::ids::Ids;
use crate::lifecycle::Executor;

/// A pause after the system refused a connection, as when it is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a connection is held to.
#[derive(Clone)]
pub(super) struct Terms {
    http2: http2::Builder<Executor>,
    max_age: Duration,
    max_age_grace: Duration,
    ids: Ids,
}

impl Terms {
    pub(super) fn new(settings: &ServerSettings, ids: Ids, executor: Executor) -> Self {
        let mut http2 = http2::Builder::new(executor);
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(settings.max_concurrent_streams)
            .max_header_list_size(MAX_METADATA_BYTES)
            .keep_alive_interval(settings.keepalive_interval)
            .keep_alive_timeout(settings.keepalive_timeout)
            // Requests are read at once, so that the windows need not guard memory; they must not slow a large one.
            .initial_stream_window_size(1024 * 1024)
            .initial_connection_window_size(MAX_MESSAGE_BYTES as u32);
        let (max_age, max_age_grace) = (settings.max_connection_age, settings.max_connection_age_grace);
        Self { http2, max_age, max_age_grace, ids }
    }

    /// The age of one connection, within a tenth of the maximum, so that not all move at the same moment.
    fn age(&self) -> Duration {
        self.max_age.mul_f64(0.9 + 0.2 * self.ids.unit())
    }
}

/// Takes connections until the server closes; then the listener is dropped at once.
pub(super) async fn accept<S>(
    mut listener: Listener,
    terms: Terms,
    calls: Arc<Calls<S>>,
    connections: TaskTracker,
    ending: Ending,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    loop {
        let accepted = tokio::select! {
            biased;
            () = ending.closing.cancelled() => break,
            () = ending.cut.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Some(Ok(io)) => {
                connections.spawn(drive(io, terms.clone(), calls.clone(), ending.clone()));
            }
            Some(Err(error)) => {
                tracing::warn!(%error, address = %listener, "accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None => break,
        }
    }
}

/// Drives a connection until its peer leaves, its calls are done after it was told to go, or it is cut.
async fn drive<S>(io: Box<dyn Io>, terms: Terms, calls: Arc<Calls<S>>, ending: Ending)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let answer = service_fn(move |request: Request<Incoming>| {
        let calls = calls.clone();
        async move { Ok::<_, Infallible>(calls.answer(request.map(Body::new)).await) }
    });
    let mut connection = pin!(terms.http2.serve_connection(TokioIo::new(io), answer));
    let mut age = pin!(tokio::time::sleep(terms.age()));
    let mut told_to_go = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            () = ending.cut.cancelled() => return,
            () = ending.closing.cancelled(), if !told_to_go => {
                told_to_go = true;
                connection.as_mut().graceful_shutdown();
                // From here on the server's grace counts, which ends in a cut.
                age.as_mut().reset(far_future());
            }
            () = age.as_mut() => {
                if told_to_go {
                    tracing::debug!("a connection was cut: its calls outlived its age and their grace");
                    return;
                }
                told_to_go = true;
                connection.as_mut().graceful_shutdown();
                age.as_mut().reset(tokio::time::Instant::now() + terms.max_age_grace);
            }
        }
    }
}

fn far_future() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_hours(24 * 365)
}
