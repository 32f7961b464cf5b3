//! CreateChannel: makes a channel. Its secret goes into the vault first, on behalf of who asks.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::db::Tx;
use mc_chassis::error::Violations;
use mc_proto::tasks::v1::{CreateChannelRequest, CreateChannelResponse};
use tonic::Request;

use crate::domain::id::{ChannelId, UserId, WorkspaceId};
use crate::domain::notice::signature;
use crate::error::Error;
use crate::rpc::channel_content::{checked, format, owner, settings, shown, url};
use crate::rpc::{Api, channel_access, names, view_channel};
use crate::store::channel::{self, Channel, LIMIT, NewChannel, OWN_LIMIT, format};
use crate::vault::Vault;

pub(super) async fn create_channel(
    api: &Api,
    request: Request<CreateChannelRequest>,
) -> Result<CreateChannelResponse, Error> {
    let caller = Caller::of(&request)?;
    let creator = channel_access::person(&caller)?;
    let (metadata, _, request) = request.into_parts();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let wanted = request.channel.ok_or_else(|| Failure::invalid("channel", "is required"))?;
    let mut violations = Violations::default();
    let format = format(&wanted, &mut violations);
    let owner = owner(creator, format, &wanted, &mut violations);
    channel_access::may_change(&caller, owner.map(UserId::uuid), &request.parent)?;
    let url = url(format, &wanted, &mut violations);
    let shown = url.map(|url| shown(format, &url)).unwrap_or_default();
    let settings = settings(workspace, &wanted, shown, &mut violations);
    checked(violations)?;
    if format == format::MAIL && !api.mails {
        return Err(Error::MailNotConfigured);
    }
    room(api, workspace, owner).await?;
    let channel = ChannelId::new(api.ambient.ids.uuid());
    let new = NewChannel { channel, format, settings, credential: None, creator, owner };
    if format == format::MAIL {
        let made = insert(api, workspace, &new).await?;
        let channel = Some(view_channel::channel(&made));
        return Ok(CreateChannelResponse { channel, secret: String::new() });
    }

    // No network call is made inside a transaction; what is put in for nothing is taken out again.
    let vault = Vault { identity: &api.identity, metadata: &metadata, workspace };
    let made = match format {
        format::SLACK => None,
        _ => Some(signature::secret(api.ambient.ids.bytes())),
    };
    let kept = made.as_ref().map_or(wanted.url.as_str(), |secret| secret.as_str());
    let credential = vault.put(&format!("Channel: {}", new.settings.display_name), kept).await?;
    let new = NewChannel { credential: Some(credential), ..new };
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
async fn room(api: &Api, workspace: WorkspaceId, owner: Option<UserId>) -> Result<(), Error> {
    let mut tx = api.database.begin(workspace.uuid()).await?;
    enough_room(&mut tx, workspace, owner).await
}

/// Nobody else makes a channel there until the transaction ends.
async fn enough_room(tx: &mut Tx, workspace: WorkspaceId, owner: Option<UserId>) -> Result<(), Error> {
    let limit = if owner.is_some() { OWN_LIMIT } else { LIMIT };
    match channel::count(tx, workspace, owner).await? {
        count if count >= limit => Err(Error::ChannelLimit { own: owner.is_some(), limit }),
        _ => Ok(()),
    }
}

async fn insert(api: &Api, workspace: WorkspaceId, new: &NewChannel) -> Result<Channel, Error> {
    let now = api.ambient.clock.now();
    let mut tx = api.database.begin(workspace.uuid()).await?;
    enough_room(&mut tx, workspace, new.owner).await?;
    channel::insert(&mut tx, workspace, new, now).await?;
    let made = channel::get(&mut tx, new.channel).await?;
    let made =
        made.ok_or_else(|| Error::NotFound(format!("workspaces/{workspace}/channels/{}", new.channel)))?;
    tx.commit().await?;
    Ok(made)
}
