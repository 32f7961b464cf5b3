//! ListSchedules: schedules of a workspace, newest first.

use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListSchedulesRequest, ListSchedulesResponse};
use tonic::Request;
use uuid::Uuid;

use crate::error::Error;
use crate::rpc::{Api, names, shown_schedule};
use crate::store::schedule;

pub(super) async fn list_schedules(
    api: &Api,
    request: Request<ListSchedulesRequest>,
) -> Result<ListSchedulesResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let page = Page::<Uuid>::parse(request.page_size, &request.page_token)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let mut schedules = schedule::list(&mut tx, workspace, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut schedules, |schedule| schedule.schedule_id);
    let schedules = shown_schedule::with_fires(&mut tx, &schedules).await?;
    Ok(ListSchedulesResponse { schedules, next_page_token })
}
