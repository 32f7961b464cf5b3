//! ResumeRun: lets a paused run go on, or takes back a pause that is under way.

use mc_chassis::auth::Caller;
use mc_chassis::idempotency;
use mc_proto::tasks::v1::{ResumeRunRequest, ResumeRunResponse};
use tonic::Request;

use crate::domain::id::UserId;
use crate::domain::order::CommandKind;
use crate::error::Error;
use crate::rpc::order::{self, Order};
use crate::rpc::{Api, names, view_people};
use crate::store::mailbox;

pub(super) async fn resume_run(
    api: &Api,
    request: Request<ResumeRunRequest>,
) -> Result<ResumeRunResponse, Error> {
    let caller = Caller::of(&request)?;
    let sender = UserId::new(caller.user()?);
    let request = request.into_inner();
    let (workspace, run) = names::run(&caller, "name", &request.name)?;
    order::check_reason(&request.reason)?;
    let at = api.ambient.clock.now();
    let order = Order { kind: CommandKind::Resume, reason: &request.reason, sender, at };

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "ResumeRun",
        request_id: &request.request_id,
    };
    let mut posted = None;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, at, async |tx| {
        let addressee = order::lock(tx, run, &request.name).await?;
        let last = mailbox::newest(tx, run, &[CommandKind::Pause, CommandKind::Resume]).await?;
        let command = match last {
            Some(pause) if pause.orders(CommandKind::Pause) => {
                order::give(api, tx, addressee, &order, &mut posted).await?
            }
            Some(same) if same.settle_time.is_none() => same,
            _ => return Err(Error::NotPaused(request.name.clone())),
        };
        Ok::<_, Error>(ResumeRunResponse { command: Some(view_people::command(&command)) })
    })
    .await?;
    tx.commit().await?;
    order::announce(&api.bus, posted);
    Ok(reply)
}
