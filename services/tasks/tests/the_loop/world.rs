//! A world of random models in which workers die between any two things they do.

use std::collections::BTreeMap;

use mc_tasks::domain::brief::RunLimits;
use mc_tasks::domain::conversation::{FinishReason, Message, Part, Role, ToolCall};
use mc_tasks::domain::decide::{Next, ToolUse, claimed, next};
use mc_tasks::domain::event::{EffectClass, Event};
use mc_tasks::domain::fold::RunFold;
use mc_tasks::domain::prompt::ModelRequest;
use mc_tasks::domain::retry::{self, AfterFailure};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::kit::{Run, Turn, agent, answered, brief, task};
use crate::properties::check_request;

fn any_arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            r#"{"path": "report.md", "content": "Draft B."}"#,
            r#"{"path": "other.md", "content": ""}"#,
            r#"{"path": "report.md"}"#,
            r#"{"path": "none.md", "offset": 3}"#,
            r#"{"url": "https://example.com/a"}"#,
            r#"{"url": "http://10.0.0.1/"}"#,
            r#"{"summary": "Done.", "evidence": ["artifact:report.md"]}"#,
            r#"{"summary": "Done.", "evidence": ["it says so"]}"#,
            r#"{"summary": "No.", "outcome": "impossible"}"#,
            r#"{"summary": ""}"#,
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
            "http_fetch",
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
    /// Fetches are journalled as calls that must not be repeated.
    pub(crate) dangerous: bool,
}

pub(crate) fn any_scenario() -> impl Strategy<Value = Scenario> {
    (
        vec(any_turn(), 1..12),
        vec(prop::bool::weighted(0.15), 0..80),
        1..30_u32,
        option::of(1..400_i64),
        any::<bool>(),
    )
        .prop_map(|(turns, deaths, max_steps, max_tokens, dangerous)| Scenario {
            turns,
            deaths,
            max_steps,
            max_tokens,
            dangerous,
        })
}

/// A world in which workers die: what is in `run.journal` and in `effects` outlives them.
pub(crate) struct World {
    pub(crate) run: Run,
    deaths: std::vec::IntoIter<bool>,
    pub(crate) dangerous: bool,
    turns: std::iter::Cycle<std::vec::IntoIter<Turn>>,
    epoch: i64,
    /// Effects by key: what was done and how often.
    pub(crate) effects: BTreeMap<String, (ToolUse, u32)>,
    /// Requests by key.
    requests: BTreeMap<String, ModelRequest>,
    /// Answers that the llm service has stored by key: asking again is attaching.
    generations: BTreeMap<String, Turn>,
    /// The fold after each record, as the worker that wrote it had it.
    pub(crate) folds: Vec<RunFold>,
}

/// The worker died.
pub(crate) struct Died;

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut agent = agent();
        agent.limits = RunLimits {
            max_steps: scenario.max_steps,
            max_tokens: scenario.max_tokens,
            ..RunLimits::default()
        };
        let run = Run::new(brief(task(), agent), []);
        Self {
            folds: vec![run.fold.clone()],
            run,
            deaths: scenario.deaths.into_iter(),
            dangerous: scenario.dangerous,
            turns: scenario.turns.into_iter().cycle(),
            epoch: 0,
            effects: BTreeMap::new(),
            requests: BTreeMap::new(),
            generations: BTreeMap::new(),
        }
    }

    fn may_die(&mut self) -> Result<(), Died> {
        if self.deaths.next().unwrap_or(false) { Err(Died) } else { Ok(()) }
    }

    /// Commits one transaction.
    fn append(&mut self, events: Vec<Event>) -> Result<(), Died> {
        self.may_die()?;
        for mut event in events {
            if let Event::ToolCallStarted(started) = &mut event
                && self.dangerous
                && started.tool == "http_fetch"
            {
                started.effect_class = EffectClass::AtMostOnce;
            }
            self.run.append(event);
            self.folds.push(self.run.fold.clone());
        }
        self.may_die()
    }

    /// Runs to the end; the number of times a worker asked what is next.
    pub(crate) fn run_to_the_end(&mut self) -> usize {
        let mut asked = 0;
        loop {
            self.epoch += 1;
            self.run.crash();
            if let Ok(()) = self.work(&mut asked) {
                return asked;
            }
        }
    }

    fn work(&mut self, asked: &mut usize) -> Result<(), Died> {
        if let Some(event) = claimed(&self.run.fold, self.epoch) {
            self.append(vec![event])?;
        }
        let mut asked_again = 0;
        loop {
            *asked += 1;
            assert!(*asked < 20_000, "the run does not end:\n{}", self.run.story());
            match next(&self.run.fold, self.run.now) {
                Next::Ended => return Ok(()),
                Next::RetryAt(at) => {
                    assert!(at > self.run.now);
                    self.run.now = at;
                }
                Next::Append(events) => self.append(events)?,
                Next::CallModel(call) => {
                    if let Some(intent) = call.intent.clone() {
                        self.append(vec![intent])?;
                    }
                    check_request(&call.request);
                    let known = self
                        .requests
                        .entry(call.idempotency_key.clone())
                        .or_insert_with(|| call.request.clone());
                    assert_eq!(known, &call.request, "one key, one request");
                    let turns = &mut self.turns;
                    let turn = self
                        .generations
                        .entry(call.idempotency_key.clone())
                        .or_insert_with(|| turns.next().expect("a cycle does not end"))
                        .clone();
                    self.may_die()?;
                    match turn {
                        Turn::Answers(message, finish_reason) => {
                            self.append(vec![answered(&call, message, finish_reason)])?;
                        }
                        turn => {
                            let failure = turn.failure().expect("it is no answer");
                            match retry::after(&self.run.fold, &failure, asked_again, self.run.now).unwrap() {
                                AfterFailure::AskAgain { at } => {
                                    assert!(at > self.run.now);
                                    self.run.now = at;
                                    asked_again += 1;
                                    if failure.reason == "UNAVAILABLE" {
                                        // The outage passes, and the answer is whatever comes next.
                                        self.generations.remove(&call.idempotency_key);
                                    }
                                    continue;
                                }
                                AfterFailure::Append(event) => self.append(vec![event])?,
                            }
                        }
                    }
                    asked_again = 0;
                }
                Next::UseTools(uses) => {
                    assert!(!uses.is_empty());
                    let intents: Vec<Event> = uses.iter().filter_map(|used| used.intent.clone()).collect();
                    if !intents.is_empty() {
                        self.append(intents)?;
                    }
                    for used in uses {
                        let result = self.run.carry_out(&used);
                        let entry = self
                            .effects
                            .entry(used.idempotency_key.clone())
                            .or_insert_with(|| (used.clone(), 0));
                        assert_eq!(entry.0.arguments, used.arguments, "one key, one effect");
                        entry.1 += 1;
                        self.may_die()?;
                        self.append(vec![result])?;
                    }
                }
            }
        }
    }
}
