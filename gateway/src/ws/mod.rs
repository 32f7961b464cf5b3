//! `/v1/ws`: many topics and commands over one connection. `gateway/WEBSOCKET.md` is its manual.

mod activity;
mod command;
pub mod frame;
mod live;
mod reader;
mod run;
mod socket;
mod topic;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use http::{HeaderMap, Response, header};
use mc_chassis::Failure;

use crate::auth::{Freshness, refusal};
use crate::http::{Edge, RequestContext};

/// The subprotocol, which a client must offer.
pub const SUBPROTOCOL: &str = "mc.v1";

/// Prefix of the subprotocol that carries the bearer; it is never echoed.
const BEARER_PREFIX: &str = "bearer.";

/// What one socket may do.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest frame that is taken, in bytes; a larger one closes the socket with 1009.
    pub frame_bytes: usize,
    /// Topics at a time.
    pub subscriptions: usize,
    /// Commands at a time.
    pub commands: usize,
    /// Frames that wait to be written before the streams behind them are held back.
    pub queue: usize,
    /// A client that takes nothing for this long is disconnected.
    pub write_stall: Duration,
    /// A client that is not heard for this long, pongs included, is disconnected.
    pub idle: Duration,
    /// A watch that says nothing for this long is taken up anew; a living one speaks every 15 s.
    pub upstream_silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 1024 * 1024,
            subscriptions: 100,
            commands: 16,
            queue: 128,
            write_stall: Duration::from_secs(10),
            idle: Duration::from_mins(1),
            upstream_silence: Duration::from_secs(45),
        }
    }
}

/// Opens a socket for a caller whom identity knows. Pages that may not call have been refused before.
pub async fn upgrade(
    State(edge): State<Arc<Edge>>,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response<Body> {
    match open(edge, &context, &headers, upgrade).await {
        Ok(response) => response,
        Err(failure) => context.problem(&failure),
    }
}

async fn open(
    edge: Arc<Edge>,
    context: &RequestContext,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response<Body>, Failure> {
    let upgrade = upgrade.map_err(|rejection| {
        Failure::invalid("Upgrade", format!("open a WebSocket (RFC 6455) here: {}", rejection.body_text()))
    })?;
    let offered = subprotocols(headers);
    if !offered.contains(&SUBPROTOCOL) {
        return Err(Failure::invalid("Sec-WebSocket-Protocol", format!("must offer {SUBPROTOCOL}")));
    }
    let mut origin = context.origin(headers);
    if let Some(bearer) = offered.iter().find_map(|offer| offer.strip_prefix(BEARER_PREFIX)) {
        origin.bearer = Some(bearer.to_owned());
    }
    let bearer = origin.bearer.clone().ok_or_else(refusal)?;
    edge.auth.authorization(&bearer, "", Freshness::Stream).await?;

    let limits = edge.settings.ws;
    let response = upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(limits.frame_bytes)
        .max_frame_size(limits.frame_bytes)
        .on_upgrade(move |socket| async move {
            let lifecycle = edge.lifecycle.clone();
            // A tracked task, so that a shutdown waits for the close frame.
            let _ = lifecycle.spawn("websocket", socket::run(edge, origin, bearer, socket)).await;
        });
    Ok(response)
}

fn subprotocols(headers: &HeaderMap) -> Vec<&str> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|offer| !offer.is_empty()).collect()
}
