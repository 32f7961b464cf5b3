//! DeleteProvider: removes a provider; what it answered stays.

use mc_chassis::auth::Caller;
use mc_proto::llm::v1::{DeleteProviderRequest, DeleteProviderResponse};

use super::{Llm, provider_name};
use crate::domain::provider::SIMULATOR_ID;
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    llm: &Llm,
    request: tonic::Request<DeleteProviderRequest>,
) -> Result<DeleteProviderResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = provider_name(&caller, &name)?;
    if id == SIMULATOR_ID {
        return Err(Error::BuiltIn);
    }
    let mut tx = llm.database.begin(workspace).await?;
    if !store::provider::delete(&mut tx, workspace, id).await? {
        return Err(Error::NotFound(name));
    }
    tx.commit().await?;
    Ok(DeleteProviderResponse {})
}
