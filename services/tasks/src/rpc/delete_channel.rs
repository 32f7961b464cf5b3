//! DeleteChannel: deletes a channel with its deliveries, then what is secret of it.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{DeleteChannelRequest, DeleteChannelResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, channel_access, names, view};
use crate::store::channel;
use crate::vault::Vault;

pub(super) async fn delete_channel(
    api: &Api,
    request: Request<DeleteChannelRequest>,
) -> Result<DeleteChannelResponse, Error> {
    let caller = Caller::of(&request)?;
    let (metadata, _, request) = request.into_parts();
    let (workspace, id) = names::channel(&caller, "name", &request.name)?;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let stored = channel::lock(&mut tx, id).await?.ok_or_else(|| Error::NotFound(request.name.clone()))?;
    channel_access::may_change(&caller, stored.owner, &request.name)?;
    if !request.etag.is_empty() && request.etag != view::etag(stored.revision) {
        return Err(Error::EtagMismatch(request.name));
    }
    channel::delete(&mut tx, id).await?;
    tx.commit().await?;
    let vault = Vault { identity: &api.identity, metadata: &metadata, workspace };
    vault.forget([stored.credential_id, stored.old_credential_id].into_iter().flatten()).await;
    Ok(DeleteChannelResponse {})
}
