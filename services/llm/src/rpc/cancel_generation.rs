//! CancelGeneration: stops a model call for good, by the key that it was or will be asked under.

use mc_chassis::auth::Caller;
use mc_proto::llm::v1::{CancelGenerationRequest, CancelGenerationResponse};

use super::{Llm, convert, parent_workspace, parse};
use crate::error::Error;

pub(super) async fn handle(
    llm: &Llm,
    request: tonic::Request<CancelGenerationRequest>,
) -> Result<CancelGenerationResponse, Error> {
    let caller = Caller::of(&request)?;
    let message = request.into_inner();
    let workspace = parent_workspace(&caller, &message.parent)?;
    parse::check_key(&message.idempotency_key)?;
    let stored = llm.generations.cancel(workspace, &message.idempotency_key).await?;
    Ok(CancelGenerationResponse { generation: Some(convert::generation(stored)) })
}
