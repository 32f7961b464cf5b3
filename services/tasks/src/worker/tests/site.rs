//! A stand-in for a server outside: it remembers every request and, if a test wants, answers none until it is let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Method and path.
    pub(super) what: String,
    pub(super) body: String,
    /// The `Idempotency-Key`; empty if there was none.
    pub(super) key: String,
}

#[derive(Default)]
struct Desk {
    seen: Mutex<Vec<Seen>>,
    is_held: AtomicBool,
    cuts: AtomicBool,
    is_unsure: AtomicBool,
    came: Notify,
    /// Whoever asked is gone, and has not waited for the answer.
    left: Notify,
    go_on: Notify,
}

/// Held by a request until it is answered.
struct Waits {
    desk: Arc<Desk>,
    is_answered: bool,
}

impl Drop for Waits {
    fn drop(&mut self) {
        if !self.is_answered {
            self.desk.left.notify_one();
        }
    }
}

/// The server, as long as this is held.
pub(super) struct Site {
    port: u16,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Site {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let port = listener.local_addr().expect("address").port();
        let desk = Arc::<Desk>::default();
        let routes = Router::new().fallback(answer).with_state(desk.clone());
        // Of the test alone, and ended with it.
        #[allow(clippy::disallowed_methods)]
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.expect("serve") });
        Self { port, desk, task }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.desk.seen.lock().expect("lock").clone()
    }

    /// Method and path of each request.
    pub(super) fn asked(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.what).collect()
    }

    /// From now on requests are taken and not answered.
    pub(super) fn hold(&self) {
        self.desk.is_held.store(true, Ordering::SeqCst);
    }

    /// From now on they are answered again, and so are those that wait.
    pub(super) fn go_on(&self) {
        self.desk.is_held.store(false, Ordering::SeqCst);
        self.desk.go_on.notify_waiters();
    }

    /// From now on the answers to what changes something are cut in the middle.
    pub(super) fn cut(&self, cuts: bool) {
        self.desk.cuts.store(cuts, Ordering::SeqCst);
    }

    /// From now on nobody here can say what became of a request.
    pub(super) fn forget(&self) {
        self.desk.is_unsure.store(true, Ordering::SeqCst);
    }

    /// Comes back when a request has come, once for each.
    pub(super) async fn came(&self) {
        self.desk.came.notified().await;
    }

    /// Comes back when somebody has not waited for an answer.
    pub(super) async fn left(&self) {
        self.desk.left.notified().await;
    }
}

/// Whoever asks by GET what became of a key hears whether a request with it came.
async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let body = String::from_utf8(body.to_vec()).expect("text");
    let key = parts.headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let known = desk.seen.lock().expect("lock").iter().any(|seen| path.ends_with(&format!("/{}", seen.key)));
    let seen = Seen { what: format!("{} {path}", parts.method), body, key: key.to_owned() };
    desk.seen.lock().expect("lock").push(seen);
    let go_on = desk.go_on.notified();
    desk.came.notify_one();
    if desk.is_held.load(Ordering::SeqCst) {
        let mut waits = Waits { desk: desk.clone(), is_answered: false };
        go_on.await;
        waits.is_answered = true;
    }
    match (parts.method.as_str(), known) {
        ("GET", _) if path.contains("/outcomes/") && desk.is_unsure.load(Ordering::SeqCst) => {
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        (method, _) if method != "GET" && desk.cuts.load(Ordering::SeqCst) => {
            let half = futures::stream::iter([Ok("ord"), Err(std::io::Error::other("cut"))]);
            axum::body::Body::from_stream(half).into_response()
        }
        ("GET", false) if path.contains("/outcomes/") => StatusCode::NOT_FOUND.into_response(),
        ("GET", _) => "it was ordered".into_response(),
        _ => (StatusCode::CREATED, "ordered").into_response(),
    }
}
