//! Random models and people: what a model says and calls, what people order and decide, where workers die.

use mc_tasks::domain::brief::{ContextPolicy, RequestEffect, ToolPolicy};
use mc_tasks::domain::conversation::{FinishReason, Message, Part, Role, ToolCall};
use mc_tasks::domain::order::CommandKind;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::kit::Turn;

fn any_arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            r#"{"path": "report.md", "content": "Draft B."}"#,
            r#"{"path": "other.md", "content": ""}"#,
            r#"{"path": "report.md"}"#,
            r#"{"path": "none.md", "offset": 3}"#,
            r#"{"url": "https://example.com/a"}"#,
            r#"{"url": "http://10.0.0.1/"}"#,
            r#"{"url": "https://example.com/long"}"#,
            r#"{"url": "https://example.com/long"}"#,
            r#"{"summary": "Done.", "evidence": ["artifact:report.md"]}"#,
            r#"{"summary": "Done.", "evidence": ["it says so"]}"#,
            r#"{"summary": "No.", "outcome": "impossible"}"#,
            r#"{"summary": ""}"#,
            r#"{"method": "POST", "url": "https://example.com/orders", "body": "{}"}"#,
            r#"{"method": "POST", "url": "https://example.com/orders", "body": "{}"}"#,
            r#"{"question": "Which one?", "choices": ["A", "B"]}"#,
            r#"{"seconds": 60, "reason": "The build."}"#,
            r#"{"seconds": 31536000, "reason": "The next one."}"#,
            r#"{"until": "2026-03-01T09:00:00Z", "reason": "Spring."}"#,
            "", "{", "null", "[]", r#"{"path": "../x"}"#,
        ]).prop_map(str::to_owned),
        1 => ".{0,40}",
    ]
}

fn any_call() -> impl Strategy<Value = ToolCall> {
    (
        prop::sample::select(vec!["a", "b", "c", "", "call_1_0"]),
        prop::sample::select(vec![
            "write_artifact",
            "write_artifact",
            "read_artifact",
            "http_fetch",
            "http_request",
            "http_request",
            "ask_human",
            "wait",
            "wait",
            "finish",
            "shell",
            "",
        ]),
        any_arguments(),
    )
        .prop_map(|(id, tool, arguments_json)| ToolCall {
            id: id.into(),
            tool: tool.into(),
            arguments_json,
        })
}

fn any_turn() -> impl Strategy<Value = Turn> {
    let answer = |calls: std::ops::Range<usize>| {
        (prop::sample::select(vec!["", " ", "Hm.", "I am done."]), vec(any_call(), calls)).prop_map(
            |(text, calls)| {
                let mut parts = vec![Part::Text { text: text.into() }];
                parts.extend(calls.into_iter().map(Part::ToolCall));
                Message { role: Role::Assistant, parts }
            },
        )
    };
    prop_oneof![
        8 => answer(1..4).prop_map(|message| Turn::Answers(message, FinishReason::ToolCalls)),
        2 => answer(0..1).prop_map(|message| Turn::Answers(message, FinishReason::Stop)),
        2 => answer(0..3).prop_map(|message| Turn::Answers(message, FinishReason::Length)),
        1 => answer(0..3).prop_map(|message| Turn::Answers(message, FinishReason::Other)),
        1 => answer(0..3).prop_map(|message| Turn::Answers(message, FinishReason::ContentFilter)),
        2 => prop::sample::select(vec![
            "PROVIDER_RATE_LIMITED", "GENERATION_INTERRUPTED", "UNAVAILABLE", "INTERNAL", "IDEMPOTENCY_KEY_REUSED",
        ]).prop_map(Turn::Fails),
        1 => prop::sample::select(vec!["CONTEXT_TOO_LONG", "PROVIDER_REFUSED"]).prop_map(Turn::Fails),
    ]
}

#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// What the model does, over and over.
    pub(crate) turns: Vec<Turn>,
    /// At each place where a worker may die, whether it does; then it lives.
    pub(crate) deaths: Vec<bool>,
    pub(crate) max_steps: u32,
    pub(crate) max_tokens: Option<i64>,
    pub(crate) max_cost: Option<i64>,
    /// Days until it is to start.
    pub(crate) start_in: Option<i64>,
    /// What the servers behind `http_request` promise.
    pub(crate) effect: RequestEffect,
    /// Of `write_artifact`, `http_fetch` and `http_request`.
    pub(crate) policies: [ToolPolicy; 3],
    /// At each place where a worker looks for mail, an order that has just come, and whether it does not wait for the model.
    pub(crate) orders: Vec<Option<(CommandKind, bool)>>,
    /// How people decide, over and over.
    pub(crate) decisions: Vec<u8>,
    /// At each death, whether the run is given up for it.
    pub(crate) given_up: Vec<bool>,
    /// How often people have the run go on after it failed.
    pub(crate) retries: u32,
    /// What the model reads, and from what part of it on the conversation is made shorter.
    pub(crate) context: ContextPolicy,
}

pub(crate) fn any_scenario() -> impl Strategy<Value = Scenario> {
    let policy =
        prop::sample::select(vec![ToolPolicy::Allow, ToolPolicy::Allow, ToolPolicy::Ask, ToolPolicy::Deny]);
    let order = prop_oneof![
        60 => Just(None),
        2 => any::<bool>().prop_map(|interrupt| Some((CommandKind::Pause, interrupt))),
        2 => Just(Some((CommandKind::Resume, false))),
        4 => any::<bool>().prop_map(|interrupt| Some((CommandKind::Steer, interrupt))),
        1 => Just(Some((CommandKind::Cancel, false))),
    ];
    (
        vec(any_turn(), 1..12),
        (vec(prop::bool::weighted(0.15), 0..80), vec(prop::bool::weighted(0.2), 0..10), 0..4_u32),
        1..30_u32,
        (option::of(1..400_i64), option::weighted(0.2, 1..25_000_i64), option::weighted(0.2, 1..60_i64)),
        prop::sample::select(vec![
            RequestEffect::AtMostOnce,
            RequestEffect::Idempotent,
            RequestEffect::Queryable,
        ]),
        prop::array::uniform3(policy),
        vec(order, 0..60),
        (vec(any::<u8>(), 1..8), option::weighted(0.6, (3_600..8_000_u32, 10..95_u8))),
    )
        .prop_map(|(turns, deaths, max_steps, limits, effect, policies, orders, decisions)| {
            let (max_tokens, max_cost, start_in) = limits;
            let (deaths, given_up, retries) = deaths;
            let (decisions, context) = decisions;
            let (window_tokens, compact_at_percent) = context.unzip();
            Scenario {
                turns,
                deaths,
                max_steps,
                max_tokens,
                max_cost,
                start_in,
                effect,
                policies,
                orders,
                decisions,
                given_up,
                retries,
                context: ContextPolicy { window_tokens, compact_at_percent },
            }
        })
}
