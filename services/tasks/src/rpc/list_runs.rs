//! ListRuns: runs of a workspace or of a task, newest first.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListRunsRequest, ListRunsResponse, RunState};
use tonic::Request;
use uuid::Uuid;

use crate::error::Error;
use crate::rpc::{Api, names, view_limits};
use crate::store::{park, run};

pub(super) async fn list_runs(
    api: &Api,
    request: Request<ListRunsRequest>,
) -> Result<ListRunsResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let page = Page::<Uuid>::parse(request.page_size, &request.page_token)?;
    let filter = run::Filter {
        task: names::optional_task(workspace, "task", &request.task)?,
        status: state(request.state)?,
        parent: names::optional_run(workspace, "parent_run", &request.parent_run)?,
    };
    let mut tx = api.database.read(workspace.uuid()).await?;
    let mut runs = run::list(&mut tx, workspace, filter, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut runs, |run| run.run_id);
    let parks = park::list_for(&mut tx, workspace, &runs).await?;
    let runs = runs.iter().map(|run| view_limits::run(run, &parks)).collect();
    Ok(ListRunsResponse { runs, next_page_token })
}

fn state(number: i32) -> Result<Option<i16>, Failure> {
    match RunState::try_from(number) {
        Ok(RunState::Unspecified) => Ok(None),
        Ok(state) => Ok(Some(state as i16)),
        Err(_) => Err(Failure::invalid("state", "must be a RunState")),
    }
}
