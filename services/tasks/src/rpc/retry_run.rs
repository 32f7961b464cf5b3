//! RetryRun: has a failed run go on from the step that failed.

use mc_chassis::auth::Caller;
use mc_chassis::db::Tx;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{RetryRunRequest, RetryRunResponse};
use tonic::Request;

use crate::domain::id::{CommandId, RunId, TaskId, UserId, WorkspaceId};
use crate::domain::order::CommandKind;
use crate::error::Error;
use crate::rpc::{Api, names, order, view_people};
use crate::start;
use crate::store::mailbox::{self, Command, Locked};
use crate::store::run::{self, Run, status};
use crate::store::{retry, task};

pub(super) async fn retry_run(
    api: &Api,
    request: Request<RetryRunRequest>,
) -> Result<RetryRunResponse, Error> {
    let caller = Caller::of(&request)?;
    let sender = UserId::new(caller.user()?);
    let request = request.into_inner();
    let (workspace, id) = names::run(&caller, "name", &request.name)?;
    order::check_reason(&request.reason)?;
    let now = api.ambient.clock.now();
    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "RetryRun",
        request_id: &request.request_id,
    };
    let mut posted = None;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        let command = match mailbox::lock(tx, id).await? {
            Locked::Missing => return Err(Error::NotFound(request.name.clone())),
            Locked::Live(_) => under_way(tx, id, &request.name).await?,
            Locked::Ended(run) => {
                refuse(tx, workspace, &request.name, &run).await?;
                let order = CommandId::new(api.ambient.ids.uuid());
                let letter = retry::reopen(tx, id, order, sender, &request.reason, now).await;
                posted = letter.map_err(|error| start::refusal(workspace, error))?;
                let order = newest(tx, id).await?.filter(|_| posted.is_some());
                order.ok_or_else(|| broken(id))?
            }
        };
        Ok(RetryRunResponse { command: Some(view_people::command(&command)) })
    })
    .await?;
    tx.commit().await?;
    order::announce(&api.bus, posted);
    Ok(reply)
}

async fn newest(tx: &mut Tx, run: RunId) -> Result<Option<Command>, Error> {
    Ok(mailbox::newest(tx, run, &[CommandKind::Retry]).await?)
}

/// The retry that has brought a living run back and that no worker has read yet.
async fn under_way(tx: &mut Tx, id: RunId, name: &str) -> Result<Command, Error> {
    let order = newest(tx, id).await?.filter(|order| order.settle_time.is_none());
    if let Some(order) = order {
        return Ok(order);
    }
    let run = run::get(tx, id).await?.ok_or_else(|| Error::NotFound(name.to_owned()))?;
    Err(Error::NotFailed { name: name.to_owned(), state: run.status })
}

/// Refuses what cannot go on. The run's row is locked, and the task's is from here on: no run of it begins meanwhile.
async fn refuse(tx: &mut Tx, workspace: WorkspaceId, name: &str, run: &Run) -> Result<(), Error> {
    if run.status != status::FAILED {
        let at = run.end_time.unwrap_or(run.create_time);
        return Err(Error::RunEnded { name: name.to_owned(), state: run.status, at });
    }
    let id = TaskId::new(run.task_id);
    let task = task::lock(tx, id).await?;
    if let Some(live) = run::live_of(tx, id).await? {
        return Err(Error::AlreadyRunning { workspace, run: Some(live) });
    }
    // Only the newest run speaks for its task.
    match task.and_then(|task| task.latest_run) {
        Some(newest) if newest != run.run_id => {
            Err(Error::NotNewest { name: name.to_owned(), workspace, newest: RunId::new(newest) })
        }
        _ => Ok(()),
    }
}

fn broken(run: RunId) -> Error {
    tracing::error!(%run, "a failed run that was locked did not come back with the order in its mailbox");
    Failure::internal().into()
}
