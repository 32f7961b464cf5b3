//! Connections that never leave the process: for services that share one, and for tests.

use std::sync::Arc;

use tokio::io::DuplexStream;
use tokio::sync::mpsc;

/// Bytes on their way in one direction of a connection.
const BUFFER_BYTES: usize = 256 * 1024;

/// Where to connect to. Clones lead to the same listener.
#[derive(Debug, Clone)]
pub struct MemoryLink(Arc<mpsc::Sender<DuplexStream>>);

/// Where such connections arrive.
#[derive(Debug)]
pub struct MemoryListener(mpsc::Receiver<DuplexStream>);

/// A pair of link and listener.
pub fn memory() -> (MemoryLink, MemoryListener) {
    let (sender, receiver) = mpsc::channel(16);
    (MemoryLink(Arc::new(sender)), MemoryListener(receiver))
}

impl MemoryLink {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens any more.
    pub async fn connect(&self) -> std::io::Result<DuplexStream> {
        let (near, far) = tokio::io::duplex(BUFFER_BYTES);
        let refused = |_| std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "nobody listens");
        self.0.send(far).await.map_err(refused)?;
        Ok(near)
    }
}

impl MemoryListener {
    /// The next connection; none when all links are gone.
    pub async fn accept(&mut self) -> Option<DuplexStream> {
        self.0.recv().await
    }
}
