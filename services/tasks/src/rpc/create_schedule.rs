//! CreateSchedule: makes a schedule, whose clock goes at once.

use mc_chassis::auth::Caller;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{CreateScheduleRequest, CreateScheduleResponse};
use tonic::Request;

use crate::domain::id::{ScheduleId, UserId};
use crate::error::Error;
use crate::rpc::{Api, names, schedule_content, shown_schedule};
use crate::store::schedule::{self, Clock};

/// Schedules of a workspace at most.
pub(super) const LIMIT: i64 = 500;

pub(super) async fn create_schedule(
    api: &Api,
    request: Request<CreateScheduleRequest>,
) -> Result<CreateScheduleResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let creator = UserId::new(caller.user()?);
    let fields = request.schedule.as_ref().ok_or_else(|| Failure::invalid("schedule", "is required"))?;
    let now = api.ambient.clock.now();
    let parsed = schedule_content::parse(workspace, fields, now)?;
    let next = parsed.timetable.after(now).map(|tick| tick.at);
    let clock = Clock { paused: false, next, settled_until: now };

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "CreateSchedule",
        request_id: &request.request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        if schedule::count(tx, workspace).await? >= LIMIT {
            return Err(Error::ScheduleLimit);
        }
        let id = ScheduleId::new(api.ambient.ids.uuid());
        schedule::insert(tx, workspace, id, &parsed.settings, creator, clock).await?;
        Ok(CreateScheduleResponse { schedule: shown_schedule::shown(tx, id).await? })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}
