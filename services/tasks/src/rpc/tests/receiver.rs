//! A receiver of notifications: it remembers what came, and answers as a test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A notification as it came.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Came {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// A status and a header, if there is one.
type Answer = (u16, Option<(&'static str, String)>);

#[derive(Default)]
struct Desk {
    came: Mutex<Vec<Came>>,
    answers: Mutex<VecDeque<Answer>>,
}

/// The receiver, as long as this is held.
pub(super) struct Receiver {
    port: u16,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
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

    /// The next answers; 204 when they are used up.
    pub(super) fn answers(&self, answers: impl IntoIterator<Item = u16>) {
        self.desk.answers.lock().expect("unharmed").extend(answers.into_iter().map(|status| (status, None)));
    }

    pub(super) fn answers_with(&self, status: u16, name: &'static str, value: String) {
        self.desk.answers.lock().expect("unharmed").push_back((status, Some((name, value))));
    }

    /// What came since the last look.
    pub(super) fn came(&self) -> Vec<Came> {
        std::mem::take(&mut self.desk.came.lock().expect("unharmed"))
    }
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let body = String::from_utf8(body.to_vec()).expect("text");
    let came = Came { path: parts.uri.path().to_owned(), headers: parts.headers, body };
    desk.came.lock().expect("unharmed").push(came);
    let (status, header) = desk.answers.lock().expect("unharmed").pop_front().unwrap_or((204, None));
    let status = StatusCode::from_u16(status).expect("a status");
    match header {
        Some(header) => (status, [header]).into_response(),
        None => status.into_response(),
    }
}
