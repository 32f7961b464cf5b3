//! CreateTask: puts a task on the board.

use mc_chassis::auth::Caller;
use mc_chassis::error::both;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{CreateTaskRequest, CreateTaskResponse};
use tonic::Request;

use crate::domain::id::{TaskId, UserId};
use crate::error::Error;
use crate::rpc::{Api, names, placing, task_board, task_content, view};
use crate::store::board::Board;
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
    let (content, board) =
        both(task_content::parse(workspace, fields), task_board::parse(workspace, fields))?;
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
        let mut task = task::insert(tx, workspace, id, &content, creator, now).await?;
        if board != Board::default() {
            placing::place(tx, workspace, &task, &board).await?;
            task = task::get(tx, id).await?.ok_or_else(Failure::internal)?;
        }
        Ok::<_, Error>(CreateTaskResponse { task: Some(view::task(&task)) })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}
