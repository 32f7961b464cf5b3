//! What people say to a run: orders, and decisions on what it asked them. They come through its mailbox, in order.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::event::ChildEnded;
use super::id::{CommandId, InboxItemId, UserId};

/// What a person can order a run to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandKind {
    /// Stop at the next safe point.
    Pause,
    /// Go on after a pause.
    Resume,
    /// End.
    Cancel,
    /// Read something and go on.
    Steer,
    /// Go on after a failure.
    Retry,
}

/// Reason of a model call that was stopped because a person paused the run.
pub const RUN_PAUSED: &str = "RUN_PAUSED";
/// Reason of a model call that was stopped because a person had something to say.
pub const RUN_STEERED: &str = "RUN_STEERED";

/// Whether a model call that failed for this reason was interrupted by a person: no fault of anybody.
pub fn is_interruption(reason: &str) -> bool {
    matches!(reason, RUN_PAUSED | RUN_STEERED)
}

/// What an order says besides its reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Details {
    /// What the agent is to read, of [`CommandKind::Steer`]; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// True when the model call that is under way is not to be waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupt: bool,
}

/// What a person decided about an inbox item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Carry the call out.
    Approve {
        /// Other arguments than the agent's, as a JSON object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arguments_json: Option<String>,
    },
    /// Do not carry it out.
    Reject {
        /// What the agent reads.
        reason: String,
    },
    /// Do not carry it out; a person's words stand for its result.
    Respond {
        /// What the agent reads.
        text: String,
    },
    /// The answer to a question.
    Answer {
        /// One of the choices, or free text.
        text: String,
    },
    /// The call took effect.
    MarkDone {
        /// What the agent reads as its result.
        result: String,
    },
    /// Carry the call out again, under the same idempotency key.
    Retry,
    /// The call counts as failed.
    Fail {
        /// What the agent reads.
        reason: String,
    },
}

/// One letter in a run's mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Place in the mailbox: 1, 2, 3 and so on.
    pub number: i64,
    /// Who sent it.
    pub sender: UserId,
    /// When it was put there.
    pub sent_at: OffsetDateTime,
    /// What it says.
    pub content: LetterContent,
}

/// What a letter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterContent {
    /// An order.
    Command {
        /// Names the order and its receipt.
        command: CommandId,
        /// What is ordered.
        kind: CommandKind,
        /// Why, in the person's words; may be empty.
        reason: String,
        /// What else it says.
        details: Details,
    },
    /// A decision on an inbox item.
    Decision {
        /// The item.
        item: InboxItemId,
        /// What was decided.
        decision: Decision,
    },
    /// A run that work was handed to has ended.
    ChildEnded(Box<ChildEnded>),
}
