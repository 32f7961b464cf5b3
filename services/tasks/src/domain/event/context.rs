//! Records of a conversation that was made shorter.

use serde::{Deserialize, Serialize};

/// The conversation that the model reads was made shorter. The records that it was made of stay.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContextCompacted {
    /// Step of the model call that summed up; none where only answers of tools were shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// `seq` of the first record that the summary stands for; 0 without one.
    #[serde(default)]
    pub first_seq: i64,
    /// `seq` of the last record that the summary stands for; 0 without one.
    #[serde(default)]
    pub last_seq: i64,
    /// What the agent reads in their place; empty without a summary.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Answers of tools that were shortened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortened: Vec<ShortenedResult>,
    /// Tokens of the prompt before.
    #[serde(default)]
    pub tokens_before: i64,
    /// Tokens of the prompt after; our estimate.
    #[serde(default)]
    pub tokens_after: i64,
    /// Tokens that the model was taken to read and write in one call.
    #[serde(default)]
    pub window_tokens: i64,
    /// What the summary cost in nano US dollars; absent when nothing was asked for one, or when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<i64>,
}

/// An answer of a tool of which a reference stands in the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortenedResult {
    /// `seq` of the record that completed its turn: the last answer of that turn.
    pub seq: i64,
    /// Id of the call that it answers.
    pub call_id: String,
    /// What the agent reads in its place.
    pub text: String,
}
