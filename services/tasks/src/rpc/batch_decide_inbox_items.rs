//! BatchDecideInboxItems: several decisions at once, each by itself.
//!
//! See [`batch`] for why each has a transaction of its own: one that held the runs of all of them could deadlock with a worker
//! that appends to two of them.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{
    BatchDecideInboxItemsRequest, BatchDecideInboxItemsResponse, DecisionRefusal, DecisionViolation,
    ItemDecisionResult,
};
use tonic::Request;

use crate::error::Error;
use crate::rpc::decide_inbox_item::{OneDecision, decide};
use crate::rpc::{Api, batch, names};

pub(super) async fn batch_decide_inbox_items(
    api: &Api,
    request: Request<BatchDecideInboxItemsRequest>,
) -> Result<BatchDecideInboxItemsResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    batch::check("decisions", "name", request.decisions.iter().map(|asked| asked.name.as_str()))?;
    batch::keep_id(api, &caller, workspace, "BatchDecideInboxItems", &request.request_id, &request).await?;

    let mut results = Vec::with_capacity(request.decisions.len());
    for asked in &request.decisions {
        let request_id = batch::entry_request_id(&request.request_id, &asked.name);
        let one = OneDecision {
            name: &asked.name,
            decision: asked.decision.as_ref(),
            operation: "BatchDecideInboxItems/item",
            request_id: &request_id,
        };
        let (inbox_item, refusal) = match decide(api, &caller, one, asked).await.map_err(Failure::from) {
            Ok(reply) => (reply.inbox_item, None),
            // Not a word on the item: what is left is undecided, and the request is to be repeated.
            Err(failure) if batch::is_ours(&failure) => return Err(failure.into()),
            Err(failure) => (None, Some(refusal(&failure))),
        };
        results.push(ItemDecisionResult { name: asked.name.clone(), inbox_item, refusal });
    }
    Ok(BatchDecideInboxItemsResponse { results })
}

fn refusal(failure: &Failure) -> DecisionRefusal {
    DecisionRefusal {
        code: failure.code() as i32,
        reason: failure.reason().to_owned(),
        message: failure.message().to_owned(),
        metadata: failure.metadata().clone().into_iter().collect(),
        violations: failure
            .violations()
            .iter()
            .map(|it| DecisionViolation { field: it.field.clone(), description: it.description.clone() })
            .collect(),
    }
}
