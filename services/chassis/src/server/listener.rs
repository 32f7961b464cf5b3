//! Where connections come from: TCP, a Unix socket, this process.

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::MemoryListener;
use crate::config::ListenAddress;

/// A source of connections, bound already.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A Unix socket, removed when the listener is dropped.
    Unix(UnixListener, SocketFile),
    /// Connections within the process.
    Memory(MemoryListener),
}

/// The file of a Unix socket.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

/// Bytes to and from a caller.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

impl Listener {
    /// Binds an address.
    ///
    /// # Errors
    /// It is taken, or may not be bound; the error names it.
    pub async fn bind(address: &ListenAddress) -> anyhow::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            ListenAddress::Unix(path) => bind_unix(path).await,
        }
        .with_context(|| format!("listen on {address}"))
    }

    /// The address of a TCP listener, with the port it got.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) | Self::Memory(_) => None,
        }
    }

    /// The next connection; none when there will be no more.
    pub(super) async fn accept(&mut self) -> Option<std::io::Result<Box<dyn Io>>> {
        match self {
            Self::Tcp(listener) => Some(listener.accept().await.and_then(|(stream, _)| {
                stream.set_nodelay(true)?;
                Ok(Box::new(stream) as Box<dyn Io>)
            })),
            Self::Unix(listener, _) => {
                Some(listener.accept().await.map(|(stream, _)| Box::new(stream) as Box<dyn Io>))
            }
            Self::Memory(listener) => {
                listener.accept().await.map(|stream| Ok(Box::new(stream) as Box<dyn Io>))
            }
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => write!(f, "{address}"),
                Err(_) => f.write_str("tcp"),
            },
            Self::Unix(_, file) => write!(f, "unix:{}", file.0.display()),
            Self::Memory(_) => f.write_str("memory"),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed it; a file that stays is cleared away by the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn bind_unix(path: &Path) -> std::io::Result<Listener> {
    clear_stale_socket(path).await?;
    let listener = UnixListener::bind(path)?;
    // The permission to connect is the permission to write to the file.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(Listener::Unix(listener, SocketFile(path.to_owned())))
}

/// Removes the socket of a server that died; one that still answers, and what is no socket, stays.
async fn clear_stale_socket(path: &Path) -> std::io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    match UnixStream::connect(path).await {
        Err(error) if is_socket && error.kind() == std::io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn socket_of_a_dead_server_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().expect("folder");
        let address = ListenAddress::Unix(folder.path().join("mc.sock"));
        let ListenAddress::Unix(path) = &address else { unreachable!() };

        drop(std::os::unix::net::UnixListener::bind(path).expect("bind"));
        let living = Listener::bind(&address).await.expect("the stale socket was cleared away");
        let mode = std::fs::metadata(path).expect("socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let refusal = Listener::bind(&address).await.expect_err("in use");
        assert!(refusal.to_string().contains("mc.sock"), "{refusal}");
        drop(living);
        assert!(!path.exists());

        std::fs::write(path, "not a socket").expect("write");
        Listener::bind(&address).await.expect_err("a file is never removed");
        assert!(path.exists());
    }
}
