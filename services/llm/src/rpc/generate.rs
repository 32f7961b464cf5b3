//! Generate: calls a model and streams its answer, once for each idempotency key.

use futures::StreamExt;
use futures::stream::BoxStream;
use mc_chassis::auth::Caller;
use mc_proto::llm::v1::{GenerateRequest, GenerateResponse};
use tonic::Status;

use super::{Llm, convert, parent_workspace, parse};
use crate::error::Error;
use crate::generation;

/// What goes over the wire.
pub(super) type Stream = BoxStream<'static, Result<GenerateResponse, Status>>;

pub(super) async fn handle(llm: &Llm, request: tonic::Request<GenerateRequest>) -> Result<Stream, Error> {
    let caller = Caller::of(&request)?;
    let message = request.into_inner();
    let workspace = parent_workspace(&caller, &message.parent)?;
    let idempotency_key = message.idempotency_key.clone();
    let ask = parse::ask(&caller, workspace, message)?;
    let run = parse::run_of(&caller).cloned();
    let events =
        llm.generations.generate(generation::Request { workspace, idempotency_key, ask, run }).await?;
    let wire = move |event| match event {
        Ok(event) => Ok(convert::event(workspace, event)),
        Err(error) => Err(Status::from(error)),
    };
    Ok(events.map(wire).boxed())
}
