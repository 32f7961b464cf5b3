//! GetSchedule: reads a schedule.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{GetScheduleRequest, GetScheduleResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, shown_schedule};

pub(super) async fn get_schedule(
    api: &Api,
    request: Request<GetScheduleRequest>,
) -> Result<GetScheduleResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::schedule(&caller, "name", &name)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let schedule = shown_schedule::shown(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    Ok(GetScheduleResponse { schedule: Some(schedule) })
}
