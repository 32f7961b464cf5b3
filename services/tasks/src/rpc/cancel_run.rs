//! CancelRun: ends a run whatever it does.

use mc_chassis::auth::Caller;
use mc_chassis::idempotency;
use mc_proto::tasks::v1::{CancelRunRequest, CancelRunResponse};
use tonic::Request;

use crate::domain::id::UserId;
use crate::domain::order::CommandKind;
use crate::error::Error;
use crate::rpc::order::{self, Order};
use crate::rpc::{Api, names, view_people};
use crate::store::mailbox;

pub(super) async fn cancel_run(
    api: &Api,
    request: Request<CancelRunRequest>,
) -> Result<CancelRunResponse, Error> {
    let caller = Caller::of(&request)?;
    let sender = UserId::new(caller.user()?);
    let request = request.into_inner();
    let (workspace, run) = names::run(&caller, "name", &request.name)?;
    order::check_reason(&request.reason)?;
    let at = api.ambient.clock.now();
    let order = Order { kind: CommandKind::Cancel, reason: &request.reason, sender, at };

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "CancelRun",
        request_id: &request.request_id,
    };
    let mut posted = None;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, at, async |tx| {
        let addressee = order::lock(tx, run, &request.name).await?;
        let command = match mailbox::newest(tx, run, &[CommandKind::Cancel]).await? {
            Some(same) => same,
            None => order::give(api, tx, addressee, &order, &mut posted).await?,
        };
        Ok::<_, Error>(CancelRunResponse { command: Some(view_people::command(&command)) })
    })
    .await?;
    tx.commit().await?;
    order::announce(&api.bus, posted);
    Ok(reply)
}
