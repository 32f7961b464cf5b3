//! Facts about encoded requests.

use serde_json::{Value, json};

use super::*;
use crate::domain::ask::tests::ask;
use crate::domain::conversation::{Parameters, Thinking, Tool, ToolResult};

fn encoded(ask: &Ask) -> Value {
    let bytes = encode(ask, LimitField::MaxTokens).expect("encodable");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn turn(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall { id: id.into(), tool: "read".into(), arguments: arguments.into() })
}

fn opaque(provider: &str, model: &str, content: &str) -> Part {
    Part::Opaque(Opaque { provider: provider.into(), model: model.into(), content: content.into() })
}

#[test]
fn a_whole_conversation_is_encoded() {
    let mut ask = ask("local/org/model", "hello");
    ask.system = "be brief".into();
    ask.messages.push(turn(
        Role::Assistant,
        vec![
            Part::Thinking(Thinking { text: "hm".into(), signature: Vec::new() }),
            call("c1", "{\"path\": \"a\"}"),
            call("c2", ""),
        ],
    ));
    let result = |id: &str, content: &str| {
        Part::ToolResult(ToolResult { call_id: id.into(), content: content.into(), is_error: false })
    };
    ask.messages.push(turn(Role::Tool, vec![result("c1", "one"), result("c2", "two")]));
    ask.tools.push(Tool {
        name: "read".into(),
        description: "Reads.".into(),
        parameters_json_schema: "{\"type\":\"object\"}".into(),
    });
    ask.parameters =
        Parameters { temperature: Some(0.5), top_p: None, max_output_tokens: Some(64), seed: Some(7) };
    let expected = json!({
        "model": "org/model",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{\"path\": \"a\"}"}},
                {"id": "c2", "type": "function", "function": {"name": "read", "arguments": "{}"}},
            ]},
            {"role": "tool", "content": "one", "tool_call_id": "c1"},
            {"role": "tool", "content": "two", "tool_call_id": "c2"},
        ],
        "tools": [{"type": "function", "function": {"name": "read", "description": "Reads.", "parameters": {"type": "object"}}}],
        "temperature": 0.5,
        "max_tokens": 64,
        "seed": 7,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(encoded(&ask), expected);
}

#[test]
fn the_answer_limit_goes_by_the_name_that_the_host_wants() {
    let mut ask = ask("openai/o3", "x");
    ask.parameters.max_output_tokens = Some(5);
    let bytes = encode(&ask, LimitField::for_host("api.openai.com")).expect("encodable");
    let value: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!((&value["max_completion_tokens"], value.get("max_tokens")), (&json!(5), None));
    assert_eq!(LimitField::for_host("openrouter.ai"), LimitField::MaxTokens);
}

#[test]
fn broken_arguments_go_back_as_a_string_that_parses() {
    for broken in ["{\"path\": ", "not json", "[1]", "\"text\""] {
        let mut ask = ask("local/m", "x");
        ask.messages.push(turn(Role::Assistant, vec![call("c", broken)]));
        let arguments = &encoded(&ask)["messages"][1]["tool_calls"][0]["function"]["arguments"];
        let arguments: Value = serde_json::from_str(arguments.as_str().expect("text")).expect("JSON again");
        assert_eq!(arguments, json!({ "malformed_arguments": broken }));
    }
}

#[test]
fn an_empty_answer_stays_a_turn() {
    let mut ask = ask("local/m", "x");
    ask.messages.push(turn(Role::Assistant, Vec::new()));
    assert_eq!(encoded(&ask)["messages"][1], json!({"role": "assistant", "content": ""}));
}

#[test]
fn state_goes_back_byte_for_byte_to_whom_it_came_from_only() {
    let detail = r#"{"type": "reasoning.encrypted",   "data":"\u00e9+/=", "n": 1.0}"#;
    let content = format!("{{\"reasoning_detail\":{detail}}}");
    let extra = r#"{"call_extra":{"index":0,"extra_content":{"google":{"thought_signature":"abc=="}}}}"#;
    let mut ask = ask("router/org/m", "x");
    let parts = vec![call("c", "{}"), opaque("router", "org/m", &content), opaque("router", "org/m", extra)];
    ask.messages.push(turn(Role::Assistant, parts));
    let text = String::from_utf8(encode(&ask, LimitField::MaxTokens).expect("encodable")).expect("text");
    assert!(text.contains(&format!("\"reasoning_details\":[{detail}]")), "{text}");
    assert!(text.contains(r#""extra_content":{"google":{"thought_signature":"abc=="}}"#), "{text}");

    for (provider, model) in [("other", "org/m"), ("router", "org/other")] {
        ask.messages[1].parts = vec![call("c", "{}"), opaque(provider, model, &content)];
        assert!(encoded(&ask)["messages"][1].get("reasoning_details").is_none());
    }
}
