//! DecideInboxItem: a person decides, once, and the run hears of it.

use mc_chassis::auth::Caller;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{DecideInboxItemRequest, DecideInboxItemResponse};
use tonic::Request;

use crate::domain::id::{RunId, UserId};
use crate::domain::order::LetterContent;
use crate::error::Error;
use crate::rpc::{Api, decision, names, order, view_people};
use crate::store::inbox::{self, Item, state};
use crate::store::mailbox::{self, Locked};

pub(super) async fn decide_inbox_item(
    api: &Api,
    request: Request<DecideInboxItemRequest>,
) -> Result<DecideInboxItemResponse, Error> {
    let caller = Caller::of(&request)?;
    let decider = UserId::new(caller.user()?);
    let request = request.into_inner();
    let (workspace, id) = names::inbox_item(&caller, "name", &request.name)?;
    let wanted = request.decision.clone().ok_or_else(|| Failure::invalid("decision", "is required"))?;
    let decision = decision::parse(wanted)?;
    let now = api.ambient.clock.now();

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "DecideInboxItem",
        request_id: &request.request_id,
    };
    let mut posted = None;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        let missing = || Error::NotFound(request.name.clone());
        let item = inbox::get(tx, id).await?.ok_or_else(missing)?;
        // The run first, then its items; and with the run's row in hand, the item is what it will be when this commits.
        let locked = mailbox::lock(tx, RunId::new(item.run_id)).await?;
        let item = inbox::get(tx, id).await?.ok_or_else(missing)?;
        refuse_closed(&request.name, &item)?;
        let Locked::Live(addressee) = locked else { return Err(Error::ItemVoid(request.name.clone())) };
        decision::check_fit(&item, &decision)?;

        if !inbox::decide(tx, addressee, id, decider, &decision, now).await? {
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

fn refuse_closed(name: &str, item: &Item) -> Result<(), Error> {
    match (item.state, item.decider, &item.decision) {
        (state::OPEN, ..) => Ok(()),
        (_, Some(decider), Some(decision)) => Err(Error::AlreadyDecided {
            name: name.to_owned(),
            decider: format!("users/{decider}"),
            decision: view_people::decision_name(decision),
            at: item.close_time.unwrap_or(item.create_time),
        }),
        _ => Err(Error::ItemVoid(name.to_owned())),
    }
}
