//! ListInboxItems: what runs ask of people, newest first.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{InboxItemKind, InboxItemState, ListInboxItemsRequest, ListInboxItemsResponse};
use tonic::Request;
use uuid::Uuid;

use crate::error::Error;
use crate::rpc::{Api, names, view_people};
use crate::store::inbox;

pub(super) async fn list_inbox_items(
    api: &Api,
    request: Request<ListInboxItemsRequest>,
) -> Result<ListInboxItemsResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let page = Page::<Uuid>::parse(request.page_size, &request.page_token)?;
    let filter = inbox::Filter {
        state: state(request.state)?,
        run: names::optional_run(workspace, "run", &request.run)?,
        kind: kind(request.kind)?,
        agent: names::optional_agent(workspace, "agent", &request.agent)?,
    };
    let mut tx = api.database.read(workspace.uuid()).await?;
    let mut items = inbox::list(&mut tx, workspace, filter, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut items, |item| item.item_id);
    let open = inbox::count_open(&mut tx, workspace).await?;
    Ok(ListInboxItemsResponse {
        inbox_items: items.iter().map(view_people::inbox_item).collect(),
        next_page_token,
        open_count: i32::try_from(open).unwrap_or(i32::MAX),
    })
}

fn kind(number: i32) -> Result<Option<i16>, Failure> {
    match InboxItemKind::try_from(number) {
        Ok(InboxItemKind::Unspecified) => Ok(None),
        Ok(kind) => Ok(Some(kind as i16)),
        Err(_) => Err(Failure::invalid("kind", "must be an InboxItemKind")),
    }
}

fn state(number: i32) -> Result<Option<i16>, Failure> {
    match InboxItemState::try_from(number) {
        Ok(InboxItemState::Unspecified) => Ok(None),
        Ok(state) => Ok(Some(state as i16)),
        Err(_) => Err(Failure::invalid("state", "must be an InboxItemState")),
    }
}
