//! A server that takes letters: the outside world of the demo, which counts the side effects that really happened.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use mc_chassis::Lifecycle;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A letter that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    /// What its sender calls it, the same however often it is sent.
    pub(super) key: String,
    /// What it says.
    pub(super) text: String,
}

/// Takes letters, and keeps the sender of the first one waiting until it is told to answer.
#[derive(Debug, Clone)]
pub(super) struct Letterbox {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    letters: Mutex<Vec<Letter>>,
    arrived: watch::Sender<usize>,
    answering: watch::Sender<bool>,
}

impl Letterbox {
    /// Opens a letterbox on this machine.
    pub(super) async fn open(lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("open the letterbox")?;
        let address = listener.local_addr().context("find the letterbox")?;
        let shared = Arc::new(Shared {
            letters: Mutex::default(),
            arrived: watch::Sender::new(0),
            answering: watch::Sender::new(false),
        });
        let router = Router::new().route("/letters", post(take)).with_state(shared.clone());
        let closing = lifecycle.draining();
        lifecycle.spawn("letterbox", async move {
            // A sender that is being kept waiting when the demo ends is not waited for.
            tokio::select! {
                served = axum::serve(listener, router).into_future() => {
                    if let Err(error) = served {
                        tracing::error!(error = &error as &dyn std::error::Error, "serve the letterbox");
                    }
                }
                () = closing.cancelled() => {}
            }
        });
        Ok(Self { address, shared })
    }

    /// Where letters go.
    pub(super) fn url(&self) -> String {
        format!("http://{}/letters", self.address)
    }

    /// Comes back when a letter has arrived whose sender is waiting for the answer.
    pub(super) async fn arrival(&self) {
        let mut arrived = self.shared.arrived.subscribe();
        // The sender half lives as long as this value.
        let _ = arrived.wait_for(|letters| *letters > 0).await;
    }

    /// Answers from now on, to whoever waits and to whoever comes.
    pub(super) fn answer(&self) {
        self.shared.answering.send_replace(true);
    }

    /// Every letter that arrived.
    pub(super) fn letters(&self) -> Vec<Letter> {
        self.shared.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, text: String) -> (StatusCode, String) {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    let letters = {
        let mut letters = shared.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.push(Letter { key, text });
        letters.len()
    };
    shared.arrived.send_replace(letters);
    let mut answering = shared.answering.subscribe();
    // The sender half lives as long as this value.
    let _ = answering.wait_for(|answering| *answering).await;
    (StatusCode::CREATED, format!("Letter {letters} was taken."))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn letter_counts_at_once_and_is_answered_when_told() {
        mc_chassis::install_crypto();
        let lifecycle = Lifecycle::new();
        let letterbox = Letterbox::open(&lifecycle).await.expect("open");
        let post =
            reqwest::Client::new().post(letterbox.url()).header("idempotency-key", "k1").body("Hello").send();
        let mut sender = std::pin::pin!(post);
        tokio::select! {
            reply = &mut sender => panic!("answered before it was told to: {reply:?}"),
            () = letterbox.arrival() => {}
        }
        assert_eq!(letterbox.letters(), [Letter { key: "k1".into(), text: "Hello".into() }]);
        letterbox.answer();
        let reply = sender.await.expect("answered");
        assert_eq!(reply.status(), StatusCode::CREATED);
        assert_eq!(reply.text().await.expect("text"), "Letter 1 was taken.");
        lifecycle.shutdown(Duration::from_secs(1)).await;
    }
}
