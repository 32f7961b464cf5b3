//! A history that keeps every promise, and what is found once one is broken.

use time::macros::datetime;

use super::*;
use crate::domain::brief::{AgentSnapshot, ModelParameters, RunBrief, RunLimits, TaskSnapshot, ToolGrant};
use crate::domain::conversation::{FinishReason, Message, Part, Role, ToolCall, Usage};
use crate::domain::event::{
    CommandDelivered, EffectClass, ModelCallCompleted, ModelCallStarted, Queued, Started, Succeeded,
    ToolCallCompleted, ToolCallStarted,
};
use crate::domain::id::{AgentId, CommandId, TaskId, UserId, WorkspaceId};
use crate::domain::key;
use crate::domain::order::{CommandKind, Details};

const RUN: RunId = RunId::new(Uuid::from_u128(2));
const AT: OffsetDateTime = datetime!(2026-01-05 09:00 UTC);
const ORDER: Uuid = Uuid::from_u128(7);
const KEY: &str = "key of the request";

fn brief() -> RunBrief {
    let agent = AgentSnapshot {
        agent: AgentId::new(Uuid::from_u128(4)),
        version: 1,
        display_name: "Ada".into(),
        instructions: "Work.".into(),
        model: "simulator/demo".into(),
        parameters: ModelParameters::default(),
        tools: vec![ToolGrant::of("http_request")],
        limits: RunLimits::default(),
        context: crate::domain::brief::ContextPolicy::default(),
    };
    let task = TaskSnapshot {
        task: TaskId::new(Uuid::from_u128(3)),
        title: "Order".into(),
        brief: String::new(),
        acceptance_checks: Vec::new(),
    };
    RunBrief::pin(WorkspaceId::new(Uuid::from_u128(1)), RUN, UserId::new(Uuid::from_u128(5)), task, agent)
}

fn started(attempt: u32) -> Event {
    Event::ToolCallStarted(ToolCallStarted {
        step: 1,
        call_id: "a".into(),
        tool: "http_request".into(),
        arguments_json: "{}".into(),
        effect_class: EffectClass::AtMostOnce,
        idempotency_key: KEY.into(),
        attempt,
    })
}

fn completed() -> Event {
    Event::ToolCallCompleted(ToolCallCompleted {
        step: 1,
        call_id: "a".into(),
        tool: "http_request".into(),
        content: "201".into(),
        is_error: false,
        artifact: None,
        duration_ms: 1,
    })
}

/// A run that sent one request and was asked to resume, which was so already.
fn whole() -> (RunHistory, Outside) {
    let call = ToolCall { id: "a".into(), tool: "http_request".into(), arguments_json: "{}".into() };
    let model = String::from("simulator/demo");
    let events = [
        (0, Event::Queued(Queued { brief: brief().into(), start_at: None })),
        (1, Event::Started(Started {})),
        (
            1,
            Event::ModelCallStarted(ModelCallStarted {
                step: 1,
                attempt: 1,
                model,
                message_count: 1,
                compacts_through: None,
            }),
        ),
        (
            1,
            Event::ModelCallCompleted(ModelCallCompleted {
                step: 1,
                attempt: 1,
                message: Message { role: Role::Assistant, parts: vec![Part::ToolCall(call)] },
                finish_reason: FinishReason::ToolCalls,
                usage: Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() },
                cost_nano_usd: Some(1_000),
                generation: String::new(),
                duration_ms: 1,
            }),
        ),
        (
            2,
            Event::CommandDelivered(CommandDelivered {
                command: CommandId::new(ORDER),
                kind: CommandKind::Resume,
                requester: UserId::new(Uuid::from_u128(5)),
                requested_at: AT,
                reason: String::new(),
                details: Details::default(),
            }),
        ),
        (2, started(1)),
        (2, completed()),
        (2, Event::Succeeded(Succeeded { summary: "Done.".into(), evidence: Vec::new() })),
    ];
    let journal: Vec<Entry> =
        (1..).zip(events).map(|(seq, (epoch, event))| Entry { seq, epoch, at: AT, event }).collect();
    let history = RunHistory {
        run: RUN,
        row: Row {
            state: RunState::Succeeded,
            head_seq: 8,
            lease_epoch: 2,
            worker: None,
            mailbox_seq: 1,
            mailbox_read: 1,
            open_items: 0,
            tokens: 15,
            cost_nano_usd: 1_000,
        },
        journal,
        letters: vec![Letter {
            number: 1,
            id: ORDER,
            decides: false,
            tells: false,
            receipt: Receipt::Effective,
        }],
        acknowledged: [ORDER].into(),
    };
    let outside = Outside {
        effects: [(KEY.to_owned(), 1)].into(),
        counted_tools: ["http_request".to_owned()].into(),
        charges: [(key::model_call(RUN, 1, 1), 1)].into(),
        alive: BTreeSet::new(),
    };
    (history, outside)
}

