//! A small gateway on loopback for tests: sessions that expire on order, and sockets that the test answers by hand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use keyring_core::mock;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::{Address, Session, http::Http};
use crate::keychain::{Keychain, Tokens};
use crate::secret::Secret;
use crate::tasks::Tasks;

pub(crate) struct Inside {
    /// Number of the session that works now: bearers are `mc_ses_{n}`, their refresh tokens `mc_ref_{n}`.
    pub(crate) session: AtomicUsize,
    /// Calls refused with 401.
    pub(crate) refused: watch::Sender<usize>,
    /// Renewals that arrived.
    pub(crate) renewals: watch::Sender<usize>,
    /// Renewals wait until this is true.
    pub(crate) renew: watch::Sender<bool>,
    /// What renewals answer instead of a session.
    pub(crate) renewal_problem: Mutex<Option<(u16, &'static str)>>,
    /// Codes and passwords that were tried.
    pub(crate) sign_ins: Mutex<Vec<Value>>,
    /// Bearers that signed out.
    pub(crate) sign_outs: Mutex<Vec<String>>,
    /// Headers of the last call.
    pub(crate) headers: Mutex<HeaderMap>,
    sockets: mpsc::UnboundedSender<WebSocket>,
}

/// The gateway and what the test holds of it.
pub(crate) struct Gateway {
    pub(crate) inside: Arc<Inside>,
    pub(crate) address: Address,
    sockets: mpsc::UnboundedReceiver<WebSocket>,
}

impl Gateway {
    #[expect(clippy::disallowed_methods, reason = "the server lives as long as the runtime of the test")]
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (sockets, accepted) = mpsc::unbounded_channel();
        let inside = Arc::new(Inside {
            session: AtomicUsize::new(1),
            refused: watch::Sender::new(0),
            renewals: watch::Sender::new(0),
            renew: watch::Sender::new(true),
            renewal_problem: Mutex::default(),
            sign_ins: Mutex::default(),
            sign_outs: Mutex::default(),
            headers: Mutex::default(),
            sockets,
        });
        let router = Router::new()
            .route("/v1/me", any(me))
            .route("/v1/odd/{kind}", get(odd))
            .route("/v1/auth:refresh", post(refresh))
            .route("/v1/auth:signIn", post(enter))
            .route("/v1/auth:exchange", post(enter))
            .route("/v1/auth:signOut", post(leave))
            .route("/v1/ws", get(socket))
            .with_state(Arc::clone(&inside));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address =
            Address::parse(&format!("http://{}", listener.local_addr().expect("address"))).expect("address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inside, address, sockets: accepted }
    }

    /// A session there, with what its keychain holds in the beginning.
    pub(crate) fn session(&self, tokens: Option<&Tokens>) -> (Session, Keychain) {
        let keychain = Keychain::with(mock::Store::new().expect("store"));
        if let Some(tokens) = tokens {
            keychain.write(&self.address, tokens).expect("write");
        }
        (self.session_with(keychain.clone()), keychain)
    }

    pub(crate) fn session_with(&self, keychain: Keychain) -> Session {
        let tasks = Tasks::on(tokio::runtime::Handle::current());
        Session::new(Http::new(self.address.clone()).expect("clients"), keychain, tasks)
    }

    /// The session's bearer works no longer; that of its renewal will.
    pub(crate) fn expire(&self) {
        self.inside.session.fetch_add(1, Ordering::SeqCst);
    }

    /// The next connection.
    pub(crate) async fn accept(&mut self) -> Peer {
        Peer(self.sockets.recv().await.expect("a connection"))
    }
}

/// What a session with the number `n` holds.
pub(crate) fn tokens(n: usize) -> Tokens {
    Tokens {
        session_token: Secret::new(format!("mc_ses_{n}")),
        refresh_token: Some(Secret::new(format!("mc_ref_{n}"))),
    }
}

/// The far end of a live connection.
pub(crate) struct Peer(pub(crate) WebSocket);

impl Peer {
    /// The next frame that is no ping of the application.
    pub(crate) async fn read(&mut self) -> Value {
        loop {
            match self.0.recv().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("json");
                    if frame["type"] == "subscribe" {
                        self.send(json!({ "type": "ack", "id": frame["id"] })).await;
                    }
                    if frame["type"] != "ping" {
                        return frame;
                    }
                }
                Some(Ok(_)) => {}
                other => panic!("the connection ended: {other:?}"),
            }
        }
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.expect("send");
    }

    pub(crate) async fn close(mut self, code: u16) {
        let close = axum::extract::ws::CloseFrame { code, reason: "".into() };
        self.0.send(Message::Close(Some(close))).await.expect("close");
    }
}

