//! GetArtifact: reads what is known about an artifact.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{GetArtifactRequest, GetArtifactResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, view};
use crate::store::artifact;

pub(super) async fn get_artifact(
    api: &Api,
    request: Request<GetArtifactRequest>,
) -> Result<GetArtifactResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::artifact(&caller, "name", &name)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let artifact = artifact::get(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    Ok(GetArtifactResponse { artifact: Some(view::artifact(&artifact)) })
}
