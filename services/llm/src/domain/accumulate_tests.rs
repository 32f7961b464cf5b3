//! Facts about the state machine, the important ones over random streams.

use proptest::prelude::*;

use super::super::follow::{Delta, Follower};
use super::*;

fn empty() -> Accumulator {
    Accumulator::new("p", "m", "g1", 1 << 20)
}

fn call(index: u32, id: &str, tool: &str, arguments: &str) -> Chunk {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Chunk::ToolCall { index, id: some(id), tool: some(tool), arguments: arguments.to_owned() }
}

fn close(chunks: impl IntoIterator<Item = Chunk>) -> Answer {
    let mut accumulator = empty();
    for chunk in chunks {
        accumulator.push(chunk).expect("a legal stream");
    }
    accumulator.close().expect("a whole answer")
}

fn calls(message: &Message) -> Vec<(&str, &str, &str)> {
    let calls = message.parts.iter().filter_map(|part| match part {
        Part::ToolCall(call) => Some((call.id.as_str(), call.tool.as_str(), call.arguments.as_str())),
        _ => None,
    });
    calls.collect()
}

#[test]
fn parallel_calls_interleave_by_index() {
    let answer = close([
        call(0, "a", "read", ""),
        call(1, "b", "write", "{\"x\""),
        call(0, "", "", "{}"),
        call(1, "", "", ":1}"),
        Chunk::Finish(FinishReason::ToolCalls),
    ]);
    assert_eq!(calls(&answer.message), [("a", "read", "{}"), ("b", "write", "{\"x\":1}")]);
    assert_eq!(answer.finish_reason, FinishReason::ToolCalls);
}

#[test]
fn another_id_at_the_same_index_is_another_call() {
    let answer = close([call(0, "a", "read", "{}"), call(0, "b", "read", "{}"), Chunk::Done]);
    assert_eq!(calls(&answer.message), [("a", "read", "{}"), ("b", "read", "{}")]);
}

#[test]
fn id_and_name_are_taken_when_they_come_and_minted_when_they_do_not() {
    let answer = close([
        call(0, "", "read", ""),
        call(0, "late", "", "{}"),
        call(1, "", "write", "{\"a\":"),
        call(1, "", "", "1}"),
        Chunk::Done,
    ]);
    assert_eq!(calls(&answer.message), [("late", "read", "{}"), ("call_g1_1", "write", "{\"a\":1}")]);
}

#[test]
fn a_name_repeated_in_every_chunk_is_one_name() {
    let answer = close([call(0, "a", "read", "{"), call(0, "a", "read", "}"), Chunk::Done]);
    assert_eq!(calls(&answer.message), [("a", "read", "{}")]);
}

#[test]
fn a_stream_that_just_ends_is_no_answer() {
    let mut accumulator = empty();
    accumulator.push(Chunk::Text("half an ans".into())).expect("legal");
    accumulator.push(Chunk::Usage(Usage::default(), "{}".into())).expect("legal");
    assert_eq!(accumulator.close(), Err(Incomplete::Truncated));
    assert_eq!(accumulator.partial().parts, [Part::Text("half an ans".into())]);
}

#[test]
fn a_call_without_a_name_is_no_answer() {
    let mut accumulator = empty();
    accumulator.push(call(0, "a", "", "{}")).expect("legal");
    accumulator.push(Chunk::Done).expect("legal");
    assert_eq!(accumulator.close(), Err(Incomplete::UnnamedTool));
}

#[test]
fn either_end_mark_is_enough_and_calls_decide_between_stop_and_tool_calls() {
    assert_eq!(close([Chunk::Done]).finish_reason, FinishReason::Stop);
    let stop = Chunk::Finish(FinishReason::Stop);
    assert_eq!(close([call(0, "a", "t", "{}"), stop.clone()]).finish_reason, FinishReason::ToolCalls);
    let tools = Chunk::Finish(FinishReason::ToolCalls);
    assert_eq!(close([Chunk::Text("x".into()), tools]).finish_reason, FinishReason::Stop);
    let length = Chunk::Finish(FinishReason::Length);
    assert_eq!(close([call(0, "a", "t", "{"), length, stop]).finish_reason, FinishReason::Length);
}

#[test]
fn nothing_but_usage_may_follow_the_end() {
    let mut accumulator = empty();
    accumulator.push(Chunk::Finish(FinishReason::Stop)).expect("legal");
    accumulator.push(Chunk::Text(String::new())).expect("an empty delta is nothing");
    accumulator.push(Chunk::Usage(Usage::estimate(1, 2), "{}".into())).expect("usage follows the end");
    assert_eq!(accumulator.push(Chunk::Text("more".into())), Err(Violation::AfterEnd));
    assert_eq!(accumulator.close().expect("whole").usage, Some(Usage::estimate(1, 2)));
}

