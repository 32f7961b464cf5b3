//! The records of a run's journal and their JSON: what is written here is read back for as long as runs are kept.

pub mod bound;
mod children;
mod codec;
mod context;
mod notes;
mod people;
mod waits;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::brief::RunBrief;
use super::conversation::{FinishReason, Message, Usage};
use super::id::ArtifactId;
pub use children::{
    ChildCancelCause, ChildCancelled, ChildEnd, ChildEnded, ChildStarted, ChildWait, ChildrenCancelled,
    ChildrenStarted, MAX_ARTIFACTS, MAX_CHILD_TEXT_CHARS,
};
pub use codec::{DecodeError, EVENT_VERSION};
pub use context::{ContextCompacted, ShortenedResult};
pub use notes::{EngineNote, NoteReason};
pub use people::{
    ApprovalRequested, ApprovedByRule, Cancelled, CommandDelivered, Doubt, DoubtCause, ItemDecided,
    OutcomeUnknown, Paused, QuestionAsked, Resumed, Retried, Steered,
};
pub use waits::{QuotaAwaited, TimerSet};

/// One append-only record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Place in the run's journal, from 1 without a gap.
    pub seq: i64,
    /// When it was committed.
    pub at: OffsetDateTime,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The run exists.
    Queued(Queued),
    /// A worker took it for the first time.
    Started(Started),
    /// A worker took it over from one that died or let it go.
    TakenOver(TakenOver),
    /// A model is about to be called.
    ModelCallStarted(ModelCallStarted),
    /// It answered.
    ModelCallCompleted(ModelCallCompleted),
    /// It did not.
    ModelCallFailed(ModelCallFailed),
    /// A tool is about to be used.
    ToolCallStarted(ToolCallStarted),
    /// The tool answered, well or badly.
    ToolCallCompleted(ToolCallCompleted),
    /// The engine told the agent something.
    EngineNote(EngineNote),
    /// The run ended as it should.
    Succeeded(Succeeded),
    /// The run ended by an error or a limit.
    Failed(Failed),
    /// The run's worker has read a person's order.
    CommandDelivered(CommandDelivered),
    /// A person paused it.
    Paused(Paused),
    /// It goes on after a pause.
    Resumed(Resumed),
    /// A person ended it.
    Cancelled(Cancelled),
    /// A tool call waits for a person's approval.
    ApprovalRequested(ApprovalRequested),
    /// The agent asked a person something.
    QuestionAsked(QuestionAsked),
    /// A crash left it unknown what became of a tool call, and a person is asked.
    OutcomeUnknown(OutcomeUnknown),
    /// A person decided.
    ItemDecided(ItemDecided),
    /// The agent set a timer, and waits for it.
    TimerSet(TimerSet),
    /// What a person said is part of the conversation.
    Steered(Steered),
    /// A person had the failed run go on.
    Retried(Retried),
    /// A standing rule allows a tool call.
    ApprovedByRule(ApprovedByRule),
    /// The agent handed work to others, and waits for them.
    ChildrenStarted(ChildrenStarted),
    /// A run that it handed work to has ended.
    ChildEnded(ChildEnded),
    /// Runs that it handed work to were ordered to end.
    ChildrenCancelled(ChildrenCancelled),
    /// Its provider takes no calls, and it waits.
    QuotaAwaited(QuotaAwaited),
    /// The conversation that the model reads was made shorter.
    ContextCompacted(ContextCompacted),
}

/// The run exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queued {
    /// All it is pinned to.
    pub brief: Arc<RunBrief>,
    /// When it is to start; none for at once.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub start_at: Option<OffsetDateTime>,
}

/// A worker took the run for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Started {}

/// A worker took the run over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// How often the run has been taken, this time included.
    pub lease_epoch: i64,
}

/// A model is about to be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCallStarted {
    /// Step, counting model calls from 1.
    pub step: u32,
    /// Attempt at the step, from 1; rises by a journalled failure only.
    pub attempt: u32,
    /// `{provider}/{model}`.
    pub model: String,
    /// Turns that are sent.
    pub message_count: u32,
    /// Of a call that sums up the conversation instead of going on with it: `seq` of the last record that it sums up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compacts_through: Option<i64>,
}

/// The model answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCallCompleted {
    /// Step it answers.
    pub step: u32,
    /// Attempt that succeeded.
    pub attempt: u32,
    /// The answer, as it came.
    pub message: Message,
    /// Why the model stopped.
    pub finish_reason: FinishReason,
    /// What was used.
    #[serde(default)]
    pub usage: Usage,
    /// Cost in nano US dollars; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<i64>,
    /// `workspaces/{workspace}/generations/{generation}`, where the ledger has it.
    #[serde(default)]
    pub generation: String,
    /// From the intent to the answer, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
}

/// The model did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCallFailed {
    /// Step that failed.
    pub step: u32,
    /// Attempt that failed.
    pub attempt: u32,
    /// Why.
    pub error: RunError,
    /// When it is tried again; absent if it is not.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<OffsetDateTime>,
    /// `workspaces/{workspace}/generations/{generation}` of the failed call; empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub generation: String,
    /// True when the call was cut after it had begun, so that it costs something, or may do so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub maybe_billed: bool,
    /// What the ledger has it booked at, in nano US dollars; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<i64>,
    /// True when cost and tokens are the ledger's estimate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cost_estimated: bool,
    /// Tokens in and out that the ledger has it booked at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub total_tokens: i64,
}

