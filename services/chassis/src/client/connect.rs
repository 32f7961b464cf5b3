//! Opens one HTTP/2 connection, over TCP, TLS, a Unix socket or memory.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tonic::body::Body;

use super::target::{Address, Target};
use crate::config::ClientSettings;
use crate::lifecycle::Lifecycle;

/// Bytes that a peer may send ahead on one stream and on the connection; tonic's and Envoy's usual window.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

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
                    Some(host) => handshake(tls(stream, host).await?, settings, lifecycle).await,
                    None => handshake(stream, settings, lifecycle).await,
                }
            }
            Address::Unix(path) => handshake(UnixStream::connect(path).await?, settings, lifecycle).await,
            Address::Memory(link) => handshake(link.connect().await?, settings, lifecycle).await,
        }
    };
    tokio::time::timeout(settings.connect_timeout, connecting).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn handshake<S>(stream: S, settings: &ClientSettings, lifecycle: &Lifecycle) -> io::Result<Opened>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, mut connection) = http2::Builder::new(lifecycle.background_executor())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(settings.keepalive_interval)
        .keep_alive_timeout(settings.keepalive_timeout)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
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
