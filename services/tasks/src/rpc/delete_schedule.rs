//! DeleteSchedule: deletes a schedule with its history; what it started goes on.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{DeleteScheduleRequest, DeleteScheduleResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, view};
use crate::store::schedule;

pub(super) async fn delete_schedule(
    api: &Api,
    request: Request<DeleteScheduleRequest>,
) -> Result<DeleteScheduleResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (workspace, id) = names::schedule(&caller, "name", &request.name)?;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let stored = schedule::lock(&mut tx, id).await?.ok_or_else(|| Error::NotFound(request.name.clone()))?;
    if !request.etag.is_empty() && request.etag != view::etag(stored.revision) {
        return Err(Error::EtagMismatch(request.name));
    }
    schedule::delete(&mut tx, id).await?;
    tx.commit().await?;
    Ok(DeleteScheduleResponse {})
}
