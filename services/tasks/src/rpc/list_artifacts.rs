//! ListArtifacts: artifacts of a workspace or of a run, newest first.

use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListArtifactsRequest, ListArtifactsResponse};
use tonic::Request;
use uuid::Uuid;

use crate::error::Error;
use crate::rpc::{Api, names, view};
use crate::store::artifact;

pub(super) async fn list_artifacts(
    api: &Api,
    request: Request<ListArtifactsRequest>,
) -> Result<ListArtifactsResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let page = Page::<Uuid>::parse(request.page_size, &request.page_token)?;
    let run = names::optional_run(workspace, "run", &request.run)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let mut artifacts = artifact::list(&mut tx, workspace, run, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut artifacts, |artifact| artifact.artifact_id);
    Ok(ListArtifactsResponse { artifacts: artifacts.iter().map(view::artifact).collect(), next_page_token })
}
