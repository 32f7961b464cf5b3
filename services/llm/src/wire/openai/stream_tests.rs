//! Streams as real servers send them, whole and cut anywhere.

use proptest::prelude::*;

use super::*;
use crate::domain::accumulate::{Accumulator, Answer, Incomplete};
use crate::domain::conversation::{Part, ToolCall};

/// OpenAI: text, then the usage chunk with empty choices.
const OPENAI: &str = concat!(
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Gr\u{fc}\u{df}e \u{1f600}\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
    "data: {\"model\":\"gpt-4o-2024-08-06\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4,\"total_tokens\":14,\"prompt_tokens_details\":{\"cached_tokens\":8}}}\n\n",
    "data: [DONE]\n\n",
);

/// Two parallel calls whose arguments interleave.
const TOOLS: &str = concat!(
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"call_a\",\"type\":\"function\",\"function\":{\"name\":\"read\",\"arguments\":\"\"}}]}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"call_b\",\"type\":\"function\",\"function\":{\"name\":\"write\",\"arguments\":\"{\\\"p\"}}]}}]}\r\n\r\n",
    ": keep-alive\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"\\\":1}\"}}]}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\r\n\r\n",
    "data: [DONE]\r\n\r\n",
);

/// Azure: an empty first chunk with filter results, a later one without `delta`.
const AZURE: &str = concat!(
    "data: {\"choices\":[],\"model\":\"\",\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"model\":\"gpt-4o\"}\n\n",
    "data: {\"choices\":[{\"index\":0,\"content_filter_offsets\":{},\"content_filter_results\":{}}],\"model\":\"\"}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"model\":\"gpt-4o\"}\n\n",
    "data: [DONE]\n\n",
);

fn decode(pieces: &[&[u8]]) -> Result<Vec<Chunk>, Fault> {
    let (mut decoder, mut chunks) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece, &mut chunks)?;
    }
    decoder.finish(&mut chunks);
    Ok(chunks)
}

fn answer(wire: &str) -> Result<Answer, Incomplete> {
    let mut accumulator = Accumulator::new("p", "m", "g", 1 << 20);
    for chunk in decode(&[wire.as_bytes()]).expect("decodable") {
        accumulator.push(chunk).expect("legal");
    }
    accumulator.close()
}

#[test]
fn text_and_the_usage_chunk_of_openai() {
    let answer = answer(OPENAI).expect("whole");
    assert_eq!(answer.message.parts, [Part::Text("Gr\u{fc}\u{df}e \u{1f600}".into())]);
    assert_eq!(
        (answer.finish_reason, answer.provider_model.as_str()),
        (FinishReason::Stop, "gpt-4o-2024-08-06")
    );
    let usage = answer.usage.expect("usage");
    assert_eq!((usage.input, usage.cache_read, usage.output, usage.estimated), (2, 8, 4, false));
    assert!(answer.raw_usage.expect("raw").contains("\"cached_tokens\":8"));
}

#[test]
fn parallel_calls_keep_their_places() {
    let call = |id: &str, tool: &str, arguments: &str| {
        Part::ToolCall(ToolCall { id: id.into(), tool: tool.into(), arguments: arguments.into() })
    };
    let answer = answer(TOOLS).expect("whole");
    assert_eq!(answer.message.parts, [call("call_a", "read", "{}"), call("call_b", "write", "{\"p\":1}")]);
    assert_eq!(answer.usage, None);
}

#[test]
fn azure_empties_are_skipped() {
    let answer = answer(AZURE).expect("whole");
    assert_eq!(answer.message.parts, [Part::Text("hi".into())]);
    assert_eq!(answer.provider_model, "gpt-4o");
}

#[test]
fn a_stream_without_finish_or_done_is_truncated() {
    let cut = OPENAI
        .split_once("data: {\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{},")
        .expect("there")
        .0;
    assert_eq!(answer(cut), Err(Incomplete::Truncated));
    let in_mid_frame = &OPENAI[..OPENAI.find("\"finish_reason\":\"stop\"").expect("there")];
    assert_eq!(answer(in_mid_frame), Err(Incomplete::Truncated));
}

