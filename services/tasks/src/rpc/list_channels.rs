//! ListChannels: channels of a workspace and the caller's own, newest first.

use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListChannelsRequest, ListChannelsResponse};
use tonic::Request;
use uuid::Uuid;

use crate::error::Error;
use crate::rpc::{Api, channel_access, names, view_channel};
use crate::store::channel;

pub(super) async fn list_channels(
    api: &Api,
    request: Request<ListChannelsRequest>,
) -> Result<ListChannelsResponse, Error> {
    let caller = Caller::of(&request)?;
    let person = channel_access::person(&caller)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let page = Page::<Uuid>::parse(request.page_size, &request.page_token)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let mut channels = channel::list(&mut tx, workspace, person, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut channels, |channel| channel.channel_id);
    Ok(ListChannelsResponse {
        channels: channels.iter().map(view_channel::channel).collect(),
        next_page_token,
    })
}
