//! BatchDecideInboxItems: several decisions at once, each by itself.
//!
//! Every item has a transaction of its own: one that held the runs of all of them could deadlock with a worker that appends
//! to two of them, and what is wrong with one would undo the rest. The request's id is kept first, so that it cannot stand
//! for other decisions later; then each item is decided under an id made of it. Whoever repeats a request whose answer got
//! lost has the rest decided, and the stored answers for what was.

use std::collections::BTreeSet;

use mc_chassis::auth::Caller;
use mc_chassis::error::Violation;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{
    BatchDecideInboxItemsRequest, BatchDecideInboxItemsResponse, DecisionRefusal, DecisionViolation,
    ItemDecision, ItemDecisionResult,
};
use sha2::{Digest, Sha256};
use tonic::{Code, Request};

use crate::domain::id::WorkspaceId;
use crate::domain::key;
use crate::error::Error;
use crate::rpc::decide_inbox_item::{OneDecision, decide};
use crate::rpc::{Api, names};

/// Decisions of one request at most.
const MAX_DECISIONS: usize = 100;

pub(super) async fn batch_decide_inbox_items(
    api: &Api,
    request: Request<BatchDecideInboxItemsRequest>,
) -> Result<BatchDecideInboxItemsResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    check(&request.decisions)?;
    keep_id(api, &caller, workspace, &request).await?;

    let mut results = Vec::with_capacity(request.decisions.len());
    for asked in &request.decisions {
        let request_id = item_request_id(&request.request_id, &asked.name);
        let one = OneDecision {
            name: &asked.name,
            decision: asked.decision.as_ref(),
            operation: "BatchDecideInboxItems/item",
            request_id: &request_id,
        };
        let (inbox_item, refusal) = match decide(api, &caller, one, asked).await.map_err(Failure::from) {
            Ok(reply) => (reply.inbox_item, None),
            // Not a word on the item: what is left is undecided, and the request is to be repeated.
            Err(failure) if is_ours(failure.code()) => return Err(failure.into()),
            Err(failure) => (None, Some(refusal(&failure))),
        };
        results.push(ItemDecisionResult { name: asked.name.clone(), inbox_item, refusal });
    }
    Ok(BatchDecideInboxItemsResponse { results })
}

fn check(decisions: &[ItemDecision]) -> Result<(), Failure> {
    if decisions.is_empty() || decisions.len() > MAX_DECISIONS {
        let why = format!("must be 1 to {MAX_DECISIONS}, not {}", decisions.len());
        return Err(Failure::invalid("decisions", why));
    }
    let mut names = BTreeSet::new();
    let twice: Vec<Violation> = decisions
        .iter()
        .enumerate()
        .filter(|(_, asked)| !names.insert(asked.name.as_str()))
        .map(|(at, _)| Violation {
            field: format!("decisions[{at}].name"),
            description: "is there twice; one decision holds of an item".into(),
        })
        .collect();
    if twice.is_empty() { Ok(()) } else { Err(Failure::invalid_fields(twice)) }
}

/// Keeps the request's id for just these decisions.
async fn keep_id(
    api: &Api,
    caller: &Caller,
    workspace: WorkspaceId,
    request: &BatchDecideInboxItemsRequest,
) -> Result<(), Error> {
    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "BatchDecideInboxItems",
        request_id: &request.request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let now = api.ambient.clock.now();
    let empty = BatchDecideInboxItemsResponse::default();
    idempotency::once(&mut tx, key, request, now, async |_| Ok::<_, Error>(empty)).await?;
    tx.commit().await?;
    Ok(())
}

/// The id under which one item is decided; none if the request has none.
pub(super) fn item_request_id(request_id: &str, name: &str) -> String {
    if request_id.is_empty() {
        return String::new();
    }
    key::hex(&Sha256::digest(format!("{request_id} {name}")))
}

/// Whether a failure is about our own means, and not about the decision.
fn is_ours(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::Internal
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Unknown
            | Code::Cancelled
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_has_an_id_of_its_own_and_none_where_the_request_has_none() {
        assert_eq!(item_request_id("", "a"), "");
        let ids: BTreeSet<_> =
            [("r", "a"), ("r", "b"), ("s", "a")].map(|(id, name)| item_request_id(id, name)).into();
        assert_eq!(ids.len(), 3);
        assert!(ids.iter().all(|id| id.len() == 64));
    }
}
