//! ReplayDelivery: has a delivery sent again, whatever became of it.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{ReplayDeliveryRequest, ReplayDeliveryResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, channel_access, names, view_channel};
use crate::store::delivery;

pub(super) async fn replay_delivery(
    api: &Api,
    request: Request<ReplayDeliveryRequest>,
) -> Result<ReplayDeliveryResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::delivery(&caller, "name", &name)?;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let owner = delivery::owner(&mut tx, id).await?.ok_or_else(|| Error::NotFound(name.clone()))?;
    channel_access::may_change(&caller, owner, &name)?;
    let replayed = delivery::replay(&mut tx, id, api.ambient.clock.now()).await?;
    let replayed = replayed.ok_or(Error::NotFound(name))?;
    tx.commit().await?;
    Ok(ReplayDeliveryResponse { delivery: Some(view_channel::delivery(&replayed)) })
}
