//! Takes connections, over HTTP/1 and HTTP/2 without TLS (h2c), until the program drains.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use mc_chassis::Lifecycle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use super::Edge;
use super::client::Peer;
use super::head;

/// A pause after the system refused a connection, as when it is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a client may take to send the head of a request.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(15);

/// Serves until the lifecycle drains; then no connection is taken, those that are open finish what they do, streams and
/// sockets are told to come back. The caller bounds that by [`Lifecycle::shutdown`].
pub async fn serve(edge: Arc<Edge>, listener: TcpListener) -> std::io::Result<()> {
    let lifecycle = edge.lifecycle.clone();
    let draining = lifecycle.draining();
    tracing::info!(address = %listener.local_addr()?, "listening");
    let places = Arc::new(Semaphore::new(edge.settings.connections));
    let patience = edge.settings.head_patience;
    let router = edge.router();
    loop {
        let accepted = tokio::select! {
            biased;
            () = draining.cancelled() => return Ok(()),
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let asked = Arc::<AtomicBool>::default();
                let (service, life) = (from(peer, asked.clone(), router.clone()), lifecycle.clone());
                lifecycle.spawn("http connection", async move {
                    drive(stream, service, life, patience, &asked).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.expect("nobody closes it");
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

/// The service for one connection, which tells every request where it came from, and notes that there was one.
fn from(
    peer: SocketAddr,
    asked: Arc<AtomicBool>,
    router: Router,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
    tower::util::MapRequest::new(router, move |mut request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(Peer(peer.ip()));
        request
    })
}

async fn drive<S>(stream: TcpStream, service: S, lifecycle: Lifecycle, patience: Duration, asked: &AtomicBool)
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let service = TowerToHyperService::new(service);
    // Small frames go out at once: without this a live token may wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "set TCP_NODELAY");
    }
    let mut builder = Builder::new(Tracked(lifecycle.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(head::READ_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(200)
        .max_header_list_size(head::READ_BYTES)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    let mut connection =
        std::pin::pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let (draining, killed) = (lifecycle.draining(), lifecycle.killed());
    let mut told_to_go = false;
    // The library's own patience begins once it knows which HTTP is spoken; this one begins at once.
    let mut silence = std::pin::pin!(tokio::time::sleep(patience));
    let mut is_young = true;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, "a connection broke");
                }
                return;
            }
            () = draining.cancelled(), if !told_to_go => {
                told_to_go = true;
                connection.as_mut().graceful_shutdown();
            }
            () = silence.as_mut(), if is_young => {
                is_young = false;
                if !asked.load(Ordering::Relaxed) {
                    tracing::debug!("a connection asked for nothing");
                    return;
                }
            }
            () = killed.cancelled() => return,
        }
    }
}

/// Has HTTP/2 streams run as tracked tasks.
#[derive(Debug, Clone)]
struct Tracked(Lifecycle);

impl<F> Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn("http stream", task);
    }
}
