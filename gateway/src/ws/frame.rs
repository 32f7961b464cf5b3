//! The frames of `mc.v1`: JSON text, told apart by `type`. Their JSON Schema is committed as `ws-frames.schema.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::problem::Problem;

/// Close code: the bearer is no longer accepted. Sign in again before connecting.
pub const CLOSE_UNAUTHENTICATED: u16 = 4401;
/// Close code: nothing was heard from the client. Connect again and resume.
pub const CLOSE_IDLE: u16 = 4408;
/// Close code: the client did not take what was sent. Connect again and resume.
pub const CLOSE_SLOW: u16 = 4429;
/// Close code: the edge restarts (IANA registry of RFC 6455). Connect again and resume.
pub const CLOSE_RESTART: u16 = 1012;
/// Close code: a frame was larger than the limit (RFC 6455).
pub const CLOSE_TOO_BIG: u16 = 1009;

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientFrame {
    /// Asks for the events of a topic. Answered by `ack`, then by what there is after `cursor`.
    Subscribe {
        /// Chosen by the client; the answer has it.
        id: String,
        /// `workspaces/{workspace}/runs/{run}` or `workspaces/{workspace}`.
        topic: String,
        /// `cursor` of the last event that was seen; when absent, a run is told from its beginning and a workspace from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
        /// W3C trace context of this request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        traceparent: Option<String>,
    },
    /// Ends a topic. Answered by `ack`, also when it was not subscribed to.
    Unsubscribe {
        /// Chosen by the client; the answer has it.
        id: String,
        /// As in `subscribe`.
        topic: String,
    },
    /// A REST call, carried out as over HTTP. Answered by `ack` with the reply, or by `error`.
    Command {
        /// Chosen by the client; the answer has it.
        id: String,
        /// HTTP method.
        method: String,
        /// Path and query: `/v1/workspaces/{workspace}/tasks/{task}:start`.
        path: String,
        /// JSON body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
        /// As the header `Idempotency-Key`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idempotency_key: Option<String>,
        /// As the header `If-Match`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_match: Option<String>,
        /// W3C trace context of this request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        traceparent: Option<String>,
    },
    /// Asks for a `pong`: browsers cannot send WebSocket pings.
    Ping {
        /// Chosen by the client; the answer has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

/// What the edge sends.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// A request was carried out.
    Ack {
        /// Of the request.
        id: String,
        /// HTTP status, for commands.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// The reply, for commands.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<Value>")]
        body: Option<Box<RawValue>>,
        /// Etag of the resource in the reply, for commands.
        #[serde(skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    /// An event of a topic. Every one comes, once and in order.
    Event {
        /// As it was subscribed to.
        topic: String,
        /// What `subscribe` takes to go on after this event. Opaque.
        cursor: String,
        /// The event: of a run a `RunEvent`, of a workspace a `WorkspaceEvent` of the OpenAPI document.
        #[schemars(with = "Value")]
        event: Box<RawValue>,
    },
    /// Live text from a place on: what the client holds of this kind of text of this step from `offset` on is replaced.
    /// At offset 0 that is all of it.
    Partial(LiveText),
    /// More live text, right behind what came before.
    Delta(LiveText),
    /// A new attempt at a step has begun: live text of the attempts before is void.
    Reset {
        /// As it was subscribed to.
        topic: String,
        /// The step.
        step: i32,
        /// The attempt that has begun.
        attempt: i32,
    },
    /// All that was there has been sent; what follows is live.
    CaughtUp {
        /// As it was subscribed to.
        topic: String,
        /// What `subscribe` takes to go on from here; empty for a run without an event.
        cursor: String,
    },
    /// The topic has ended: its run is over and every event was sent. The subscription is over too.
    End {
        /// As it was subscribed to.
        topic: String,
        /// Of the last event; empty if there was none.
        cursor: String,
    },
    /// A request failed, or a topic cannot be followed at the moment or any more.
    Error {
        /// Of the request, if it is about one that could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Of the subscription, if it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
        /// True when a subscription that was acknowledged is over; else the edge goes on trying.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        ended: bool,
        /// What went wrong, as over HTTP.
        problem: Problem,
    },
    /// Answers a `ping`.
    Pong {
        /// Of the ping.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

/// Text of a model call that is under way. It is never stored: the event that ends the call has the whole message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveText {
    /// As it was subscribed to.
    pub topic: String,
    /// Step that it belongs to.
    pub step: i32,
    /// Attempt at that step.
    pub attempt: i32,
    /// What kind of text it is.
    pub kind: TextKind,
    /// UTF-8 bytes of this kind of text in this attempt that came before.
    pub offset: i64,
    /// The text.
    pub text: String,
}

/// Kinds of live text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TextKind {
    /// What the model says.
    Text,
    /// What it thinks aloud.
    Thinking,
}

impl ServerFrame {
    /// The frame as it is sent.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("frames have only string keys")
    }
}

/// The JSON Schema (draft 2020-12) of both directions.
pub fn schema() -> Value {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Frames {
        /// What a client sends.
        client: ClientFrame,
        /// What the edge sends.
        server: ServerFrame,
    }
    let mut schema = schemars::schema_for!(Frames).to_value();
    schema["title"] = "Frames of the WebSocket subprotocol mc.v1".into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_schema_is_fresh() {
        let committed: Value =
            serde_json::from_str(include_str!("../../ws-frames.schema.json")).expect("JSON");
        let remedy = "cargo run -p mc-gateway -- ws-schema > gateway/ws-frames.schema.json";
        assert!(committed == schema(), "gateway/ws-frames.schema.json is stale: {remedy}");
    }

    #[test]
    fn client_frames_are_read_strictly() {
        let frame: ClientFrame =
            serde_json::from_str(r#"{"type": "subscribe", "id": "1", "topic": "t"}"#).expect("read");
        assert!(matches!(frame, ClientFrame::Subscribe { cursor: None, .. }));
        for bad in [
            r#"{"type": "subscribe", "id": "1"}"#,
            r#"{"type": "subscribe", "id": "1", "topic": "t", "extra": 1}"#,
            r#"{"type": "shout"}"#,
            r#"{"id": "1"}"#,
            "[]",
            "hello",
        ] {
            assert!(serde_json::from_str::<ClientFrame>(bad).is_err(), "{bad}");
        }
    }
}
