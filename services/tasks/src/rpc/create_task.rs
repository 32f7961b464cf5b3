//! CreateTask: puts a task on the board.

use mc_chassis::auth::Caller;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{CreateTaskRequest, CreateTaskResponse};
use tonic::Request;

use crate::domain::id::{TaskId, UserId};
use crate::error::Error;
use crate::rpc::{Api, names, task_content, view};
use crate::store::task;

pub(super) async fn create_task(
    api: &Api,
    request: Request<CreateTaskRequest>,
) -> Result<CreateTaskResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let creator = UserId::new(caller.user()?);
    let fields = request.task.as_ref().ok_or_else(|| Failure::invalid("task", "is required"))?;
    let content = task_content::parse(workspace, fields)?;
    let now = api.ambient.clock.now();

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "CreateTask",
        request_id: &request.request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        let id = TaskId::new(api.ambient.ids.uuid());
        let task = task::insert(tx, workspace, id, &content, creator, now).await?;
        Ok::<_, Error>(CreateTaskResponse { task: Some(view::task(&task)) })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}
