//! PauseRun: stops a run at its next safe point, or in the middle of its model call.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{PauseRunRequest, PauseRunResponse};
use tonic::Request;

use crate::domain::order::{CommandKind, Details};
use crate::error::Error;
use crate::rpc::Api;
use crate::rpc::order::{self, Order};
use crate::store::mailbox::Command;

pub(super) async fn pause_run(
    api: &Api,
    request: Request<PauseRunRequest>,
) -> Result<PauseRunResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let order = Order {
        operation: "PauseRun",
        kind: CommandKind::Pause,
        name: &request.name,
        reason: &request.reason,
        details: Details { interrupt: request.interrupt, ..Details::default() },
        request_id: &request.request_id,
    };
    let about = [CommandKind::Pause, CommandKind::Resume];
    // What was said last about pausing holds: the order that is under way, or that paused the run. One that waits for an
    // answer is no answer to one that does not.
    let waits = |last: &Command| last.settle_time.is_none() && !last.interrupt;
    let command = order::receive(api, &caller, &order, &request, &about, |last| {
        Ok(last.filter(|last| last.orders(CommandKind::Pause) && !(request.interrupt && waits(last))))
    })
    .await?;
    Ok(PauseRunResponse { command: Some(command) })
}
