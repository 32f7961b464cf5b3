//! Random conversations made shorter over and over: what is sent stays one that every provider takes, and what has to stay
//! stays word for word.

use std::sync::Arc;

use mc_tasks::domain::brief::ContextPolicy;
use mc_tasks::domain::compaction::conversation::Mark;
use mc_tasks::domain::compaction::plan::{left_by_summary, summary_request};
use mc_tasks::domain::compaction::{By, Conversation, Gauge, Plan, Window, estimate, plan};
use mc_tasks::domain::conversation::{Message, Opaque, Part, Role, Thinking, ToolCall, ToolResult, Usage};
use mc_tasks::domain::prompt::{ModelRequest, alternating};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::kit::{agent, brief, task};
use crate::properties::check_request;

/// Something that is added to a conversation between two model calls.
#[derive(Debug, Clone)]
enum Piece {
    Person(usize),
    Note,
    Talk(usize),
    Exchange { calls: Vec<(&'static str, usize, usize)>, thinks: bool },
}

fn any_piece() -> impl Strategy<Value = Piece> {
    let tool =
        prop::sample::select(vec!["http_fetch", "write_artifact", "http_request", "ask_human", "shell"]);
    let weighted = prop_oneof![6 => 0..400_usize, 1 => 1_000..12_000_usize];
    let call = (tool, 0..600_usize, weighted);
    prop_oneof![
        1 => (0..300_usize).prop_map(Piece::Person),
        1 => Just(Piece::Note),
        1 => (1..3_000_usize).prop_map(Piece::Talk),
        8 => (vec(call, 1..4), any::<bool>()).prop_map(|(calls, thinks)| Piece::Exchange { calls, thinks }),
    ]
}

/// A conversation as a run builds it, and the `seq` of its newest record.
#[derive(Debug, Clone, Default)]
struct Talk {
    conversation: Conversation,
    seq: i64,
}

impl Talk {
    fn begin() -> Self {
        let mut talk = Self::default();
        talk.push(By::Task, Message::user("# Task: compare."));
        talk
    }

    fn push(&mut self, by: By, message: Message) {
        self.seq += 2;
        self.conversation.push(self.seq, by, Arc::new(message));
    }

    fn add(&mut self, piece: &Piece) {
        let text = |chars: usize| format!("{} {}", self.seq, "word ".repeat(chars / 5));
        match piece {
            Piece::Person(chars) => self.push(By::Person, Message::user(text(*chars))),
            Piece::Note => self.push(By::Engine, Message::user("Call a tool.")),
            Piece::Talk(chars) => {
                let parts = vec![Part::Text { text: text(*chars) }];
                self.push(By::Agent, Message { role: Role::Assistant, parts });
                self.push(By::Engine, Message::user("Call a tool."));
            }
            Piece::Exchange { calls, thinks } => {
                let mut parts = Vec::new();
                if *thinks {
                    let signature = vec![7; calls.len() * 40];
                    parts.push(Part::Thinking(Thinking { text: text(80), signature }));
                    let (provider, model) = ("p".to_owned(), "m".to_owned());
                    parts.push(Part::Opaque(Opaque { provider, model, content: vec![1; 60] }));
                }
                let id = |place: usize| format!("call_{place}");
                for (place, (tool, arguments, _)) in calls.iter().enumerate() {
                    let arguments_json = format!(r#"{{"a":"{}"}}"#, "x".repeat(*arguments));
                    parts.push(Part::ToolCall(ToolCall {
                        id: id(place),
                        tool: (*tool).into(),
                        arguments_json,
                    }));
                }
                let results = calls.iter().enumerate().map(|(place, (_, _, chars))| {
                    Part::ToolResult(ToolResult {
                        call_id: id(place),
                        content: text(*chars),
                        is_error: false,
                    })
                });
                let results = results.collect();
                self.push(By::Agent, Message { role: Role::Assistant, parts });
                self.push(By::Tools, Message { role: Role::Tool, parts: results });
            }
        }
    }

    fn request(&self) -> ModelRequest {
        let agent = agent();
        ModelRequest {
            model: agent.model,
            system: String::new(),
            messages: alternating(self.conversation.messages()),
            tools: vec![],
            parameters: agent.parameters,
        }
    }

    fn turns(&self) -> Vec<(Mark, Arc<Message>)> {
        self.conversation.marks().iter().copied().zip(self.conversation.messages().iter().cloned()).collect()
    }
}

fn without_contents(message: &Message) -> Message {
    let mut message = message.clone();
    for part in &mut message.parts {
        if let Part::ToolResult(result) = part {
            result.content.clear();
        }
    }
    message
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_made_shorter_is_still_a_conversation(
        pieces in vec(any_piece(), 1..60),
        window in 4_000..40_000_u32,
        percent in option::of(10..=95_u8),
        counted in option::of(30..300_i64),
        verbose in any::<bool>(),
    ) {
        let mut agent = agent();
        agent.context = ContextPolicy { window_tokens: Some(window), compact_at_percent: percent };
        let window = Window::of(&agent, None);
        let mut gauge = Gauge::new(&brief(task(), agent).prompt);
        let mut talk = Talk::begin();
        let mut said = Vec::new();
        for piece in &pieces {
            talk.add(piece);
            if let Piece::Person(_) = piece {
                said.push(talk.conversation.messages().last().unwrap().clone());
            }
            // Providers count otherwise than we do.
            if let Some(percent) = counted {
                let input_tokens = (gauge.measure(talk.conversation.tokens()) * percent / 100).max(1);
                let usage = Usage { input_tokens, ..Usage::default() };
                Gauge::observe(&mut gauge, &usage, talk.conversation.tokens());
            }
            for round in 0.. {
                prop_assert!(round < 3, "it does not come to rest");
                let before = talk.clone();
                let tokens = gauge.measure(before.conversation.tokens());
                match plan(&before.conversation, &gauge, window) {
                    Plan::Leave => break,
                    Plan::Shorten(results) => {
                        prop_assert!(!results.is_empty());
                        for it in &results {
                            talk.conversation.shorten(it.seq, &it.call_id, &it.text).unwrap();
                        }
                        let after = gauge.measure(talk.conversation.tokens());
                        prop_assert!(after <= window.threshold(), "{after} of {tokens}");
                    }
                    Plan::Summarise { through_seq } => {
                        let asked = summary_request(&before.conversation, &gauge, window, through_seq);
                        let asks = gauge.scale(estimate::message(&asked)) + window.summary();
                        let least = gauge.scale(900) + window.summary();
                        prop_assert!(asks <= window.tokens().max(least), "{asks} of {}", window.tokens());
                        for it in left_by_summary(&before.conversation, through_seq) {
                            talk.conversation.shorten(it.seq, &it.call_id, &it.text).unwrap();
                        }
                        let marks = before.conversation.marks();
                        let first = marks.iter().find(|mark| !mark.pinned).unwrap().first_seq;
                        // As long as it may be, in the provider's tokens.
                        let chars = if verbose { gauge.unscale(window.summary()).max(20) - 8 } else { 10 };
                        let text = "abcd".repeat(usize::try_from(chars).unwrap());
                        talk.conversation.replace(first, through_seq, &text).unwrap();
                        let after = gauge.measure(talk.conversation.tokens());
                        prop_assert!(after <= window.room() + gauge.scale(16), "{after} of {}", window.room());
                    }
                }
                check_request(&talk.request());
                prop_assert!(talk.conversation.marks().windows(2).all(|pair| pair[0].seq <= pair[1].seq));
                let (old, new) = (before.turns(), talk.turns());
                // Turns are kept or dropped whole: thoughts, signatures and calls of what stays are untouched.
                for (mark, message) in new.iter().filter(|(mark, _)| mark.by != By::Summary) {
                    let (_, was) = old.iter().find(|(it, _)| (it.seq, it.by) == (mark.seq, mark.by)).unwrap();
                    prop_assert_eq!(without_contents(was), without_contents(message));
                    if mark.by != By::Tools {
                        prop_assert_eq!(was, message);
                    }
                }
                // The newest exchange and all behind it stays as it is.
                if let Some(newest) = old.iter().rposition(|(mark, _)| mark.by == By::Agent) {
                    prop_assert_eq!(&old[newest..], &new[new.len() - (old.len() - newest)..]);
                }
                for (mark, message) in old.iter().filter(|(mark, _)| mark.pinned && mark.by != By::Tools) {
                    prop_assert!(new.iter().any(|(it, kept)| it.seq == mark.seq && kept == message));
                }
            }
        }
        let kept: Vec<_> = talk.turns().into_iter().filter(|(mark, _)| mark.by == By::Person).collect();
        prop_assert_eq!(kept.into_iter().map(|(_, message)| message).collect::<Vec<_>>(), said);
    }

    #[test]
    fn no_cut_parts_a_call_from_its_result(pieces in vec(any_piece(), 1..20), through in 0..100_i64) {
        let mut talk = Talk::begin();
        for piece in &pieces {
            talk.add(piece);
        }
        let before = talk.conversation.clone();
        let marks = before.marks();
        let first = marks.iter().find(|mark| !mark.pinned).map_or(0, |mark| mark.first_seq);
        if talk.conversation.replace(first, through, "In short.").is_ok() {
            check_request(&talk.request());
        } else {
            prop_assert_eq!(&talk.conversation, &before, "what is refused leaves no trace");
        }
    }
}

/// A conversation whose oldest answer is long, and a window for which it is too long if it is one token shorter.
#[test]
fn the_threshold_is_held_to_the_token() {
    let mut talk = Talk::begin();
    talk.add(&Piece::Exchange { calls: vec![("http_fetch", 10, 40_000)], thinks: false });
    talk.add(&Piece::Exchange { calls: vec![("http_fetch", 10, 10)], thinks: false });
    let mut agent = agent();
    let gauge = Gauge::new(&brief(task(), agent.clone()).prompt);
    let tokens = gauge.measure(talk.conversation.tokens());
    let mut planned = |window: i64| {
        agent.parameters.max_output_tokens = Some(1_000);
        agent.context =
            ContextPolicy { window_tokens: u32::try_from(window).ok(), compact_at_percent: Some(50) };
        let window = Window::of(&agent, None);
        (window.threshold() - tokens, plan(&talk.conversation, &gauge, window))
    };
    assert_eq!(planned(2 * tokens + 1_000), (0, Plan::Leave));
    let (one_less, shorter) = planned(2 * tokens + 998);
    assert_eq!(one_less, -1);
    assert!(
        matches!(&shorter, Plan::Shorten(results) if results.len() == 1 && results[0].seq == 6),
        "{shorter:?}"
    );
}

#[test]
fn the_window_is_shared_out_as_it_is_said() {
    let window = |tokens: Option<u32>, percent: Option<u8>, output: Option<i32>, refused: Option<i64>| {
        let mut agent = agent();
        agent.context = ContextPolicy { window_tokens: tokens, compact_at_percent: percent };
        agent.parameters.max_output_tokens = output;
        let window = Window::of(&agent, refused);
        (window.tokens(), window.reserved(), window.threshold(), window.is_known())
    };
    assert_eq!(window(None, None, None, None), (128_000, 8_192, 89_856, false));
    assert_eq!(window(Some(200_000), Some(90), Some(32_000), None), (200_000, 32_000, 151_200, true));
    assert_eq!(
        window(Some(8_000), None, None, None),
        (8_000, 2_000, 4_500, true),
        "a quarter at most, unasked"
    );
    assert_eq!(
        window(Some(8_000), None, Some(8_000), None),
        (8_000, 4_000, 3_000, true),
        "half at most, asked"
    );
    assert_eq!(
        window(None, None, None, Some(40_000)),
        (40_000, 8_192, 23_856, true),
        "a refusal is a word too"
    );
    assert_eq!(window(Some(8_000), None, None, Some(40_000)), (8_000, 2_000, 4_500, true));
}
