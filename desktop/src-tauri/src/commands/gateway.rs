//! Calls to the gateway, and the live connection of the window that asks.

use std::sync::Arc;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tauri::ipc::{Channel, Response};
use tauri::{State, WebviewWindow};
use tokio::sync::{mpsc, oneshot};

use crate::desktop::Desktop;
use crate::error::Error;
use crate::gateway::Address;
use crate::gateway::http::Call;
use crate::gateway::resume::{MAX_TOPICS, NotAdded};
use crate::gateway::session::Standing;
use crate::gateway::ws::{Live, Order, Patience};
use crate::window::{Attached, Credit, MAX_WAITING, Sources, encode};

/// What a window that attaches begins with.
#[derive(Debug, Serialize)]
pub struct Beginning {
    /// Address of the gateway.
    gateway: String,
    /// Who is signed in.
    session: Standing,
}

/// A call as the web view describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    method: String,
    path: String,
    body: Option<Box<RawValue>>,
    idempotency_key: Option<String>,
    if_match: Option<String>,
    #[serde(default)]
    anonymous: bool,
}

/// An answer, whatever its status.
#[derive(Debug, Serialize)]
pub struct Reply {
    status: u16,
    etag: Option<String>,
    /// As text: the web view parses it.
    body: String,
}

/// Listens from now on: everything that the window has to know comes through `messages`.
#[tauri::command]
pub async fn attach(
    desktop: State<'_, Desktop>,
    window: WebviewWindow,
    messages: Channel<Box<RawValue>>,
) -> Result<Beginning, Error> {
    desktop.arrive().await;
    let session = desktop.session();
    // Reads the keychain. That it cannot be read, or is empty, shows in the standing.
    if let Err(error) = session.bearer().await {
        tracing::debug!(%error, "nobody is signed in");
    }
    let (orders, orders_out) = mpsc::channel(MAX_TOPICS);
    let (actions, actions_out) = mpsc::channel(16);
    let (live, live_out) = mpsc::channel(MAX_WAITING);
    let stop = desktop.tasks.stopping().child_token();
    let credit = Arc::new(Credit::default());
    let mut standing = session.standing();
    let beginning =
        Beginning { gateway: session.gateway().to_string(), session: *standing.borrow_and_update() };

    let sources = Sources { live: live_out, actions: actions_out, standing };
    let send = move |batch: Vec<_>| messages.send(encode(&batch)).is_ok();
    desktop.tasks.spawn(sources.pump(Arc::clone(&credit), stop.clone(), send));
    let connection = Live {
        session,
        orders: orders_out,
        out: live,
        stop: stop.clone(),
        patience: Patience::default(),
        random,
    };
    desktop.tasks.spawn(connection.run());
    desktop.attach(window.label(), Attached { orders, actions, credit, stop: stop.drop_guard() });
    Ok(beginning)
}

/// The window has dealt with so many batches.
#[tauri::command]
pub fn taken(desktop: State<'_, Desktop>, window: WebviewWindow, batches: usize) -> Result<(), Error> {
    desktop.attached(window.label(), |attached| attached.credit.taken(batches))
}

/// Follows a topic from after a cursor, over every loss of connection. Its frames come with the number of the watch.
#[tauri::command]
pub async fn watch(
    desktop: State<'_, Desktop>,
    window: WebviewWindow,
    topic: String,
    cursor: Option<String>,
    watch: u32,
) -> Result<(), Error> {
    let orders = desktop.attached(window.label(), |attached| attached.orders.clone())?;
    let (done, answer) = oneshot::channel();
    let gone = || Error::System("the live connection has ended; load the window anew".to_owned());
    orders.send(Order::Watch { topic, cursor, watch, done }).await.map_err(|_| gone())?;
    answer.await.map_err(|_| gone())?.map_err(|refused| match refused {
        NotAdded::Twice => {
            Error::invalid("topic", "is watched already in this window: close that watch first")
        }
        NotAdded::TooMany => {
            Error::invalid("topic", format!("is one too many: {MAX_TOPICS} are watched here"))
        }
    })
}

/// Follows a topic no longer.
#[tauri::command]
pub async fn unwatch(desktop: State<'_, Desktop>, window: WebviewWindow, topic: String) -> Result<(), Error> {
    order(&desktop, &window, Order::Unwatch { topic }).await
}

/// Tries the live connection now.
#[tauri::command]
pub async fn reconnect(desktop: State<'_, Desktop>, window: WebviewWindow) -> Result<(), Error> {
    order(&desktop, &window, Order::Reconnect).await
}

async fn order(desktop: &Desktop, window: &WebviewWindow, order: Order) -> Result<(), Error> {
    let orders = desktop.attached(window.label(), |attached| attached.orders.clone())?;
    // Nothing is left to be done for a window that went.
    let _ = orders.send(order).await;
    Ok(())
}

/// One call of `/v1/...`.
#[tauri::command]
pub async fn request(desktop: State<'_, Desktop>, request: Request) -> Result<Reply, Error> {
    let method = match request.method.as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return Err(Error::invalid("method", "must be GET, POST, PUT, PATCH or DELETE")),
    };
    let call = Call {
        method,
        path: request.path,
        body: request.body,
        idempotency_key: request.idempotency_key,
        if_match: request.if_match,
    };
    let session = desktop.session();
    let answer =
        if request.anonymous { session.call_anonymously(&call).await? } else { session.call(&call).await? };
    let body = String::from_utf8(answer.body).map_err(|_| Error::NotAGateway {
        address: session.gateway().to_string(),
        cause: "its answer is not text".to_owned(),
    })?;
    Ok(Reply { status: answer.status, etag: answer.etag, body })
}

/// Content that is not JSON, such as an artifact.
#[tauri::command]
pub async fn read(desktop: State<'_, Desktop>, path: String) -> Result<Response, Error> {
    let session = desktop.session();
    let answer = session.call(&Call::new(Method::GET, &path)).await?.succeeded(session.gateway())?;
    Ok(Response::new(answer.body))
}

/// Gateways that are known, the one spoken to first.
#[tauri::command]
pub fn gateways(desktop: State<'_, Desktop>) -> Vec<String> {
    desktop.gateways().iter().map(ToString::to_string).collect()
}

/// Speaks to another gateway from now on: attach anew then.
#[tauri::command]
pub async fn choose_gateway(desktop: State<'_, Desktop>, url: String) -> Result<(), Error> {
    desktop.choose(Address::parse(&url)?)
}

#[expect(clippy::disallowed_methods, reason = "this is where chance comes in")]
fn random() -> f64 {
    rand::random()
}
