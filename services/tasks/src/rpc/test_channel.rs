//! TestChannel: puts a test among what is to be sent.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{TestChannelRequest, TestChannelResponse};
use tonic::Request;

use crate::domain::id::DeliveryId;
use crate::error::Error;
use crate::rpc::{Api, channel_access, names, view_channel};
use crate::store::{channel, delivery};

pub(super) async fn test_channel(
    api: &Api,
    request: Request<TestChannelRequest>,
) -> Result<TestChannelResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::channel(&caller, "name", &name)?;
    let now = api.ambient.clock.now();
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let stored = channel::lock(&mut tx, id).await?.ok_or_else(|| Error::NotFound(name.clone()))?;
    channel_access::may_change(&caller, stored.owner, &name)?;
    let test = DeliveryId::new(api.ambient.ids.uuid());
    let test = delivery::test(&mut tx, workspace, id, test, now).await?.ok_or(Error::ChannelBusy(name))?;
    tx.commit().await?;
    Ok(TestChannelResponse { delivery: Some(view_channel::delivery(&test)) })
}