/// Which promises are found broken after this.
fn broken(spoil: impl FnOnce(&mut RunHistory, &mut Outside)) -> Vec<Promise> {
    let (mut history, mut outside) = whole();
    spoil(&mut history, &mut outside);
    let mut found: Vec<_> = check(&[history], &outside).iter().map(|violation| violation.promise).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn whole_history_breaks_nothing() {
    assert_eq!(broken(|_, _| {}), []);
}

#[test]
fn gap_and_a_lost_event_are_found() {
    let found = broken(|history, _| drop(history.journal.remove(4)));
    assert!(found.contains(&Promise::Gapless) && found.contains(&Promise::LetterKept), "{found:?}");
    let found = broken(|history, _| drop(history.journal.pop()));
    assert_eq!(found, [Promise::RowIsTrue], "the row says more than the journal");
}

#[test]
fn step_twice_is_found_without_the_fold() {
    let found = broken(|history, _| {
        let again = Entry { seq: 7, ..history.journal[6].clone() };
        history.journal.insert(7, Entry { seq: 8, ..again });
        history.journal[8].seq = 9;
        history.row.head_seq = 9;
    });
    assert_eq!(found, [Promise::StepOnce, Promise::Foldable]);
    let found = broken(|history, _| drop(history.journal.remove(5)));
    assert!(found.contains(&Promise::StepOnce), "a result without an intent: {found:?}");
}

#[test]
fn event_of_a_lost_lease_is_found() {
    assert_eq!(broken(|history, _| history.journal[6].epoch = 1), [Promise::EpochsRise]);
    assert_eq!(broken(|history, _| history.row.lease_epoch = 1), [Promise::EpochsRise]);
}

#[test]
fn effect_beyond_its_intents_or_without_one_is_found() {
    let twice = |_: &mut RunHistory, outside: &mut Outside| {
        outside.effects.insert(KEY.into(), 2);
    };
    assert_eq!(broken(twice), [Promise::EffectOnce]);
    let never = |_: &mut RunHistory, outside: &mut Outside| outside.effects.clear();
    assert_eq!(broken(never), [Promise::EffectDone]);
    let nobodys = |_: &mut RunHistory, outside: &mut Outside| {
        outside.effects.insert("another".into(), 1);
    };
    assert_eq!(broken(nobodys), [Promise::EffectOnce]);
    let declared = |history: &mut RunHistory, outside: &mut Outside| {
        outside.effects.insert(KEY.into(), 3);
        if let Event::ToolCallStarted(call) = &mut history.journal[5].event {
            call.effect_class = EffectClass::Idempotent;
        }
    };
    assert_eq!(broken(declared), [], "it may be repeated");
}

#[test]
fn generation_is_paid_once_and_by_its_run() {
    let key = key::model_call(RUN, 1, 1);
    let twice = |_: &mut RunHistory, outside: &mut Outside| {
        outside.charges.insert(key.clone(), 2);
    };
    assert_eq!(broken(twice), [Promise::PaidOnce]);
    assert_eq!(broken(|_, outside| outside.charges.clear()), [Promise::PaidOnce]);
    let another = |_: &mut RunHistory, outside: &mut Outside| {
        outside.charges.insert(key::model_call(RUN, 1, 2), 1);
    };
    assert_eq!(broken(another), [Promise::PaidOnce], "an attempt that no journal knows");
}

#[test]
fn letter_that_is_lost_untold_or_unsettled_is_found() {
    let lost = |history: &mut RunHistory, _: &mut Outside| {
        history.acknowledged.insert(Uuid::from_u128(8));
    };
    assert_eq!(broken(lost), [Promise::LetterKept]);
    let unsettled =
        |history: &mut RunHistory, _: &mut Outside| history.letters[0].receipt = Receipt::Delivered;
    assert_eq!(broken(unsettled), [Promise::LetterKept]);
    let untold = |history: &mut RunHistory, _: &mut Outside| history.row.mailbox_read = 0;
    assert_eq!(broken(untold), [Promise::LetterKept]);
}

#[test]
fn run_of_the_dead_and_a_row_that_lies_are_found() {
    let held = |history: &mut RunHistory, _: &mut Outside| history.row.worker = Some(Uuid::from_u128(9));
    assert_eq!(broken(held), [Promise::NoDeadHolder]);
    assert_eq!(broken(|history, _| history.row.tokens = 30), [Promise::RowIsTrue]);
    assert_eq!(broken(|history, _| history.row.state = RunState::Failed), [Promise::RowIsTrue]);
    let waits = |history: &mut RunHistory, _: &mut Outside| {
        history.row.state = RunState::Waiting(crate::domain::fold::WaitReason::Input);
        history.row.mailbox_read = 0;
    };
    assert!(broken(waits).contains(&Promise::NoLostWake));
}
