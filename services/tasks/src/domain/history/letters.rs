//! What people were promised: nothing that was taken is lost, every letter that was read is told of once, none sleeps.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Promise, Receipt, RunHistory};
use crate::domain::event::Event;
use crate::domain::fold::RunState;

pub(super) fn check(history: &RunHistory, say: &mut impl FnMut(Promise, String)) {
    let (row, letters) = (&history.row, &history.letters);
    let mut told: BTreeMap<Uuid, u32> = BTreeMap::new();
    let mut retried = false;
    for entry in &history.journal {
        match &entry.event {
            Event::CommandDelivered(order) => *told.entry(order.command.uuid()).or_default() += 1,
            Event::Retried(order) => {
                retried = true;
                *told.entry(order.command.uuid()).or_default() += 1;
            }
            Event::ChildEnded(child) => *told.entry(child.run.uuid()).or_default() += 1,
            Event::ItemDecided(item) => *told.entry(item.item.uuid()).or_default() += 1,
            _ => {}
        }
    }
    for (letter, expected) in letters.iter().zip(1..) {
        if letter.number != expected {
            say(Promise::LetterKept, format!("letter {} where {expected} is next", letter.number));
        }
    }
    if letters.len() as i64 != row.mailbox_seq {
        say(
            Promise::LetterKept,
            format!("{} letters, and {} were put there", letters.len(), row.mailbox_seq),
        );
    }
    for acknowledged in &history.acknowledged {
        if !letters.iter().any(|letter| letter.id == *acknowledged) {
            say(Promise::LetterKept, format!("{acknowledged} was acknowledged and is gone"));
        }
    }
    let ended = row.state.is_terminal();
    for letter in letters {
        let times = told.remove(&letter.id).unwrap_or_default();
        let read = letter.number <= row.mailbox_read;
        match (read, times) {
            (true, 1) | (false, 0) => {}
            // An end came before it, and a retry behind that.
            (true, 0) if retried && letter.receipt == Receipt::Superseded => continue,
            _ => say(
                Promise::LetterKept,
                format!("letter {} is told of {times} times (read: {read})", letter.number),
            ),
        }
        let settled = matches!(letter.receipt, Receipt::Effective | Receipt::Superseded);
        // A failed run that is retried hears yet how its children ended.
        if ended && !settled && !(letter.tells && row.state == RunState::Failed) {
            say(
                Promise::LetterKept,
                format!("letter {} is {:?} after the end", letter.number, letter.receipt),
            );
        }
        if read && (letter.decides || letter.tells) && letter.receipt != Receipt::Effective {
            say(
                Promise::LetterKept,
                format!("decision {} was read and is {:?}", letter.number, letter.receipt),
            );
        }
    }
    for (id, _) in told {
        say(Promise::LetterKept, format!("the journal tells of {id}, which nobody sent"));
    }
    if matches!(row.state, RunState::Waiting(_)) && row.mailbox_seq > row.mailbox_read {
        let unread = row.mailbox_seq - row.mailbox_read;
        say(Promise::NoLostWake, format!("it waits beside {unread} letters that nobody has read"));
    }
}
