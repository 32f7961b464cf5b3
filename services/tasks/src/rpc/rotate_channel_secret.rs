//! RotateChannelSecret: another secret for a channel. Of a webhook the one before signs along for a day.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::Violations;
use mc_proto::tasks::v1::{RotateChannelSecretRequest, RotateChannelSecretResponse};
use tonic::Request;

use crate::domain::id::{ChannelId, WorkspaceId};
use crate::domain::notice::signature;
use crate::error::Error;
use crate::rpc::channel_content::{address, checked, shown};
use crate::rpc::{Api, channel_access, names, view_channel};
use crate::store::channel::{self, Channel, Rotated, format};
use crate::vault::Vault;

/// How long the secret before signs along.
const OVERLAP: time::Duration = time::Duration::hours(24);

pub(super) async fn rotate_channel_secret(
    api: &Api,
    request: Request<RotateChannelSecretRequest>,
) -> Result<RotateChannelSecretResponse, Error> {
    let caller = Caller::of(&request)?;
    let (metadata, _, request) = request.into_parts();
    let (workspace, id) = names::channel(&caller, "name", &request.name)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let stored = channel::get(&mut tx, id).await?.ok_or_else(|| Error::NotFound(request.name.clone()))?;
    drop(tx);
    channel_access::may_change(&caller, stored.owner, &request.name)?;
    if stored.format == format::MAIL {
        return Err(
            Failure::invalid("name", "is that of a channel by mail, of which nothing is secret").into()
        );
    }
    let mut violations = Violations::default();
    let (secret, url) = if stored.format == format::SLACK {
        let url = address("url", &request.url, &mut violations);
        (None, url.map(|url| shown(stored.format, &url)).unwrap_or_default())
    } else {
        if !request.url.is_empty() {
            violations.add("url", "must be empty: the address of a webhook is no secret; update the channel");
        }
        (Some(signature::secret(api.ambient.ids.bytes())), String::new())
    };
    checked(violations)?;

    // No network call is made inside a transaction; what is put in for nothing is taken out again.
    let vault = Vault { identity: &api.identity, metadata: &metadata, workspace };
    let kept = secret.as_ref().map_or(request.url.as_str(), |secret| secret.as_str());
    let credential = vault.put(&format!("Channel: {}", stored.display_name), kept).await?;
    match replace(api, workspace, id, credential, url).await {
        Ok((channel, unused)) => {
            vault.forget(unused).await;
            Ok(RotateChannelSecretResponse {
                channel: Some(view_channel::channel(&channel)),
                secret: secret.map(|secret| secret.as_str().to_owned()).unwrap_or_default(),
            })
        }
        Err(error) => {
            vault.forget([credential]).await;
            Err(error)
        }
    }
}

/// The channel as it is then, and the credential that nothing needs any more.
async fn replace(
    api: &Api,
    workspace: WorkspaceId,
    id: ChannelId,
    credential: uuid::Uuid,
    url: String,
) -> Result<(Channel, Option<uuid::Uuid>), Error> {
    let gone = || Error::NotFound(format!("workspaces/{workspace}/channels/{id}"));
    let now = api.ambient.clock.now();
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let stored = channel::lock(&mut tx, id).await?.ok_or_else(gone)?;
    let (rotated, unused) = if stored.format == format::SLACK {
        (Rotated { url, credential, old: None }, stored.credential_id)
    } else {
        let old = stored.credential_id.map(|old| (old, now + OVERLAP));
        (Rotated { url: stored.url, credential, old }, stored.old_credential_id)
    };
    channel::rotate(&mut tx, id, &rotated, now).await?;
    let channel = channel::get(&mut tx, id).await?.ok_or_else(gone)?;
    tx.commit().await?;
    Ok((channel, unused))
}
