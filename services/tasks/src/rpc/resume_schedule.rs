//! ResumeSchedule: lets the clock of a schedule go on from now.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{ResumeScheduleRequest, ResumeScheduleResponse};
use tonic::Request;

use crate::domain::schedule::Timetable;
use crate::domain::schedule::cron::Cron;
use crate::domain::schedule::ticks::Zone;
use crate::error::Error;
use crate::rpc::{Api, names, shown_schedule};
use crate::store::schedule::{self, Clock, Schedule};

pub(super) async fn resume_schedule(
    api: &Api,
    request: Request<ResumeScheduleRequest>,
) -> Result<ResumeScheduleResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::schedule(&caller, "name", &name)?;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let stored = schedule::lock(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    if stored.paused {
        let now = api.ambient.clock.now();
        // What came due meanwhile was not missed; a tick that was seen to is never seen to again.
        let from = stored.settled_until.max(now);
        let next = timetable(&stored)?.after(from).map(|tick| tick.at);
        schedule::set_clock(&mut tx, id, Clock { paused: false, next, settled_until: from }, now).await?;
    }
    let schedule = shown_schedule::shown(&mut tx, id).await?;
    tx.commit().await?;
    Ok(ResumeScheduleResponse { schedule })
}

fn timetable(stored: &Schedule) -> Result<Timetable, Failure> {
    let read = Cron::parse(&stored.cron).ok().zip(Zone::named(&stored.time_zone));
    let (cron, zone) = read.ok_or_else(|| {
        tracing::error!(schedule = %stored.schedule_id, "the timetable of a schedule cannot be read");
        Failure::internal()
    })?;
    Ok(Timetable { cron, zone })
}
