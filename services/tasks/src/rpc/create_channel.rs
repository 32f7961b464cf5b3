//! CreateChannel: makes a channel. Its secret goes into the vault first, on behalf of who asks.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::Violations;
use mc_proto::tasks::v1::{CreateChannelRequest, CreateChannelResponse};
use tonic::Request;

use crate::domain::id::{ChannelId, UserId, WorkspaceId};
use crate::domain::notice::signature;
use crate::error::Error;
use crate::rpc::channel_content::{address, checked, format, settings, shown};
use crate::rpc::{Api, names, view_channel};
use crate::store::channel::{self, Channel, LIMIT, NewChannel, format};
use crate::vault::Vault;

pub(super) async fn create_channel(
    api: &Api,
    request: Request<CreateChannelRequest>,
) -> Result<CreateChannelResponse, Error> {
    let caller = Caller::of(&request)?;
    let creator = UserId::new(caller.user()?);
    let (metadata, _, request) = request.into_parts();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let wanted = request.channel.ok_or_else(|| Failure::invalid("channel", "is required"))?;
    let mut violations = Violations::default();
    let format = format(&wanted, &mut violations);
    let url = address("channel.url", &wanted.url, &mut violations);
    let shown = url.map(|url| shown(format, &url)).unwrap_or_default();
    let settings = settings(workspace, &wanted, shown, &mut violations);
    checked(violations)?;
    full(api, workspace).await?;

    // No network call is made inside a transaction; what is put in for nothing is taken out again.
    let vault = Vault { identity: &api.identity, metadata: &metadata, workspace };
    let made = match format {
        format::SLACK => None,
        _ => Some(signature::secret(api.ambient.ids.bytes())),
    };
    let kept = made.as_ref().map_or(wanted.url.as_str(), |secret| secret.as_str());
    let credential = vault.put(&format!("Channel: {}", settings.display_name), kept).await?;
    let channel = ChannelId::new(api.ambient.ids.uuid());
    let new = NewChannel { channel, format, settings, credential, creator };
    match insert(api, workspace, &new).await {
        Ok(channel) => Ok(CreateChannelResponse {
            channel: Some(view_channel::channel(&channel)),
            secret: made.map(|secret| secret.as_str().to_owned()).unwrap_or_default(),
        }),
        Err(error) => {
            vault.forget([credential]).await;
            Err(error)
        }
    }
}

/// Refuses early what would be refused anyway.
async fn full(api: &Api, workspace: WorkspaceId) -> Result<(), Error> {
    let mut tx = api.database.begin(workspace.uuid()).await?;
    if channel::count(&mut tx, workspace).await? >= LIMIT { Err(Error::ChannelLimit) } else { Ok(()) }
}

async fn insert(api: &Api, workspace: WorkspaceId, new: &NewChannel) -> Result<Channel, Error> {
    let now = api.ambient.clock.now();
    let mut tx = api.database.begin(workspace.uuid()).await?;
    if channel::count(&mut tx, workspace).await? >= LIMIT {
        return Err(Error::ChannelLimit);
    }
    channel::insert(&mut tx, workspace, new, now).await?;
    let made = channel::get(&mut tx, new.channel).await?;
    let made =
        made.ok_or_else(|| Error::NotFound(format!("workspaces/{workspace}/channels/{}", new.channel)))?;
    tx.commit().await?;
    Ok(made)
}