#[test]
fn an_error_inside_a_good_stream_is_a_fault() {
    let wire = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"Overloaded\",\"type\":\"overloaded_error\"}}\n\n";
    let mut chunks = Vec::new();
    let fault = Decoder::default().push(wire.as_bytes(), &mut chunks).expect_err("an error");
    assert_eq!(fault.kind, Kind::Overloaded);
    assert_eq!(chunks, [Chunk::Text("a".into())], "what came before it is kept");
    let by_reason = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n";
    assert_eq!(decode(&[by_reason.as_bytes()]).expect_err("an error").kind, Kind::Unavailable);
}

#[test]
fn no_json_is_a_fault_and_does_not_panic() {
    for wire in [
        "data: <html>\n\n",
        "data: 3\n\n",
        "data: {\"choices\":3}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":5}}]}\n\n",
    ] {
        assert_eq!(decode(&[wire.as_bytes()]).expect_err(wire).kind, Kind::Unavailable);
    }
}

#[test]
fn reasoning_comes_by_three_names_and_once() {
    for delta in [
        r#"{"reasoning_content":"hm"}"#,
        r#"{"reasoning":"hm"}"#,
        r#"{"reasoning":"hm","reasoning_content":"hm"}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"reference"}]}"#,
    ] {
        let wire = format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
        assert_eq!(decode(&[wire.as_bytes()]).expect("decodable"), [Chunk::Thinking("hm".into())], "{delta}");
    }
}

#[test]
fn provider_state_is_kept_byte_for_byte() {
    let detail = r#"{"type":"reasoning.encrypted",  "data":"\u00e9","n":1.0}"#;
    let wire = format!("data: {{\"choices\":[{{\"delta\":{{\"reasoning_details\":[{detail}]}}}}]}}\n\n");
    let expected = format!("{{\"reasoning_detail\":{detail}}}");
    assert_eq!(decode(&[wire.as_bytes()]).expect("decodable"), [Chunk::Opaque(expected.into_bytes())]);
}

#[test]
fn arguments_may_be_an_object_and_the_index_may_be_missing() {
    let wire = r#"data: {"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"t","arguments":{"x": 1}}},{"id":"b","function":{"name":"t","arguments":null}}]},"finish_reason":"tool_calls"}]}"#;
    let answer = answer(wire).expect("whole");
    let arguments: Vec<&str> = answer
        .message
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolCall(call) => call.arguments.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(arguments, ["{\"x\": 1}", ""]);
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let body = br#"{"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let mut chunks = Vec::new();
    decode_whole(body, &mut chunks).expect("decodable");
    assert!(chunks.contains(&Chunk::Text("hi".into())) && chunks.last() == Some(&Chunk::Done));
}

proptest! {
    /// However the network cuts a stream, the same chunks come out.
    #[test]
    fn cuts_change_nothing(which in 0usize..3, cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..32)) {
        let wire = [OPENAI, TOOLS, AZURE][which].as_bytes();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        at.extend([0, wire.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
        prop_assert_eq!(decode(&pieces), decode(&[wire]));
    }

    /// A stream cut short anywhere before its finish reason is never taken for an answer.
    #[test]
    fn no_prefix_is_success(which in 0usize..3, at in any::<prop::sample::Index>()) {
        let wire = [OPENAI, TOOLS, AZURE][which];
        let end = wire.find("\"finish_reason\":\"").expect("has one");
        let mut accumulator = Accumulator::new("p", "m", "g", 1 << 20);
        for chunk in decode(&[&wire.as_bytes()[..at.index(end)]]).expect("decodable") {
            accumulator.push(chunk).expect("legal");
        }
        prop_assert_eq!(accumulator.close(), Err(Incomplete::Truncated));
    }
}
