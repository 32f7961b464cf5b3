//! Follows a run over the WebSocket, and goes on from the last cursor when the connection is lost.

use anyhow::{Context, bail};
use futures::{SinkExt, StreamExt};
use mc_proto::tasks::v1::{RunEvent, run_event::Kind};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::checks::Seen;
use super::client::Client;
use super::director::Director;
use super::timeline::Timeline;

/// Lost connections in a row, without an event between them, after which the demo gives up.
const LOSSES: u32 = 5;

/// What the edge sends, as far as the demo needs it (the frames of `mc.v1`).
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Frame {
    Event {
        cursor: String,
        event: Value,
    },
    Partial(LiveText),
    Delta(LiveText),
    Error {
        problem: Value,
    },
    /// Acknowledgements, signs of life, and what later versions add.
    #[serde(other)]
    Other,
}

/// Text of a model call that is under way.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LiveText {
    pub(super) step: i32,
    pub(super) attempt: i32,
    pub(super) kind: TextKind,
    /// Bytes of this text that came before.
    pub(super) offset: usize,
    pub(super) text: String,
}

/// Kinds of live text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum TextKind {
    Text,
    Thinking,
}

/// Prints the run's timeline until it ends, and gives back what was seen.
pub(super) async fn follow(
    client: &Client,
    run: &str,
    timeline: &mut Timeline,
    director: &mut Director<'_>,
) -> anyhow::Result<Seen> {
    let (mut seen, mut cursor, mut losses) = (Seen::default(), None, 0);
    while losses < LOSSES {
        let before = seen.events.len();
        match watch(client, run, &mut cursor, &mut seen, timeline, director).await {
            Ok(()) => return Ok(seen),
            Err(error) if losses + 1 == LOSSES => return Err(error.context("follow the run")),
            Err(_) => losses = if seen.events.len() > before { 0 } else { losses + 1 },
        }
    }
    bail!("the connection was lost {LOSSES} times in a row")
}

/// One connection; `Ok` when the run has ended.
async fn watch(
    client: &Client,
    run: &str,
    cursor: &mut Option<String>,
    seen: &mut Seen,
    timeline: &mut Timeline,
    director: &mut Director<'_>,
) -> anyhow::Result<()> {
    let mut socket = connect(client).await?;
    let subscribe = json!({"type": "subscribe", "id": "1", "topic": run, "cursor": cursor});
    socket.send(Message::text(subscribe.to_string())).await.context("subscribe")?;
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            () = director.awaits() => {
                timeline.end_live();
                director.outside().await?;
                continue;
            }
        };
        let Some(message) = message else { break };
        let Message::Text(text) = message.context("read the WebSocket")? else { continue };
        match serde_json::from_str(&text).with_context(|| format!("read the frame {text}"))? {
            Frame::Event { cursor: at, event } => {
                let event: RunEvent =
                    mc_proto::json::from_value(&event).with_context(|| format!("read {event}"))?;
                timeline.event(&event);
                let over =
                    matches!(event.kind, Some(Kind::Succeeded(_) | Kind::Failed(_) | Kind::Cancelled(_)));
                director.event(&event).await?;
                seen.events.push(event);
                *cursor = Some(at);
                if over {
                    // The run is over; a peer that is gone before the goodbye is no loss.
                    let _ = socket.close(None).await;
                    return Ok(());
                }
            }
            Frame::Delta(delta) => {
                seen.delta(&delta);
                timeline.live(&delta, &delta.text);
                director.live(&delta, seen.live_bytes()).await?;
            }
            Frame::Partial(partial) => {
                let fresh = seen.partial(&partial);
                timeline.live(&partial, &fresh);
            }
            Frame::Error { problem } => bail!("the edge says: {problem}"),
            Frame::Other => {}
        }
    }
    bail!("the edge closed the connection before the run ended")
}

async fn connect(client: &Client) -> anyhow::Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    let url = format!("{}/v1/ws", client.url().replacen("http", "ws", 1));
    let mut request = url.as_str().into_client_request().context("make the WebSocket request")?;
    let protocols = format!("mc.v1, bearer.{}", client.token());
    let protocols = protocols.parse().context("the token cannot stand in a header")?;
    request.headers_mut().insert("sec-websocket-protocol", protocols);
    let (socket, reply) = connect_async(request).await.with_context(|| format!("open {url}"))?;
    let agreed = reply.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
    if agreed != Some("mc.v1") {
        bail!("the edge agreed to the subprotocol {agreed:?} instead of mc.v1");
    }
    Ok(socket)
}
