//! RunSchedule: fires a schedule now, on behalf of who asks.

use mc_chassis::auth::Caller;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{RunScheduleRequest, RunScheduleResponse};
use tonic::Request;

use crate::domain::id::{FireId, UserId};
use crate::domain::schedule::OPEN_FIRES;
use crate::error::Error;
use crate::rpc::order::unprintable;
use crate::rpc::{Api, names, view_schedule};
use crate::store::schedule;

/// Characters of a note at most.
const NOTE_CHARS: usize = 500;

pub(super) async fn run_schedule(
    api: &Api,
    request: Request<RunScheduleRequest>,
) -> Result<RunScheduleResponse, Error> {
    let caller = Caller::of(&request)?;
    let requester = UserId::new(caller.user()?);
    let request = request.into_inner();
    let (workspace, id) = names::schedule(&caller, "name", &request.name)?;
    let length = request.note.chars().count();
    if length > NOTE_CHARS || request.note.chars().any(unprintable) {
        let description =
            format!("must have at most {NOTE_CHARS} characters that can be shown, not {length}");
        return Err(Failure::invalid("note", description).into());
    }
    let now = api.ambient.clock.now();

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "RunSchedule",
        request_id: &request.request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        let stored = schedule::lock(tx, id).await?.ok_or_else(|| Error::NotFound(request.name.clone()))?;
        if usize::try_from(stored.open_fires).unwrap_or(0) >= OPEN_FIRES {
            return Err(Error::ScheduleBusy(request.name.clone()));
        }
        let fire = FireId::new(api.ambient.ids.uuid());
        let asked = schedule::ask(tx, &stored, fire, requester, &request.note, now).await?;
        Ok::<_, Error>(RunScheduleResponse { fire: Some(view_schedule::fire(&asked)) })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}
