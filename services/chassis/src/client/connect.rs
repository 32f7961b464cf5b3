//! Opens one HTTP/2 connection, over TCP, TLS, a Unix socket or memory.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tonic::body::Body;

use super::Use;
use super::target::{Address, Target};
use crate::config::ClientSettings;
use crate::lifecycle::{Executor, Lifecycle};

/// Bytes that a peer may send ahead on a stream. Unary replies are read at once, so that the window must only not slow
/// a large one. A stream may be read slowly: what it may hold back is small, and its connection has room for all of its
/// streams', so that a slow reader delays nobody else.
const UNARY_WINDOW: u32 = 1024 * 1024;
const STREAM_WINDOW: u32 = 64 * 1024;
/// Bytes that a peer may send ahead on a connection for unary calls.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// The largest window of HTTP/2 (RFC 9113, 6.9.1).
const MAX_WINDOW: u32 = (1 << 31) - 1;

/// What a connection says of the server's limit before it has been told; no server can tell this number.
const UNTOLD: usize = usize::MAX - 1;
/// How often to look whether the server has told.
const SETTINGS_PAUSE: Duration = Duration::from_millis(1);

/// An open connection.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) sender: http2::SendRequest<Body>,
    /// Streams that the server grants on this connection; it may change its mind.
    pub(super) granted: Arc<AtomicUsize>,
}

/// Connects within the settings' time. The connection is driven by a task of `lifecycle` until both sides are done.
pub(super) async fn connect(
    address: &Address,
    usage: Use,
    target: &Target,
    settings: &ClientSettings,
    lifecycle: &Lifecycle,
) -> io::Result<Opened> {
    let connecting = async {
        match address {
            Address::Socket(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                match target.tls_host() {
                    Some(host) => handshake(tls(stream, host).await?, usage, settings, lifecycle).await,
                    None => handshake(stream, usage, settings, lifecycle).await,
                }
            }
            Address::Unix(path) => {
                handshake(UnixStream::connect(path).await?, usage, settings, lifecycle).await
            }
            Address::Memory(link) => handshake(link.connect().await?, usage, settings, lifecycle).await,
        }
    };
    tokio::time::timeout(settings.connect_timeout, connecting).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn handshake<S>(
    stream: S,
    usage: Use,
    settings: &ClientSettings,
    lifecycle: &Lifecycle,
) -> io::Result<Opened>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream_window, connection_window) = windows(usage, settings);
    let (sender, mut connection) = http2::Builder::new(lifecycle.background_executor())
        .timer(TokioTimer::new())
        .initial_max_send_streams(UNTOLD)
        .initial_stream_window_size(stream_window)
        .initial_connection_window_size(connection_window)
        .keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    settle(&mut connection).await?;
    let granted = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
    let told = granted.clone();
    let drive = poll_fn(move |cx| {
        let ended = Pin::new(&mut connection).poll(cx);
        if ended.is_pending() {
            told.store(connection.current_max_send_streams(), Ordering::Relaxed);
        }
        ended
    });
    lifecycle.spawn_background("client connection", async move {
        if let Err(error) = drive.await {
            tracing::debug!(%error, "a connection has ended");
        }
    });
    Ok(Opened { sender, granted })
}

/// Waits until the server has told its settings, which it does first of all (RFC 9113, 3.4): calls that went out before
/// could be more than it grants. A peer that accepts connections and then says nothing fails here, before it gets a call.
async fn settle<F>(connection: &mut http2::Connection<TokioIo<F>, Body, Executor>) -> io::Result<()>
where
    F: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    while connection.current_max_send_streams() == UNTOLD {
        match futures::poll!(Pin::new(&mut *connection)) {
            Poll::Ready(Ok(())) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Ready(Err(error)) => return Err(io::Error::other(error)),
            // Nothing wakes whoever waits for the settings alone.
            Poll::Pending => tokio::time::sleep(SETTINGS_PAUSE).await,
        }
    }
    Ok(())
}

/// What a peer may send ahead: on a stream, on the connection.
fn windows(usage: Use, settings: &ClientSettings) -> (u32, u32) {
    match usage {
        Use::Unary => (UNARY_WINDOW, CONNECTION_WINDOW),
        Use::Streams => {
            let streams = u32::try_from(settings.streams_per_connection).unwrap_or(u32::MAX);
            (STREAM_WINDOW, STREAM_WINDOW.saturating_mul(streams).clamp(STREAM_WINDOW, MAX_WINDOW))
        }
    }
}

/// TLS by the machine's own trust store, with HTTP/2 agreed on.
async fn tls(stream: TcpStream, host: &str) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    static CONFIG: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    let config = if let Some(config) = CONFIG.get() {
        config.clone()
    } else {
        crate::install_crypto();
        let mut config = rustls::ClientConfig::with_platform_verifier().map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        CONFIG.get_or_init(|| Arc::new(config)).clone()
    };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    tokio_rustls::TlsConnector::from(config).connect(name, stream).await
}
