//! DecideInboxItem: a person decides, once, and the run hears of it.

use mc_chassis::auth::Caller;
use mc_chassis::db::Tx;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1 as proto;
use mc_proto::tasks::v1::{DecideInboxItemRequest, DecideInboxItemResponse};
use prost::Message;
use tonic::Request;

use crate::domain::brief::AgentSnapshot;
use crate::domain::event::Event;
use crate::domain::id::{RunId, UserId};
use crate::domain::order::{Decision, LetterContent};
use crate::error::Error;
use crate::rpc::rule_content::{self, Standing};
use crate::rpc::{Api, decision, names, order, view_people};
use crate::store::inbox::{self, Item, Verdict, state};
use crate::store::journal;
use crate::store::mailbox::{self, Locked};

/// Characters of what a decision says that a second decider is told.
const DETAIL_CHARS: usize = 500;

pub(super) async fn decide_inbox_item(
    api: &Api,
    request: Request<DecideInboxItemRequest>,
) -> Result<DecideInboxItemResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let one = OneDecision {
        name: &request.name,
        decision: request.decision.as_ref(),
        operation: "DecideInboxItem",
        request_id: &request.request_id,
    };
    decide(api, &caller, one, &request).await
}

/// A decision on one item, as it was asked for.
pub(super) struct OneDecision<'a> {
    pub(super) name: &'a str,
    pub(super) decision: Option<&'a proto::Decision>,
    /// The RPC, for the idempotency record.
    pub(super) operation: &'static str,
    pub(super) request_id: &'a str,
}

/// Decides one item, in a transaction of its own.
pub(super) async fn decide<Q: Message>(
    api: &Api,
    caller: &Caller,
    asked: OneDecision<'_>,
    request: &Q,
) -> Result<DecideInboxItemResponse, Error> {
    let decider = UserId::new(caller.user()?);
    let (workspace, id) = names::inbox_item(caller, "name", asked.name)?;
    let wanted = asked.decision.cloned().ok_or_else(|| Failure::invalid("decision", "is required"))?;
    let now = api.ambient.clock.now();
    let standing = Standing::parse(&wanted, caller, now)?;
    let decision = decision::parse(wanted)?;

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: asked.operation,
        request_id: asked.request_id,
    };
    let mut posted = None;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, request, now, async |tx| {
        let missing = || Error::NotFound(asked.name.to_owned());
        let item = inbox::get(tx, id).await?.ok_or_else(missing)?;
        // The run first, then its items; and with the run's row in hand, the item is what it will be when this commits.
        let locked = mailbox::lock(tx, RunId::new(item.run_id)).await?;
        let item = inbox::get(tx, id).await?.ok_or_else(missing)?;
        refuse_closed(asked.name, &item)?;
        let Locked::Live(addressee) = locked else { return Err(Error::ItemVoid(asked.name.to_owned())) };
        decision::check_fit(&item, &decision)?;
        if let Decision::Approve { arguments_json: Some(arguments) } = &decision {
            decision::check_arguments(&item.tool, &agent(tx, addressee.run).await?, arguments)?;
        }

        let rule = match &standing {
            Some(standing) => {
                let id = api.ambient.ids.uuid();
                Some(rule_content::make_of(tx, &item, &decision, standing, id).await?)
            }
            None => None,
        };
        let verdict = Verdict { rule, ..Verdict::of(decider, &decision, now) };
        if !inbox::decide(tx, addressee, id, verdict).await? {
            // The run's row is locked, so nobody can have closed the item since it was read.
            tracing::error!(item = %id, "an open inbox item could not be decided");
            return Err(Failure::internal().into());
        }
        let letter = LetterContent::Decision { item: id, decision };
        posted = Some(mailbox::post(tx, addressee, decider, &letter, now).await?);
        let decided = inbox::get(tx, id).await?.ok_or_else(missing)?;
        Ok(DecideInboxItemResponse { inbox_item: Some(view_people::inbox_item(&decided)) })
    })
    .await?;
    tx.commit().await?;
    order::announce(&api.bus, posted);
    Ok(reply)
}

/// The agent as the run is pinned to it.
async fn agent(tx: &mut Tx, run: RunId) -> Result<AgentSnapshot, Error> {
    let first = journal::page(tx, run, 0, 1).await?.pop().map(|record| record.event);
    let Some(Event::Queued(queued)) = first else {
        tracing::error!(%run, "a journal does not begin with what the run is pinned to");
        return Err(Failure::internal().into());
    };
    Ok(queued.brief.agent.clone())
}

fn refuse_closed(name: &str, item: &Item) -> Result<(), Error> {
    match (item.state, item.decider, &item.decision) {
        (state::OPEN, ..) => Ok(()),
        (_, Some(decider), Some(decision)) => Err(Error::AlreadyDecided {
            name: name.to_owned(),
            decider: format!("users/{decider}"),
            decision: view_people::decision_name(decision),
            detail: detail(decision),
            at: item.close_time.unwrap_or(item.create_time),
        }),
        _ => Err(Error::ItemVoid(name.to_owned())),
    }
}

/// What a decision says besides which it is.
fn detail(decision: &Decision) -> String {
    let said = match decision {
        Decision::Approve { arguments_json: None } => "as it was asked for",
        Decision::Approve { arguments_json: Some(_) } => "with other arguments",
        Decision::Reject { reason } | Decision::Fail { reason } => reason,
        Decision::Respond { text } | Decision::Answer { text } => text,
        Decision::MarkDone { result } => result,
        Decision::Retry => "",
    };
    said.chars().take(DETAIL_CHARS).collect()
}
