//! What the orders to a run have in common: the reason, the locked run, the letter, and the hint after the commit.

use mc_chassis::Failure;
use mc_chassis::bus::Bus;
use mc_chassis::db::Tx;
use time::OffsetDateTime;

use crate::domain::id::{CommandId, RunId, UserId};
use crate::domain::order::{CommandKind, LetterContent};
use crate::error::Error;
use crate::rpc::Api;
use crate::store::mailbox::{self, Addressee, Command, Locked, Posted};
use crate::topics;

/// Characters of a reason at most.
const REASON_CHARS: usize = 500;

/// An order that a person gives.
pub(super) struct Order<'a> {
    /// What is ordered.
    pub(super) kind: CommandKind,
    /// Why.
    pub(super) reason: &'a str,
    /// Who gives it.
    pub(super) sender: UserId,
    /// When.
    pub(super) at: OffsetDateTime,
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
pub(super) async fn lock(tx: &mut Tx, run: RunId, name: &str) -> Result<Addressee, Error> {
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

/// Puts an order into the mailbox of a run that is locked, and reads its receipt. `posted` is to be announced after the
/// commit.
pub(super) async fn give(
    api: &Api,
    tx: &mut Tx,
    to: Addressee,
    order: &Order<'_>,
    posted: &mut Option<Posted>,
) -> Result<Command, Error> {
    let content = LetterContent::Command {
        command: CommandId::new(api.ambient.ids.uuid()),
        kind: order.kind,
        reason: order.reason.to_owned(),
    };
    *posted = Some(mailbox::post(tx, to, order.sender, &content, order.at).await?);
    let newest = mailbox::newest(tx, to.run, &[order.kind]).await?;
    newest.ok_or_else(|| {
        tracing::error!(run = %to.run, "a letter that was just posted is not in the mailbox");
        Failure::internal().into()
    })
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
