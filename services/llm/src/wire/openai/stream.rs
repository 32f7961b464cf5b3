//! Decodes the stream of a chat completion into chunks.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::request::{CallExtra, Carried};
use super::{fault, usage};
use crate::domain::accumulate::Chunk;
use crate::domain::conversation::FinishReason;
use crate::domain::fault::{Fault, Kind};
use crate::wire::sse;

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    model: Option<String>,
    /// Empty in the usage chunk and in Azure's first one.
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    /// `message` is what a server sends that does not stream.
    #[serde(default, alias = "message")]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
    /// Where Moonshot puts it.
    #[serde(default)]
    usage: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<Content>,
    refusal: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    reasoning_details: Option<Vec<Box<RawValue>>>,
    tool_calls: Option<Vec<Call>>,
}

/// Text, or Mistral's list of text and thinking.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentPart {
    Text {
        text: String,
    },
    Thinking {
        thinking: Vec<ContentPart>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<Function>,
    #[serde(default)]
    extra_content: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Function {
    name: Option<String>,
    /// A string by the dialect; some servers send the object itself.
    arguments: Option<Box<RawValue>>,
}

/// Decodes one stream of bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    sse: sse::Decoder,
    frames: Vec<sse::Frame>,
}

impl Decoder {
    /// Takes the next bytes and appends the chunks that they complete.
    pub fn push(&mut self, bytes: &[u8], chunks: &mut Vec<Chunk>) -> Result<(), Fault> {
        let outcome = self.sse.push(bytes, &mut self.frames);
        for frame in self.frames.drain(..) {
            decode_frame(&frame.data, chunks)?;
        }
        outcome.map_err(|error| Fault::new(Kind::Unavailable, error.to_string()))
    }

    /// Ends the stream and appends what a last frame without its blank line held. Half a frame is nothing.
    pub fn finish(self, chunks: &mut Vec<Chunk>) {
        if let Some(frame) = self.sse.finish() {
            let whole = chunks.len();
            if decode_frame(&frame.data, chunks).is_err() {
                chunks.truncate(whole);
            }
        }
    }
}

/// Decodes the reply of a server that was asked to stream and sent one JSON object instead.
pub fn decode_whole(body: &[u8], chunks: &mut Vec<Chunk>) -> Result<(), Fault> {
    decode_frame(&String::from_utf8_lossy(body), chunks)?;
    chunks.push(Chunk::Done);
    Ok(())
}

fn decode_frame(data: &str, chunks: &mut Vec<Chunk>) -> Result<(), Fault> {
    if data.trim() == "[DONE]" {
        chunks.push(Chunk::Done);
        return Ok(());
    }
    if data.trim().is_empty() {
        return Ok(());
    }
    let event: Event = serde_json::from_str(data).map_err(|error| {
        Fault::new(
            Kind::Unavailable,
            format!("the provider sent something that is no chat completion: {error}"),
        )
    })?;
    if let Some(error) = event.error.filter(|error| !error.is_null()) {
        return Err(fault::from_stream(&error));
    }
    if let Some(model) = event.model.filter(|model| !model.is_empty()) {
        chunks.push(Chunk::ProviderModel(model));
    }
    let mut finish = None;
    let mut choice_usage = None;
    for choice in event.choices.unwrap_or_default().into_iter().filter(|choice| choice.index == 0) {
        decode_delta(choice.delta.unwrap_or_default(), chunks)?;
        choice_usage = choice.usage.or(choice_usage);
        finish = choice.finish_reason.filter(|reason| !reason.is_empty()).or(finish);
    }
    if let Some(raw) = event.usage.or(choice_usage)
        && let Some(usage) = usage::parse(&raw)
    {
        chunks.push(Chunk::Usage(usage, String::from(Box::<str>::from(raw))));
    }
    match finish.as_deref() {
        None => {}
        Some("error") => {
            return Err(Fault::new(Kind::Unavailable, "the provider ended its stream with an error"));
        }
        Some(reason) => chunks.push(Chunk::Finish(finish_reason(reason))),
    }
    Ok(())
}

fn finish_reason(text: &str) -> FinishReason {
    match text {
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

fn decode_delta(delta: Delta, chunks: &mut Vec<Chunk>) -> Result<(), Fault> {
    // Servers that fill both say the same in both.
    chunks.extend(delta.reasoning_content.or(delta.reasoning).map(Chunk::Thinking));
    for detail in delta.reasoning_details.unwrap_or_default() {
        chunks.push(carry(&Carried { reasoning_detail: Some(detail), call_extra: None })?);
    }
    match delta.content {
        Some(Content::Text(text)) => chunks.push(Chunk::Text(text)),
        Some(Content::Parts(parts)) => push_parts(parts, false, chunks),
        None => {}
    }
    chunks.extend(delta.refusal.map(Chunk::Text));
    for (place, call) in delta.tool_calls.unwrap_or_default().into_iter().enumerate() {
        let index = call.index.unwrap_or(place as u32);
        let function = call.function.unwrap_or_default();
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        chunks.push(Chunk::ToolCall {
            index,
            id: filled(call.id),
            tool: filled(function.name),
            arguments: function.arguments.as_deref().map(arguments_text).unwrap_or_default(),
        });
        if let Some(extra_content) = call.extra_content {
            let call_extra = Some(CallExtra { index, extra_content });
            chunks.push(carry(&Carried { reasoning_detail: None, call_extra })?);
        }
    }
    Ok(())
}

fn push_parts(parts: Vec<ContentPart>, thinking: bool, chunks: &mut Vec<Chunk>) {
    for part in parts {
        match part {
            ContentPart::Text { text } if thinking => chunks.push(Chunk::Thinking(text)),
            ContentPart::Text { text } => chunks.push(Chunk::Text(text)),
            ContentPart::Thinking { thinking } => push_parts(thinking, true, chunks),
            ContentPart::Other => {}
        }
    }
}

fn arguments_text(raw: &RawValue) -> String {
    serde_json::from_str::<Option<String>>(raw.get())
        .map_or_else(|_| raw.get().to_owned(), Option::unwrap_or_default)
}

fn carry(carried: &Carried) -> Result<Chunk, Fault> {
    let bytes = serde_json::to_vec(carried).map_err(|error| {
        Fault::new(Kind::Unavailable, format!("the provider sent state that cannot be kept: {error}"))
    })?;
    Ok(Chunk::Opaque(bytes))
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
