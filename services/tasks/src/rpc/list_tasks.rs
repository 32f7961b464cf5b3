//! ListTasks: the board, newest first.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListTasksRequest, ListTasksResponse, TaskState};
use tonic::Request;
use uuid::Uuid;

use crate::error::Error;
use crate::rpc::{Api, names, view};
use crate::store::task;

pub(super) async fn list_tasks(
    api: &Api,
    request: Request<ListTasksRequest>,
) -> Result<ListTasksResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let page = Page::<Uuid>::parse(request.page_size, &request.page_token)?;
    let filter = task::Filter {
        state: state(request.state)?,
        assignee: names::optional_agent(workspace, "assignee", &request.assignee)?,
    };
    let mut tx = api.database.read(workspace.uuid()).await?;
    let mut tasks = task::list(&mut tx, workspace, filter, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut tasks, |task| task.task_id);
    Ok(ListTasksResponse { tasks: tasks.iter().map(view::task).collect(), next_page_token })
}

fn state(number: i32) -> Result<Option<i16>, Failure> {
    match TaskState::try_from(number) {
        Ok(TaskState::Unspecified) => Ok(None),
        Ok(state) => Ok(Some(state as i16)),
        Err(_) => Err(Failure::invalid("state", "must be a TaskState")),
    }
}
