//! Events that statements append: what they say does not matter to the tables, only what they are and whom they are about.

use mc_tasks::domain::event::{
    Cancelled, ChildStarted, ChildWait, ChildrenStarted, CommandDelivered, Event, ItemDecided, Paused,
    QuestionAsked, Queued, Retried, Steered,
};
use mc_tasks::domain::family::Lineage;
use mc_tasks::domain::id::{CommandId, InboxItemId, RunId, UserId, WorkspaceId};
use mc_tasks::domain::order::{CommandKind, Letter, LetterContent};
use mc_tasks::store::children::NewChild;
use mc_tasks::store::inbox::{Ask, NewItem};
use mc_tasks::store::task::Content;
use uuid::Uuid;

use crate::script;
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
        LetterContent::ChildEnded(ended) => Event::ChildEnded((**ended).clone()),
    }
}

pub(super) fn new_child(workspace: WorkspaceId, run: Uuid, number: u64, lineage: Lineage) -> NewChild {
    let brief = script::brief(workspace, RunId::new(run), number).below(lineage);
    let task = Content {
        title: brief.task.title.clone(),
        brief: String::new(),
        assignee: Some(brief.agent.agent),
        acceptance_checks: Vec::new(),
    };
    NewChild { queued: Queued { brief: brief.into(), start_at: None }, task }
}

/// The event that says that these were made.
pub(super) fn handed_over(step: u32, children: &[NewChild]) -> Event {
    let started = |child: &NewChild| {
        let brief = &child.queued.brief;
        ChildStarted {
            run: brief.run,
            task: brief.task.task,
            teammate: "ada".into(),
            title: brief.task.title.clone(),
            agent: brief.agent.agent,
            agent_version: 1,
            max_tokens: None,
            max_cost_nano_usd: None,
        }
    };
    Event::ChildrenStarted(ChildrenStarted {
        step,
        call_id: "call_0".into(),
        children: children.iter().map(started).collect(),
        wait: ChildWait::All,
        leave_others: false,
    })
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
        LetterContent::Decision { .. } | LetterContent::ChildEnded(_) => None,
    }
}
