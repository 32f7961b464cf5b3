//! What the orders to a run have in common: the reason, the locked run, the letter, and the hint after the commit.

use mc_chassis::auth::Caller;
use mc_chassis::bus::Bus;
use mc_chassis::db::Tx;
use mc_chassis::{Failure, idempotency};
use prost::Message;
use time::OffsetDateTime;

use crate::domain::id::{CommandId, RunId, UserId};
use crate::domain::order::{CommandKind, Details, LetterContent};
use crate::error::Error;
use crate::rpc::{Api, names, view_people};
use crate::store::mailbox::{self, Addressee, Command, Locked, Posted};
use crate::store::park;
use crate::topics;

/// Characters of a reason at most.
const REASON_CHARS: usize = 500;

/// An order as a person gives it.
pub(super) struct Order<'a> {
    /// The RPC, for the idempotency record.
    pub(super) operation: &'static str,
    /// What is ordered.
    pub(super) kind: CommandKind,
    /// The run's resource name.
    pub(super) name: &'a str,
    /// Why.
    pub(super) reason: &'a str,
    /// What else it says.
    pub(super) details: Details,
    /// What makes a repeated request answer as the first one did.
    pub(super) request_id: &'a str,
}

/// Carries an order into the run's mailbox, once, and gives back its receipt. `standing` gets the newest command about
/// the same matter: it says which command answers this order already, or that it is to be given.
pub(super) async fn receive<Q: Message>(
    api: &Api,
    caller: &Caller,
    order: &Order<'_>,
    request: &Q,
    about: &[CommandKind],
    standing: impl FnOnce(Option<Command>) -> Result<Option<Command>, Error>,
) -> Result<mc_proto::tasks::v1::Command, Error> {
    let sender = UserId::new(caller.user()?);
    let (workspace, run) = names::run(caller, "name", order.name)?;
    check_reason(order.reason)?;
    let at = api.ambient.clock.now();
    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: order.operation,
        request_id: order.request_id,
    };
    let mut posted = None;
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let receipt = idempotency::once(&mut tx, key, request, at, async |tx| {
        let addressee = lock(tx, run, order.name).await?;
        // One that waits for its provider goes first at once.
        let hurries = order.kind == CommandKind::Resume && park::go_first(tx, run).await?;
        if !hurries && let Some(same) = standing(mailbox::newest(tx, run, about).await?)? {
            return Ok(view_people::command(&same));
        }
        let letter = LetterContent::Command {
            command: CommandId::new(api.ambient.ids.uuid()),
            kind: order.kind,
            reason: order.reason.to_owned(),
            details: order.details.clone(),
        };
        let (command, letter) = give(tx, addressee, &letter, order.kind, sender, at).await?;
        posted = Some(letter);
        Ok::<_, Error>(view_people::command(&command))
    })
    .await?;
    tx.commit().await?;
    announce(&api.bus, posted);
    Ok(receipt)
}

/// Holds a reason to its length and to what can be shown.
pub(super) fn check_reason(reason: &str) -> Result<(), Failure> {
    let length = reason.chars().count();
    if length > REASON_CHARS {
        let description = format!("must have at most {REASON_CHARS} characters, not {length}");
        return Err(Failure::invalid("reason", description));
    }
    if reason.chars().any(unprintable) {
        return Err(Failure::invalid("reason", "must not contain control characters"));
    }
    Ok(())
}

/// A control character that is neither a line break nor a tab.
pub(super) fn unprintable(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\r' | '\t')
}

/// Locks a run that has not ended.
async fn lock(tx: &mut Tx, run: RunId, name: &str) -> Result<Addressee, Error> {
    match mailbox::lock(tx, run).await? {
        Locked::Live(addressee) => Ok(addressee),
        Locked::Ended(run) => Err(Error::RunEnded {
            name: name.to_owned(),
            state: run.status,
            at: run.end_time.unwrap_or(run.create_time),
        }),
        Locked::Missing => Err(Error::NotFound(name.to_owned())),
    }
}

/// Puts an order into the mailbox of a run that is locked, and reads its receipt. What was posted is to be announced after
/// the commit.
async fn give(
    tx: &mut Tx,
    to: Addressee,
    letter: &LetterContent,
    kind: CommandKind,
    sender: UserId,
    at: OffsetDateTime,
) -> Result<(Command, Posted), Error> {
    let posted = mailbox::post(tx, to, sender, letter, at).await?;
    let Some(command) = mailbox::newest(tx, to.run, &[kind]).await? else {
        tracing::error!(run = %to.run, "a letter that was just posted is not in the mailbox");
        return Err(Failure::internal().into());
    };
    Ok((command, posted))
}

/// Says on the bus that there is mail. Workers find it a moment later without.
pub(super) fn announce(bus: &Bus, posted: Option<Posted>) {
    let Some(posted) = posted else { return };
    topics::publish(bus, topics::MAIL, &topics::Mail { run: posted.run, number: posted.number });
    if posted.woken {
        topics::publish(bus, topics::READY, &"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_held_at_its_edge_in_characters() {
        for good in ["", "why", "two\nlines\tand a tab", &"é".repeat(REASON_CHARS)] {
            check_reason(good).expect(good);
        }
        for bad in ["nul\0", "bell\u{7}", "escape\u{1b}[31m", &"é".repeat(REASON_CHARS + 1)] {
            let failure = check_reason(bad).expect_err(bad);
            assert_eq!(failure.violations()[0].field, "reason");
        }
    }
}