/// serde asks by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &i64) -> bool {
    *count == 0
}

/// What may be done about a tool call whose outcome a crash left unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Changes nothing: run it again.
    Pure,
    /// The same key has the same effect once: run it again with its key.
    Idempotent,
    /// Can be asked whether it happened.
    Queryable,
    /// Must not be run again unless a person says so; so is every class that this version does not know.
    #[serde(other)]
    AtMostOnce,
}

/// A tool is about to be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallStarted {
    /// Step whose answer asked for it.
    pub step: u32,
    /// Id of the call in that answer; one of ours where the answer's ids were empty or repeated.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// Arguments as the model wrote them, or as the person who approved the call changed them.
    pub arguments_json: String,
    /// What may be done if the outcome gets lost.
    pub effect_class: EffectClass,
    /// Names this use for ever, to whoever carries it out; every attempt has the same.
    pub idempotency_key: String,
    /// Attempt at this call, from 1; rises only when a person had a call with an unknown outcome tried again.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub attempt: u32,
}

const fn first() -> u32 {
    1
}

// Serde hands a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_first(attempt: &u32) -> bool {
    *attempt == 1
}

/// The tool answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallCompleted {
    /// Step whose answer asked for it.
    pub step: u32,
    /// Id of the call, as its intent has it.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// What the model reads; cut at the tool's limit, and then it says so.
    pub content: String,
    /// True when the tool failed and `content` says how.
    #[serde(default)]
    pub is_error: bool,
    /// What it wrote, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ArtifactRef>,
    /// From the intent to the answer, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
}

/// An artifact that a call wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// The artifact.
    pub artifact: ArtifactId,
    /// Its path within the run.
    pub path: String,
}

/// The run ended as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Succeeded {
    /// What the agent says it did.
    pub summary: String,
    /// What shows it.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// The run ended by an error or a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub error: RunError,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// Reason for programs: upper snake case.
    pub reason: String,
    /// What happened and what to do, for people.
    pub message: String,
}

impl RunError {
    /// An error of this reason.
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }
}

impl Event {
    /// The tag that [`Event::to_json`] writes, for a column of its own.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Queued(_) => "queued",
            Self::Started(_) => "started",
            Self::TakenOver(_) => "taken_over",
            Self::ModelCallStarted(_) => "model_call_started",
            Self::ModelCallCompleted(_) => "model_call_completed",
            Self::ModelCallFailed(_) => "model_call_failed",
            Self::ToolCallStarted(_) => "tool_call_started",
            Self::ToolCallCompleted(_) => "tool_call_completed",
            Self::EngineNote(_) => "engine_note",
            Self::Succeeded(_) => "succeeded",
            Self::Failed(_) => "failed",
            Self::CommandDelivered(_) => "command_delivered",
            Self::Paused(_) => "paused",
            Self::Resumed(_) => "resumed",
            Self::Cancelled(_) => "cancelled",
            Self::ApprovalRequested(_) => "approval_requested",
            Self::QuestionAsked(_) => "question_asked",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::ItemDecided(_) => "item_decided",
            Self::TimerSet(_) => "timer_set",
            Self::Steered(_) => "steered",
            Self::Retried(_) => "retried",
            Self::ApprovedByRule(_) => "approved_by_rule",
            Self::ChildrenStarted(_) => "children_started",
            Self::ChildEnded(_) => "child_ended",
            Self::ChildrenCancelled(_) => "children_cancelled",
            Self::QuotaAwaited(_) => "quota_awaited",
            Self::ContextCompacted(_) => "context_compacted",
        }
    }

    /// The step it belongs to; none for events of the run as a whole.
    pub const fn step(&self) -> Option<u32> {
        match self {
            Self::ModelCallStarted(event) => Some(event.step),
            Self::ModelCallCompleted(event) => Some(event.step),
            Self::ModelCallFailed(event) => Some(event.step),
            Self::ToolCallStarted(event) => Some(event.step),
            Self::ToolCallCompleted(event) => Some(event.step),
            Self::EngineNote(event) => Some(event.step),
            Self::Queued(_)
            | Self::Started(_)
            | Self::TakenOver(_)
            | Self::Succeeded(_)
            | Self::Failed(_)
            | Self::CommandDelivered(_)
            | Self::Paused(_)
            | Self::Resumed(_)
            | Self::Cancelled(_)
            | Self::Steered(_)
            | Self::Retried(_)
            | Self::ChildEnded(_)
            | Self::ChildrenCancelled(_)
            | Self::QuotaAwaited(_) => None,
            Self::ApprovalRequested(event) => Some(event.step),
            Self::QuestionAsked(event) => Some(event.step),
            Self::OutcomeUnknown(event) => Some(event.step),
            Self::ItemDecided(event) => Some(event.step),
            Self::TimerSet(event) => Some(event.step),
            Self::ApprovedByRule(event) => Some(event.step),
            Self::ChildrenStarted(event) => Some(event.step),
            Self::ContextCompacted(event) => event.step,
        }
    }
}
