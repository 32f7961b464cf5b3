//! PauseRun: stops a run at its next safe point.

use mc_chassis::auth::Caller;
use mc_chassis::idempotency;
use mc_proto::tasks::v1::{PauseRunRequest, PauseRunResponse};
use tonic::Request;

use crate::domain::id::UserId;
use crate::domain::order::CommandKind;
use crate::error::Error;
use crate::rpc::order::{self, Order};
use crate::rpc::{Api, names, view_people};
use crate::store::mailbox;

pub(super) async fn pause_run(
    api: &Api,
    request: Request<PauseRunRequest>,
) -> Result<PauseRunResponse, Error> {
    let caller = Caller::of(&request)?;
    let sender = UserId::new(caller.user()?);
    let request = request.into_inner();
    let (workspace, run) = names::run(&caller, "name", &request.name)?;
    order::check_reason(&request.reason)?;
    let at = api.ambient.clock.now();
    let order = Order { kind: CommandKind::Pause, reason: &request.reason, sender, at };

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "PauseRun",
        request_id: &request.request_id,
    };
    let mut posted = None;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, at, async |tx| {
        let addressee = order::lock(tx, run, &request.name).await?;
        // What was said last about pausing holds: the order that is under way, or that paused the run.
        let last = mailbox::newest(tx, run, &[CommandKind::Pause, CommandKind::Resume]).await?;
        let command = match last.filter(|last| last.orders(CommandKind::Pause)) {
            Some(same) => same,
            None => order::give(api, tx, addressee, &order, &mut posted).await?,
        };
        Ok::<_, Error>(PauseRunResponse { command: Some(view_people::command(&command)) })
    })
    .await?;
    tx.commit().await?;
    order::announce(&api.bus, posted);
    Ok(reply)
}
