//! PauseSchedule: stops the clock of a schedule.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{PauseScheduleRequest, PauseScheduleResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, shown_schedule};
use crate::store::schedule::{self, Clock};

pub(super) async fn pause_schedule(
    api: &Api,
    request: Request<PauseScheduleRequest>,
) -> Result<PauseScheduleResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::schedule(&caller, "name", &name)?;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let stored = schedule::lock(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    if !stored.paused {
        let clock = Clock { paused: true, next: None, settled_until: stored.settled_until };
        schedule::set_clock(&mut tx, id, clock, api.ambient.clock.now()).await?;
    }
    let schedule = shown_schedule::shown(&mut tx, id).await?;
    tx.commit().await?;
    Ok(PauseScheduleResponse { schedule })
}
