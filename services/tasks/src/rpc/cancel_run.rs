//! CancelRun: ends a run whatever it does.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{CancelRunRequest, CancelRunResponse};
use tonic::Request;

use crate::domain::order::{CommandKind, Details};
use crate::error::Error;
use crate::rpc::Api;
use crate::rpc::order::{self, Order};

pub(super) async fn cancel_run(
    api: &Api,
    request: Request<CancelRunRequest>,
) -> Result<CancelRunResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let order = Order {
        operation: "CancelRun",
        kind: CommandKind::Cancel,
        name: &request.name,
        reason: &request.reason,
        details: Details::default(),
        request_id: &request.request_id,
    };
    let command = order::receive(api, &caller, &order, &request, &[CommandKind::Cancel], Ok).await?;
    Ok(CancelRunResponse { command: Some(command) })
}
