//! The outside world: takes letters, counts how often each key took effect, and can be asked about a key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use mc_chassis::Lifecycle;
use tokio::net::TcpListener;

/// How long it takes to answer, so that a worker can die meanwhile.
const ANSWER_AFTER: Duration = Duration::from_millis(60);

type Counts = Arc<Mutex<BTreeMap<String, u32>>>;

/// A server on this machine.
pub(crate) struct Letterbox {
    pub(crate) url: String,
    counts: Counts,
}

impl Letterbox {
    pub(crate) async fn open(lifecycle: &Lifecycle) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/letters", listener.local_addr().expect("bound"));
        let counts = Counts::default();
        let router = Router::new()
            .route("/letters", post(take))
            .route("/letters/{key}", get(tell))
            .with_state(counts.clone());
        let closing = lifecycle.draining();
        lifecycle.spawn("letterbox", async move {
            tokio::select! {
                _ = axum::serve(listener, router).into_future() => {}
                () = closing.cancelled() => {}
            }
        });
        Self { url, counts }
    }

    /// How often each key took effect.
    pub(crate) fn counts(&self) -> BTreeMap<String, u32> {
        self.counts.lock().expect("lock").clone()
    }
}

async fn take(State(counts): State<Counts>, headers: HeaderMap) -> StatusCode {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or("none").to_owned();
    *counts.lock().expect("lock").entry(key).or_default() += 1;
    tokio::time::sleep(ANSWER_AFTER).await;
    StatusCode::CREATED
}

async fn tell(State(counts): State<Counts>, Path(key): Path<String>) -> (StatusCode, &'static str) {
    if counts.lock().expect("lock").contains_key(&key) {
        (StatusCode::OK, "It came.")
    } else {
        (StatusCode::NOT_FOUND, "It did not come.")
    }
}
