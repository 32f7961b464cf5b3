//! What the engine itself says to an agent.

use serde::{Deserialize, Serialize};

/// Why the engine spoke to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NoteReason {
    /// The answer held neither text nor a tool call.
    EmptyAnswer,
    /// The answer hit its token limit.
    TruncatedAnswer,
    /// The answer called no tool, though only `finish` ends a run.
    NoToolCall,
    /// The same calls gave the same results again.
    RepeatedCall,
}

impl NoteReason {
    /// The reason as it is on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmptyAnswer => "EMPTY_ANSWER",
            Self::TruncatedAnswer => "TRUNCATED_ANSWER",
            Self::NoToolCall => "NO_TOOL_CALL",
            Self::RepeatedCall => "REPEATED_CALL",
        }
    }
}

/// The engine told the agent something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineNote {
    /// Step whose answer gave rise to it.
    pub step: u32,
    /// Why.
    pub reason: NoteReason,
    /// What the agent reads.
    pub text: String,
}
