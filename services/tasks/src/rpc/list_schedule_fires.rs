//! ListScheduleFires: the history of a schedule, newest first.

use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListScheduleFiresRequest, ListScheduleFiresResponse};
use time::OffsetDateTime;
use tonic::Request;
use uuid::Uuid;

use crate::error::Error;
use crate::rpc::{Api, names, view_schedule};
use crate::store::{fire, schedule};

pub(super) async fn list_schedule_fires(
    api: &Api,
    request: Request<ListScheduleFiresRequest>,
) -> Result<ListScheduleFiresResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (workspace, id) = names::schedule(&caller, "parent", &request.parent)?;
    // Nanoseconds since 1970: the token must say the time to the last digit.
    let page = Page::<(i128, Uuid)>::parse(request.page_size, &request.page_token)?;
    let after = page.after.map(|(due, fire)| {
        (OffsetDateTime::from_unix_timestamp_nanos(due).unwrap_or(OffsetDateTime::UNIX_EPOCH), fire)
    });
    let mut tx = api.database.read(workspace.uuid()).await?;
    schedule::get(&mut tx, id).await?.ok_or(Error::NotFound(request.parent))?;
    let mut fires = fire::list(&mut tx, id, after, page.fetch()).await?;
    let next_page_token = page.cut(&mut fires, |fire| (fire.due_time.unix_timestamp_nanos(), fire.fire_id));
    Ok(ListScheduleFiresResponse { fires: fires.iter().map(view_schedule::fire).collect(), next_page_token })
}
