//! Encodes a conversation as a chat completions request.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::ask::Ask;
use crate::domain::conversation::{Message, Opaque, Part, Role, ToolCall};

/// The name that a server gives to the limit of an answer's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitField {
    /// What nearly every compatible server knows.
    MaxTokens,
    /// What OpenAI's own API wants; its reasoning models refuse the other.
    MaxCompletionTokens,
}

impl LimitField {
    /// The name that a host wants.
    pub fn for_host(host: &str) -> Self {
        if host == "api.openai.com" || host.ends_with(".openai.azure.com") {
            Self::MaxCompletionTokens
        } else {
            Self::MaxTokens
        }
    }
}

/// Provider state that an answer carried, as this dialect's decoder wrote it: exactly one field is set.
#[derive(Debug, Default, Serialize, serde::Deserialize)]
pub(super) struct Carried {
    /// One element of OpenRouter's `reasoning_details`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_detail: Option<Box<RawValue>>,
    /// `extra_content` of a tool call (Gemini's thought signatures).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) call_extra: Option<CallExtra>,
}

/// What belongs to one tool call.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(super) struct CallExtra {
    /// The provider's index of the call.
    pub(super) index: u32,
    /// As it came.
    pub(super) extra_content: Box<RawValue>,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    stream: bool,
    stream_options: StreamOptions,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    /// `null` only in turns of the model that call tools and say nothing.
    content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
struct CallEntry<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Function<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: String,
}

#[derive(Serialize)]
struct ToolEntry<'a> {
    r#type: &'static str,
    function: ToolFunction<'a>,
}

#[derive(Serialize)]
struct ToolFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    parameters: &'a RawValue,
}

/// A tool's schema is not JSON. The edge checks it, so this is a fault of ours.
#[derive(Debug, thiserror::Error)]
#[error("the schema of a tool is not JSON: {0}")]
pub struct Unencodable(#[from] serde_json::Error);

/// The body of a streaming request, in a stable order of keys, messages and tools (it is what providers cache).
pub fn encode(ask: &Ask, limit: LimitField) -> Result<Vec<u8>, Unencodable> {
    let mut messages = Vec::with_capacity(ask.messages.len() + 1);
    if !ask.system.is_empty() {
        messages.push(Turn::saying("system", ask.system.clone()));
    }
    for message in &ask.messages {
        push_message(&mut messages, ask, message);
    }
    let tools = ask.tools.iter().map(|tool| {
        let parameters = serde_json::from_str(&tool.parameters_json_schema)?;
        let function = ToolFunction { name: &tool.name, description: &tool.description, parameters };
        Ok(ToolEntry { r#type: "function", function })
    });
    let max = ask.parameters.max_output_tokens;
    let request = Request {
        model: ask.model.model(),
        messages,
        tools: tools.collect::<Result<_, serde_json::Error>>()?,
        temperature: ask.parameters.temperature,
        top_p: ask.parameters.top_p,
        max_tokens: max.filter(|_| limit == LimitField::MaxTokens),
        max_completion_tokens: max.filter(|_| limit == LimitField::MaxCompletionTokens),
        seed: ask.parameters.seed,
        stream: true,
        stream_options: StreamOptions { include_usage: true },
    };
    Ok(serde_json::to_vec(&request)?)
}

impl Turn<'_> {
    fn saying(role: &'static str, content: String) -> Self {
        Self {
            role,
            content: Some(content),
            tool_calls: Vec::new(),
            tool_call_id: None,
            reasoning_details: Vec::new(),
        }
    }
}

fn push_message<'a>(turns: &mut Vec<Turn<'a>>, ask: &Ask, message: &'a Message) {
    match message.role {
        Role::User => turns.push(Turn::saying("user", text_of(message, "\n\n"))),
        Role::Assistant => turns.push(assistant(ask, message)),
        Role::Tool => turns.extend(message.parts.iter().filter_map(|part| match part {
            Part::ToolResult(result) => Some(Turn {
                tool_call_id: Some(&result.call_id),
                ..Turn::saying("tool", result.content.clone())
            }),
            _ => None,
        })),
    }
}

fn assistant<'a>(ask: &Ask, message: &'a Message) -> Turn<'a> {
    let text = text_of(message, "");
    let mut calls: Vec<CallEntry<'a>> = message.parts.iter().filter_map(call_entry).collect();
    let mut reasoning_details = Vec::new();
    for carried in message.parts.iter().filter_map(|part| carried(ask, part)) {
        reasoning_details.extend(carried.reasoning_detail);
        if let Some(extra) = carried.call_extra
            && let Some(call) = calls.get_mut(extra.index as usize)
        {
            call.extra_content = Some(extra.extra_content);
        }
    }
    let content = if text.is_empty() && !calls.is_empty() { None } else { Some(text) };
    Turn { role: "assistant", content, tool_calls: calls, tool_call_id: None, reasoning_details }
}

fn text_of(message: &Message, separator: &str) -> String {
    let texts: Vec<&str> = message
        .parts
        .iter()
        .filter_map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None })
        .collect();
    texts.join(separator)
}

fn call_entry(part: &Part) -> Option<CallEntry<'_>> {
    let Part::ToolCall(call) = part else { return None };
    let function = Function { name: &call.tool, arguments: sendable_arguments(call) };
    Some(CallEntry { id: &call.id, r#type: "function", function, extra_content: None })
}

/// Arguments that a server can parse again: many fail the whole request when an earlier turn holds broken JSON, so
/// broken text goes back as a string under one key, where the model can still see what it wrote.
fn sendable_arguments(call: &ToolCall) -> String {
    if call.arguments.trim().is_empty() {
        return "{}".to_owned();
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments) {
        Ok(_) if call.arguments.trim_start().starts_with('{') => call.arguments.clone(),
        _ => serde_json::json!({ "malformed_arguments": call.arguments }).to_string(),
    }
}

/// State goes back only to the provider and model that made it.
fn carried(ask: &Ask, part: &Part) -> Option<Carried> {
    match part {
        Part::Opaque(Opaque { provider, model, content })
            if provider == ask.model.provider() && model == ask.model.model() =>
        {
            serde_json::from_slice(content).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
