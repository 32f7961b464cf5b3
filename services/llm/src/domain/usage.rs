//! Tokens of one generation in disjoint buckets: no token is counted twice.

use serde::{Deserialize, Serialize};

use super::ask::Ask;
use super::conversation::{Message, Part};

/// Bytes of UTF-8 that an estimate takes for one token. English prose has about four; the estimate is marked as one.
const BYTES_PER_TOKEN: u64 = 4;

/// What a generation used. The first four buckets are disjoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read and not cached.
    pub input: u64,
    /// Tokens read from the provider's cache.
    pub cache_read: u64,
    /// Tokens written to the provider's cache.
    pub cache_write: u64,
    /// Tokens written by the model, its reasoning included.
    pub output: u64,
    /// Of `output`, those that were reasoning.
    pub reasoning: u64,
    /// True when the provider sent no usage and these are our estimate.
    pub estimated: bool,
}

impl Usage {
    /// A marked estimate from sizes in tokens.
    pub fn estimate(input: u64, output: u64) -> Self {
        Self { input, output, estimated: true, ..Self::default() }
    }

    /// Tokens in and out.
    pub fn total(&self) -> u64 {
        [self.cache_read, self.cache_write, self.output].into_iter().fold(self.input, u64::saturating_add)
    }
}

/// Tokens that some bytes of text are about, rounded up.
pub fn estimate_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// Tokens that a request is about.
pub fn estimate_input(ask: &Ask) -> u64 {
    let messages: u64 = ask.messages.iter().map(message_bytes).sum();
    let tools: u64 = ask
        .tools
        .iter()
        .map(|tool| (tool.name.len() + tool.description.len() + tool.parameters_json_schema.len()) as u64)
        .sum();
    estimate_tokens(ask.system.len() as u64 + messages + tools)
}

/// Bytes of a message that a model reads or writes as tokens.
pub fn message_bytes(message: &Message) -> u64 {
    let bytes: usize = message
        .parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.len(),
            Part::ToolCall(call) => call.tool.len() + call.arguments.len(),
            Part::ToolResult(result) => result.content.len(),
            Part::Thinking(thinking) => thinking.text.len(),
            Part::Opaque(_) => 0,
        })
        .sum();
    bytes as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_round_up() {
        assert_eq!([0, 1, 4, 5].map(estimate_tokens), [0, 1, 1, 2]);
    }
}
