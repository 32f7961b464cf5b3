//! ResumeRun: lets a paused run go on, or takes back a pause that is under way.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{ResumeRunRequest, ResumeRunResponse};
use tonic::Request;

use crate::domain::order::{CommandKind, Details};
use crate::error::Error;
use crate::rpc::Api;
use crate::rpc::order::{self, Order};

pub(super) async fn resume_run(
    api: &Api,
    request: Request<ResumeRunRequest>,
) -> Result<ResumeRunResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let order = Order {
        operation: "ResumeRun",
        kind: CommandKind::Resume,
        name: &request.name,
        reason: &request.reason,
        details: Details::default(),
        request_id: &request.request_id,
    };
    let about = [CommandKind::Pause, CommandKind::Resume];
    let command = order::receive(api, &caller, &order, &request, &about, |last| match last {
        Some(pause) if pause.orders(CommandKind::Pause) => Ok(None),
        Some(same) if same.settle_time.is_none() => Ok(Some(same)),
        _ => Err(Error::NotPaused(request.name.clone())),
    })
    .await?;
    Ok(ResumeRunResponse { command: Some(command) })
}
