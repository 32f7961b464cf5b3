//! GetProvider: reads a provider.

use mc_chassis::auth::Caller;
use mc_proto::llm::v1::{GetProviderRequest, GetProviderResponse};

use super::{Llm, convert, provider_name};
use crate::domain::provider::{Provider, SIMULATOR_ID};
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    llm: &Llm,
    request: tonic::Request<GetProviderRequest>,
) -> Result<GetProviderResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = provider_name(&caller, &name)?;
    let found = if id == SIMULATOR_ID {
        Provider::simulator()
    } else {
        let mut tx = llm.database.read(workspace).await?;
        let found = store::provider::get(&mut tx, workspace, id).await?;
        found.ok_or_else(|| Error::NotFound(name.clone()))?
    };
    Ok(GetProviderResponse { provider: Some(convert::provider(workspace, found)) })
}
