//! What stands in front of the database's servers and leads to one of them, as a name does that is pointed elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use mc_chassis::Lifecycle;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Leads connections to a port of this machine.
pub(crate) struct Line {
    pub(crate) port: u16,
    to: Arc<AtomicU16>,
}

impl Line {
    pub(crate) async fn open(to: u16, lifecycle: &Lifecycle) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let line =
            Self { port: listener.local_addr().expect("bound").port(), to: Arc::new(AtomicU16::new(to)) };
        let (to, connections) = (line.to.clone(), lifecycle.clone());
        lifecycle.spawn_background("line", async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let to = to.load(Ordering::SeqCst);
                connections.spawn_background("connection", async move {
                    // A server that is not there is seen as a connection that ends at once.
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        line
    }

    /// Leads new connections elsewhere; those that are open stay.
    pub(crate) fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
    }
}
