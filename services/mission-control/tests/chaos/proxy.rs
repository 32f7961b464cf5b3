//! A TCP proxy in front of PostgreSQL that can lose answers: what was sent is carried out, and nobody hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mc_chassis::Lifecycle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What all connections share.
#[derive(Debug, Default)]
struct Shared {
    /// The next answer on any connection is lost, and the connection with it.
    losing: AtomicBool,
    /// Answers that were lost.
    lost: AtomicU64,
    cut: Notify,
}

/// The proxy.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    pub(crate) async fn open(to: u16, lifecycle: &Lifecycle) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::<Shared>::default();
        let (all, of_all) = (shared.clone(), lifecycle.clone());
        let closing = lifecycle.draining();
        lifecycle.spawn("proxy", async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = closing.cancelled() => return,
                };
                let Ok((client, _)) = accepted else { return };
                let (shared, closing) = (all.clone(), closing.clone());
                of_all.spawn("connection", async move {
                    tokio::select! {
                        () = carry(client, to, &shared) => {}
                        () = closing.cancelled() => {}
                    }
                });
            }
        });
        Self { port, shared }
    }

    /// Loses the next answer: a commit whose acknowledgement never comes.
    pub(crate) fn lose_an_answer(&self) {
        self.shared.losing.store(true, Ordering::SeqCst);
    }

    /// Cuts every connection, whatever is on its way.
    pub(crate) fn cut_all(&self) {
        self.shared.cut.notify_waiters();
    }

    /// Answers that were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::SeqCst)
    }
}

/// Carries bytes both ways until either end closes, or the answer is to be lost.
async fn carry(client: TcpStream, to: u16, shared: &Shared) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asked = async {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
            if to_server.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    let answered = async {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
            if shared.losing.swap(false, Ordering::SeqCst) {
                shared.lost.fetch_add(1, Ordering::SeqCst);
                return;
            }
            if to_client.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asked => {}
        () = answered => {}
        () = shared.cut.notified() => {}
    }
}
