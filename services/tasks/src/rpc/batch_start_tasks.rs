//! BatchStartTasks: several starts at once, each by itself; see [`batch`].

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{BatchStartTasksRequest, BatchStartTasksResponse, TaskStartResult};
use tonic::Request;

use crate::error::Error;
use crate::rpc::start_task::{OneStart, start};
use crate::rpc::{Api, batch, names};

pub(super) async fn batch_start_tasks(
    api: &Api,
    request: Request<BatchStartTasksRequest>,
) -> Result<BatchStartTasksResponse, Error> {
    let caller = Caller::of(&request)?;
    let (metadata, _, request) = request.into_parts();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    batch::check("starts", "name", request.starts.iter().map(|start| start.name.as_str()))?;
    batch::keep_id(api, &caller, workspace, "BatchStartTasks", &request.request_id, &request).await?;

    let mut results = Vec::with_capacity(request.starts.len());
    for asked in &request.starts {
        let request_id = batch::entry_request_id(&request.request_id, &asked.name);
        let one = OneStart {
            name: &asked.name,
            agent_version: &asked.agent_version,
            start_time: asked.start_time,
            limits: asked.limits,
            operation: "BatchStartTasks/task",
            request_id: &request_id,
        };
        let started = start(api, &caller, &metadata, one, asked).await;
        let (run, refusal) = match batch::outcome(started)? {
            Ok(reply) => (reply.run, None),
            Err(refusal) => (None, Some(refusal)),
        };
        results.push(TaskStartResult { name: asked.name.clone(), run, refusal });
    }
    Ok(BatchStartTasksResponse { results })
}
