//! GetGeneration: reads a generation; one whose owner died is settled on the way.

use mc_chassis::auth::Caller;
use mc_chassis::{Failure, names};
use mc_proto::llm::v1::{GetGenerationRequest, GetGenerationResponse};

use super::{Llm, convert};
use crate::error::Error;

pub(super) async fn handle(
    llm: &Llm,
    request: tonic::Request<GetGenerationRequest>,
) -> Result<GetGenerationResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let [workspace, id] = names::parse("name", "workspaces/*/generations/*", &name)?;
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name.as_str()))?;
    let found = llm.generations.get(workspace, id).await?.ok_or(Error::NotFound(name))?;
    Ok(GetGenerationResponse { generation: Some(convert::generation(found)) })
}
