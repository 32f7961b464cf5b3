//! ListDeliveries: what was sent, is to be sent, or could not be, newest first.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{DeliveryState, ListDeliveriesRequest, ListDeliveriesResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, channel_access, names, view_channel};
use crate::store::delivery::{self, Wanted};

pub(super) async fn list_deliveries(
    api: &Api,
    request: Request<ListDeliveriesRequest>,
) -> Result<ListDeliveriesResponse, Error> {
    let caller = Caller::of(&request)?;
    let person = channel_access::person(&caller)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let page = Page::<i64>::parse(request.page_size, &request.page_token)?;
    let wanted = Wanted {
        channel: names::optional_channel(workspace, "channel", &request.channel)?,
        state: state(request.state)?,
    };
    let mut tx = api.database.read(workspace.uuid()).await?;
    let mut deliveries = delivery::list(&mut tx, workspace, person, wanted, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut deliveries, |delivery| delivery.number);
    Ok(ListDeliveriesResponse {
        deliveries: deliveries.iter().map(view_channel::delivery).collect(),
        next_page_token,
    })
}

fn state(number: i32) -> Result<Option<i16>, Failure> {
    match DeliveryState::try_from(number) {
        Ok(DeliveryState::Unspecified) => Ok(None),
        Ok(state) => Ok(Some(state as i16)),
        Err(_) => Err(Failure::invalid("state", "must be a DeliveryState")),
    }
}
