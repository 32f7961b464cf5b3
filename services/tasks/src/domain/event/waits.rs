//! Records of what a run waits for by itself.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The agent set a timer: the call has its result once the time has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerSet {
    /// Step whose answer asked for it.
    pub step: u32,
    /// Id of the call in that answer.
    pub call_id: String,
    /// When it is due.
    #[serde(with = "time::serde::rfc3339")]
    pub wake_at: OffsetDateTime,
    /// What the agent waits for, in its words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// The model is not called: its provider refused others' calls, and the run waits as they do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaAwaited {
    /// First half of the model's name; within the workspace it stands for one credential.
    pub provider: String,
    /// When it looks again; it may be let go before.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
}
