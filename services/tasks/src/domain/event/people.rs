//! Records of what a run asks of people, and of what they say to it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::domain::id::{ApprovalRuleId, CommandId, InboxItemId, UserId};
use crate::domain::order::{CommandKind, Decision, Details};

/// The run's worker has read a person's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandDelivered {
    /// The order.
    pub command: CommandId,
    /// What is ordered.
    #[serde(rename = "order")]
    pub kind: CommandKind,
    /// Who gave it.
    pub requester: UserId,
    /// When it was given.
    #[serde(with = "time::serde::rfc3339")]
    pub requested_at: OffsetDateTime,
    /// Why, in that person's words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What else it says.
    #[serde(flatten)]
    pub details: Details,
}

/// What a person said is part of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steered {
    /// The order that said it.
    pub command: CommandId,
    /// Who said it.
    pub requester: UserId,
    /// What the agent reads, as a turn of the person.
    pub text: String,
}

/// A person had the failed run go on, from the step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retried {
    /// The order that did it.
    pub command: CommandId,
    /// Who gave it.
    pub requester: UserId,
    /// When it was given.
    #[serde(with = "time::serde::rfc3339")]
    pub requested_at: OffsetDateTime,
    /// Why, in that person's words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What the agent reads of it; empty where the failure was none of its doing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// The run is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// The order that did it.
    pub command: CommandId,
}

/// The run goes on after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// The order that did it.
    pub command: CommandId,
}

/// A person ended the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// The order that did it.
    pub command: CommandId,
    /// Who gave it.
    pub requester: UserId,
    /// Why, in that person's words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Tools that were under way and whose effect is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub survivors: Vec<String>,
}

/// A tool call waits for a person's approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequested {
    /// What is to be decided.
    pub item: InboxItemId,
    /// Step whose answer asked for the call.
    pub step: u32,
    /// Id of the call, as in its intent.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// Arguments as the model wrote them.
    pub arguments_json: String,
}

/// The agent asked a person something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionAsked {
    /// What is to be answered.
    pub item: InboxItemId,
    /// Step whose answer asked it.
    pub step: u32,
    /// Id of the call.
    pub call_id: String,
    /// The question.
    pub question: String,
    /// Answers to choose from; free text when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// A crash left it unknown what became of a tool call, and a person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeUnknown {
    /// What is to be decided.
    pub item: InboxItemId,
    /// Step whose answer asked for the call.
    pub step: u32,
    /// Id of the call.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// Arguments that it was carried out with.
    pub arguments_json: String,
    /// Attempt whose outcome is unknown.
    pub attempt: u32,
    /// What went wrong; absent in events of releases that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
}

/// Characters of [`Doubt::detail`] that are kept.
const DOUBT_CHARS: usize = 500;

/// Why nobody knows what became of a tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The kind of it.
    pub cause: DoubtCause,
    /// What was seen, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Doubt {
    /// A doubt; 500 characters of the detail are kept.
    pub fn new(cause: DoubtCause, detail: &str) -> Self {
        Self { cause, detail: detail.chars().take(DOUBT_CHARS).collect() }
    }

    /// The worker that carried the call out is gone.
    pub fn worker_lost() -> Self {
        Self::new(DoubtCause::WorkerLost, "")
    }
}

/// Kinds of doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtCause {
    /// The worker that carried the call out died or lost its lease before it had stored an answer.
    WorkerLost,
    /// The connection broke before the answer was whole.
    AnswerLost,
    /// No whole answer came in time.
    TimedOut,
    /// The server was asked what became of the call and could not say.
    QueryUnclear,
    /// An attempt before is in doubt, and this one was surely not sent.
    NotSentAgain,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A standing rule allows a tool call, so nobody is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedByRule {
    /// Step whose answer asked for the call.
    pub step: u32,
    /// Id of the call, as in its intent.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// Arguments as the model wrote them.
    pub arguments_json: String,
    /// The rule.
    pub rule: ApprovalRuleId,
    /// Who made it.
    pub creator: UserId,
}

/// A person decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemDecided {
    /// What it was about.
    pub item: InboxItemId,
    /// Step of the call that it was about.
    pub step: u32,
    /// Id of that call.
    pub call_id: String,
    /// Who decided.
    pub decider: UserId,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub decided_at: OffsetDateTime,
    /// What.
    #[serde(flatten)]
    pub decision: Decision,
}