#[test]
fn size_is_limited_to_the_byte() {
    let mut accumulator = Accumulator::new("p", "m", "g", 4);
    accumulator.push(Chunk::Text("1234".into())).expect("at the limit");
    assert_eq!(accumulator.push(Chunk::Text("5".into())), Err(Violation::TooLarge { limit: 4 }));
}

#[test]
fn the_number_of_calls_is_limited() {
    let mut accumulator = empty();
    for index in 0..MAX_TOOL_CALLS as u32 {
        accumulator.push(call(index, &format!("c{index}"), "t", "")).expect("within the limit");
    }
    assert_eq!(accumulator.push(call(999, "more", "t", "")), Err(Violation::TooManyToolCalls));
}

fn chunks() -> impl Strategy<Value = Vec<Chunk>> {
    let text = "\\PC{0,6}";
    let one = prop_oneof![
        text.prop_map(Chunk::Text),
        text.prop_map(Chunk::Thinking),
        (0u32..3, text).prop_map(|(index, arguments)| Chunk::ToolCall {
            index,
            id: Some(format!("id{index}")),
            tool: Some(format!("tool{index}")),
            arguments
        }),
        (0u32..3, text).prop_map(|(index, arguments)| Chunk::ToolCall {
            index,
            id: None,
            tool: Some("t".into()),
            arguments
        }),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(Chunk::Opaque),
        Just(Chunk::ProviderModel("x".into())),
    ];
    proptest::collection::vec(one, 0..40)
}

proptest! {
    /// Whatever a provider sends, however rarely a reader looks: what was shown adds up to the answer, every tool call
    /// starts exactly once and before its arguments, and offsets have neither gap nor overlap.
    #[test]
    fn what_was_shown_is_the_answer(chunks in chunks(), looks in proptest::collection::vec(any::<bool>(), 40)) {
        let mut accumulator = empty();
        let mut follower = Follower::default();
        let mut shown = Vec::new();
        for (chunk, look) in chunks.into_iter().zip(looks) {
            accumulator.push(chunk).expect("legal");
            if look {
                shown.extend(follower.catch_up(accumulator.parts()));
            }
        }
        accumulator.push(Chunk::Done).expect("legal");
        let answer = accumulator.close().expect("whole");
        shown.extend(follower.catch_up(accumulator.parts()));

        let (mut text, mut thinking) = (String::new(), String::new());
        let mut seen: Vec<(String, String, String)> = Vec::new();
        for delta in shown {
            match delta {
                Delta::Text(offset, more) => { prop_assert_eq!(offset, text.len()); text.push_str(&more); }
                Delta::Thinking(offset, more) => { prop_assert_eq!(offset, thinking.len()); thinking.push_str(&more); }
                Delta::ToolCall { index, id, tool, arguments } => {
                    if id.is_empty() { prop_assert!(index < seen.len()); } else {
                        prop_assert_eq!(index, seen.len());
                        seen.push((id, tool, String::new()));
                    }
                    seen[index].2.push_str(&arguments);
                }
            }
        }
        let of = |wanted: fn(&Part) -> Option<&str>| answer.message.parts.iter().filter_map(wanted).collect::<String>();
        prop_assert_eq!(text, of(|part| if let Part::Text(text) = part { Some(text) } else { None }));
        prop_assert_eq!(thinking, of(|part| if let Part::Thinking(t) = part { Some(&t.text) } else { None }));
        let calls: Vec<_> = calls(&answer.message).into_iter().map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())).collect();
        let mut ids: Vec<_> = calls.iter().map(|call| &call.0).collect();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), calls.len(), "ids are unique");
        prop_assert_eq!(seen, calls);
    }

    /// Cutting text anywhere changes nothing.
    #[test]
    fn the_answer_does_not_depend_on_how_text_was_cut(text in "\\PC{0,40}", cut in 0usize..40) {
        let at = text.floor_char_boundary(cut.min(text.len()));
        let (head, tail) = text.split_at(at);
        let whole = close([Chunk::Text(text.clone()), call(0, "a", "t", &text), Chunk::Done]);
        let cut = close([
            Chunk::Text(head.into()), Chunk::Text(tail.into()), call(0, "a", "t", head), call(0, "", "", tail), Chunk::Done,
        ]);
        prop_assert_eq!(whole, cut);
    }
}