fn bearer(headers: &HeaderMap) -> String {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.trim_start_matches("Bearer ").to_owned()
}

/// The problem to answer with, unless the bearer works.
fn refused(inside: &Inside, headers: &HeaderMap) -> Option<Response> {
    let session = format!("mc_ses_{}", inside.session.load(Ordering::SeqCst));
    if bearer(headers) == session || bearer(headers) == "mc_pat_good" {
        return None;
    }
    inside.refused.send_modify(|refused| *refused += 1);
    Some(problem(401, "TOKEN_EXPIRED"))
}

fn problem(status: u16, reason: &str) -> Response {
    let body =
        json!({ "status": status, "reason": reason, "detail": "It is over.", "title": "-", "type": "-" });
    (StatusCode::from_u16(status).expect("status"), Json(body)).into_response()
}

fn opened(n: usize) -> Response {
    let session = json!({ "sessionToken": format!("mc_ses_{n}"), "refreshToken": format!("mc_ref_{n}") });
    Json(json!({ "session": session })).into_response()
}

async fn me(State(inside): State<Arc<Inside>>, headers: HeaderMap) -> Response {
    inside.headers.lock().expect("lock").clone_from(&headers);
    let answer = || ([(header::ETAG, "\"e1\"")], Json(json!({ "user": {} }))).into_response();
    refused(&inside, &headers).unwrap_or_else(answer)
}

async fn odd(Path(kind): Path<String>) -> Response {
    match kind.as_str() {
        "redirect" => (StatusCode::FOUND, [(header::LOCATION, "/v1/me")]).into_response(),
        "long" => vec![b' '; super::http::MAX_ANSWER_BYTES + 1].into_response(),
        "longest" => vec![b' '; super::http::MAX_ANSWER_BYTES].into_response(),
        _ => (StatusCode::BAD_GATEWAY, "<html>").into_response(),
    }
}

async fn refresh(State(inside): State<Arc<Inside>>, Json(body): Json<Value>) -> Response {
    inside.renewals.send_modify(|renewals| *renewals += 1);
    inside.renew.subscribe().wait_for(|renew| *renew).await.expect("the test lives");
    if let Some((status, reason)) = *inside.renewal_problem.lock().expect("lock") {
        return problem(status, reason);
    }
    let n = inside.session.load(Ordering::SeqCst);
    if body["refreshToken"] == format!("mc_ref_{}", n - 1) {
        opened(n)
    } else {
        problem(401, "REFRESH_TOKEN_REUSED")
    }
}

async fn enter(State(inside): State<Arc<Inside>>, Json(body): Json<Value>) -> Response {
    inside.sign_ins.lock().expect("lock").push(body.clone());
    if body["password"] == "wrong" {
        return problem(401, "INVALID_CREDENTIALS");
    }
    opened(inside.session.load(Ordering::SeqCst))
}

async fn leave(State(inside): State<Arc<Inside>>, headers: HeaderMap) -> Response {
    if let Some(refused) = refused(&inside, &headers) {
        return refused;
    }
    inside.sign_outs.lock().expect("lock").push(bearer(&headers));
    Json(json!({})).into_response()
}

async fn socket(
    State(inside): State<Arc<Inside>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(refused) = refused(&inside, &headers) {
        return refused;
    }
    upgrade.protocols(["mc.v1"]).on_upgrade(move |socket| async move {
        // A test that is over wants no more of them.
        let _ = inside.sockets.send(socket);
    })
}
