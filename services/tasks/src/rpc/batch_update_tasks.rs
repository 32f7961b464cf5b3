//! BatchUpdateTasks: several changes at once, each by itself; see [`batch`].

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{BatchUpdateTasksRequest, BatchUpdateTasksResponse, TaskUpdate, TaskUpdateResult};
use tonic::Request;

use crate::error::Error;
use crate::rpc::update_task::{OneUpdate, update};
use crate::rpc::{Api, batch, names};

pub(super) async fn batch_update_tasks(
    api: &Api,
    request: Request<BatchUpdateTasksRequest>,
) -> Result<BatchUpdateTasksResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    batch::check("updates", "task.name", request.updates.iter().map(name))?;
    batch::keep_id(api, &caller, workspace, "BatchUpdateTasks", &request.request_id, &request).await?;

    let mut results = Vec::with_capacity(request.updates.len());
    for asked in &request.updates {
        let request_id = batch::entry_request_id(&request.request_id, name(asked));
        let one = OneUpdate {
            task: asked.task.clone(),
            mask: asked.update_mask.as_ref().map(|mask| mask.paths.clone()).unwrap_or_default(),
            operation: "BatchUpdateTasks/task",
            request_id: &request_id,
        };
        let (task, refusal) = match batch::outcome(update(api, &caller, one, asked).await)? {
            Ok(reply) => (reply.task, None),
            Err(refusal) => (None, Some(refusal)),
        };
        results.push(TaskUpdateResult { name: name(asked).to_owned(), task, refusal });
    }
    Ok(BatchUpdateTasksResponse { results })
}

fn name(update: &TaskUpdate) -> &str {
    update.task.as_ref().map_or("", |task| task.name.as_str())
}
