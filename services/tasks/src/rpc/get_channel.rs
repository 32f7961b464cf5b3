//! GetChannel: reads a channel.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{GetChannelRequest, GetChannelResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, channel_access, names, view_channel};
use crate::store::channel;

pub(super) async fn get_channel(
    api: &Api,
    request: Request<GetChannelRequest>,
) -> Result<GetChannelResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::channel(&caller, "name", &name)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let channel = channel::get(&mut tx, id).await?.ok_or_else(|| Error::NotFound(name.clone()))?;
    channel_access::may_see(&caller, channel.owner, &name)?;
    Ok(GetChannelResponse { channel: Some(view_channel::channel(&channel)) })
}
