//! Commands: REST calls over the socket, carried out by the transcoder that serves HTTP.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use mc_chassis::Failure;
use serde_json::Value;
use serde_json::value::RawValue;
use tonic::Code;

use super::frame::ServerFrame;
use crate::http::Edge;
use crate::problem::Problem;
use crate::transcode::call::{Call, Origin, Outcome};
use crate::transcode::reply::Reply;

/// Reason: the call answers with a stream or with bytes, which a command cannot carry.
const NOT_A_COMMAND: &str = "NOT_A_COMMAND";

/// What a command frame asks for.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) idempotency_key: Option<String>,
    pub(super) if_match: Option<String>,
}

/// Carries a command out and answers with the frame that says what came of it.
pub(super) async fn run(edge: Arc<Edge>, origin: Origin, command: Command) -> ServerFrame {
    let id = command.id.clone();
    let request_id = origin.request_id.clone();
    match answer(&edge, origin, command).await {
        Ok((body, etag)) => ServerFrame::Ack { id, status: Some(200), body: Some(body), etag },
        Err(failure) => {
            let problem = Problem::new(&failure, &request_id);
            ServerFrame::Error { id: Some(id), topic: None, ended: false, problem }
        }
    }
}

async fn answer(
    edge: &Edge,
    origin: Origin,
    command: Command,
) -> Result<(Box<RawValue>, Option<String>), Failure> {
    let method = Method::from_bytes(command.method.as_bytes())
        .map_err(|_| Failure::invalid("method", "must be an HTTP method"))?;
    let (path, query) = command.path.split_once('?').unwrap_or((&command.path, ""));
    let body = match &command.body {
        Some(body) => serde_json::to_vec(body).map_err(|_| Failure::internal())?.into(),
        None => Bytes::new(),
    };
    let call = Call {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        body,
        idempotency_key: command.idempotency_key,
        if_match: command.if_match,
        last_event_id: None,
        origin,
    };
    let refused = || {
        let text = "this call answers with a stream or a file; use HTTP, or subscribe";
        Failure::new(Code::InvalidArgument, NOT_A_COMMAND, text)
    };
    if edge.transcoder.is_streaming(&call) {
        return Err(refused());
    }
    match edge.transcoder.call(&call).await? {
        Outcome::Reply(Reply::Message { json, etag }) => {
            let text = String::from_utf8(json.to_vec()).map_err(|_| Failure::internal())?;
            Ok((RawValue::from_string(text).map_err(|_| Failure::internal())?, etag))
        }
        _ => Err(refused()),
    }
}
