//! The conversation between a run and its model, as the journal keeps it.

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A person, or the engine on their behalf.
    User,
    /// The model.
    Assistant,
    /// Results of the tools that the model called.
    Tool,
}

/// One turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

impl Message {
    /// A turn of the engine or a person, of one text.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, parts: vec![Part::Text { text: text.into() }] }
    }

    /// The tool calls in it, in order.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }

    /// True when it says nothing that a person or the engine could act on: no text but blanks and no tool call.
    pub fn is_blank(&self) -> bool {
        self.parts.iter().all(|part| match part {
            Part::Text { text } => text.trim().is_empty(),
            Part::ToolCall(_) | Part::ToolResult(_) => false,
            Part::Thinking(_) | Part::Opaque(_) => true,
        })
    }
}

/// A piece of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// The model asks for a tool.
    ToolCall(ToolCall),
    /// What a tool answered.
    ToolResult(ToolResult),
    /// What the model thought aloud.
    Thinking(Thinking),
    /// Provider state that is carried and never read.
    Opaque(Opaque),
}

/// A model's wish to use a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Id of the call, as the provider gave it.
    pub id: String,
    /// Name of the tool.
    pub tool: String,
    /// Arguments exactly as the model wrote them: JSON, if it kept its word.
    pub arguments_json: String,
}

/// A tool's answer to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// [`ToolCall::id`] that this answers.
    pub call_id: String,
    /// The answer, as the model reads it.
    pub content: String,
    /// True when the tool failed and `content` says how.
    pub is_error: bool,
}

/// Reasoning that a model shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thinking {
    /// The text.
    pub text: String,
    /// The provider's signature over it, byte-exact; empty where it gives none.
    #[serde(default, with = "base64_text", skip_serializing_if = "Vec::is_empty")]
    pub signature: Vec<u8>,
}

/// State of a provider, byte-exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opaque {
    /// Provider that made it.
    pub provider: String,
    /// Model that made it.
    pub model: String,
    /// The bytes as they came.
    #[serde(with = "base64_text")]
    pub content: Vec<u8>,
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It had said all.
    Stop,
    /// It wants tools.
    ToolCalls,
    /// The answer hit its token limit and is cut.
    Length,
    /// The provider withheld the answer.
    ContentFilter,
    /// The provider gave a reason that we do not know; what came is taken as whole.
    #[serde(other)]
    Other,
}

/// Most tokens that one bucket of one call counts for.
pub const MAX_BUCKET_TOKENS: i64 = 1_000_000_000_000;

/// Tokens of one model call in disjoint buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Read and not cached.
    pub input_tokens: i64,
    /// Read from the provider's cache.
    pub cache_read_tokens: i64,
    /// Written to the provider's cache.
    pub cache_write_tokens: i64,
    /// Written by the model, its reasoning included.
    pub output_tokens: i64,
    /// Of `output_tokens`, those that were reasoning.
    pub reasoning_tokens: i64,
    /// True when the provider sent no usage and these are our estimate.
    pub estimated: bool,
}

impl Usage {
    /// Tokens in and out, each counted once. A bucket below none or beyond [`MAX_BUCKET_TOKENS`] is a provider's mistake
    /// and is taken as the nearest of the two, so that no sum over a run can overflow.
    pub fn total_tokens(&self) -> i64 {
        [self.input_tokens, self.cache_read_tokens, self.cache_write_tokens, self.output_tokens]
            .into_iter()
            .map(|tokens| tokens.clamp(0, MAX_BUCKET_TOKENS))
            .sum()
    }
}

/// A tool as the model is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Name.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON Schema (draft 2020-12) of its arguments, as JSON text.
    pub parameters_json_schema: String,
}

/// Bytes as base64 text, so that they survive JSON unchanged.
mod base64_text {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_is_counted_with_the_output_and_nonsense_within_bounds() {
        let usage = Usage {
            input_tokens: 1,
            cache_read_tokens: 2,
            cache_write_tokens: 4,
            output_tokens: 8,
            reasoning_tokens: 5,
            estimated: false,
        };
        assert_eq!(usage.total_tokens(), 15);
        let nonsense = Usage { input_tokens: i64::MIN, output_tokens: i64::MAX, ..usage };
        assert_eq!(nonsense.total_tokens(), 6 + MAX_BUCKET_TOKENS);
    }
}
