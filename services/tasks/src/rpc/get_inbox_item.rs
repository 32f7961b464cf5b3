//! GetInboxItem: reads an inbox item.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{GetInboxItemRequest, GetInboxItemResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, view_people};
use crate::store::inbox;

pub(super) async fn get_inbox_item(
    api: &Api,
    request: Request<GetInboxItemRequest>,
) -> Result<GetInboxItemResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::inbox_item(&caller, "name", &name)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let item = inbox::get(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    Ok(GetInboxItemResponse { inbox_item: Some(view_people::inbox_item(&item)) })
}
