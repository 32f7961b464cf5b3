//! GetTask: reads a task.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{GetTaskRequest, GetTaskResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, view};
use crate::store::task;

pub(super) async fn get_task(api: &Api, request: Request<GetTaskRequest>) -> Result<GetTaskResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::task(&caller, "name", &name)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let task = task::get(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    Ok(GetTaskResponse { task: Some(view::task(&task)) })
}
