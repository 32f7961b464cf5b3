//! DownloadArtifact: an artifact's content, as bytes with their media type.

use mc_chassis::auth::Caller;
use mc_proto::google::api::HttpBody;
use mc_proto::tasks::v1::DownloadArtifactRequest;
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names};
use crate::store::artifact;

pub(super) async fn download_artifact(
    api: &Api,
    request: Request<DownloadArtifactRequest>,
) -> Result<HttpBody, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::artifact(&caller, "name", &name)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let (content_type, data) = artifact::content(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    Ok(HttpBody { content_type, data, extensions: Vec::new() })
}
