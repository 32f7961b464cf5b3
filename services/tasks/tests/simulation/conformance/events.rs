//! Events that statements append: what they say does not matter to the tables, only what they are and whom they are about.

use mc_tasks::domain::event::{
    Cancelled, CommandDelivered, Event, ItemDecided, Paused, QuestionAsked, Retried, Steered,
};
use mc_tasks::domain::id::{CommandId, InboxItemId, UserId};
use mc_tasks::domain::order::{CommandKind, Letter, LetterContent};
use mc_tasks::store::inbox::{Ask, NewItem};
use uuid::Uuid;

use crate::tables::Posted;

const PERSON: UserId = UserId::new(Uuid::from_u128(9));

pub(super) fn new_item(item: InboxItemId) -> NewItem {
    let ask = Ask::Question { question: "Which?".into(), choices: Vec::new() };
    let context = String::new();
    NewItem { item, step: 1, call_id: call_id(item), ask, context, turns: Vec::new(), hosts: Vec::new() }
}

fn call_id(item: InboxItemId) -> String {
    format!("call-{item}")
}

pub(super) fn asked(item: InboxItemId) -> Event {
    let (call_id, question) = (call_id(item), String::from("Which?"));
    Event::QuestionAsked(QuestionAsked { item, step: 1, call_id, question, choices: Vec::new() })
}

pub(super) fn told(letter: &Letter) -> Event {
    match &letter.content {
        LetterContent::Command { command, kind, reason, details } => {
            Event::CommandDelivered(CommandDelivered {
                command: *command,
                kind: *kind,
                requester: letter.sender,
                requested_at: letter.sent_at,
                reason: reason.clone(),
                details: details.clone(),
            })
        }
        LetterContent::Decision { item, decision } => Event::ItemDecided(ItemDecided {
            item: *item,
            step: 1,
            call_id: call_id(*item),
            decider: letter.sender,
            decided_at: letter.sent_at,
            decision: decision.clone(),
        }),
    }
}

/// The event that says that an order is so.
pub(super) fn consequence(order: &Posted, command: CommandId) -> Option<Event> {
    match &order.letter.content {
        LetterContent::Command { kind: CommandKind::Cancel, .. } => Some(Event::Cancelled(Cancelled {
            command,
            requester: PERSON,
            reason: String::new(),
            survivors: Vec::new(),
        })),
        LetterContent::Command { kind: CommandKind::Steer, details, .. } => {
            Some(Event::Steered(Steered { command, requester: PERSON, text: details.text.clone() }))
        }
        LetterContent::Command { kind: CommandKind::Retry, reason, .. } => Some(Event::Retried(Retried {
            command,
            requester: PERSON,
            requested_at: order.letter.sent_at,
            reason: reason.clone(),
            note: String::new(),
        })),
        LetterContent::Command { .. } => Some(Event::Paused(Paused { command })),
        LetterContent::Decision { .. } => None,
    }
}
