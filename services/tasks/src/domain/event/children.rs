//! Records of the work that a run hands to others, and of what becomes of it.

use serde::{Deserialize, Serialize};

use super::{ArtifactRef, RunError};
use crate::domain::id::{AgentId, CommandId, RunId, TaskId};

/// The agent handed work to others. Their runs were made in the transaction of this record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildrenStarted {
    /// Step whose answer asked for it.
    pub step: u32,
    /// Id of the call in that answer.
    pub call_id: String,
    /// The runs, in the order in which the agent asked for them.
    pub children: Vec<ChildStarted>,
    /// What is waited for.
    pub wait: ChildWait,
    /// With [`ChildWait::Any`]: the others go on when one has succeeded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leave_others: bool,
}

/// A run that work was handed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildStarted {
    /// The run.
    pub run: RunId,
    /// The task that was made for it.
    pub task: TaskId,
    /// What the agent that delegates calls its teammate.
    pub teammate: String,
    /// Title of the task.
    pub title: String,
    /// The agent that does it.
    pub agent: AgentId,
    /// The agent's version.
    pub agent_version: i32,
    /// Tokens that it may use; none for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<i64>,
    /// What it may cost in nano US dollars; none for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_nano_usd: Option<i64>,
}

/// What an agent waits for that handed work to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildWait {
    /// The end of each of them.
    All,
    /// The first that succeeds, or the end of all where none does.
    Any,
}

/// A run that work was handed to has ended. It is also what that run's worker puts into the mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildEnded {
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub end: ChildEnd,
    /// What its agent said when it finished; empty unless it succeeded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Why it failed; or, with the reason `RUN_CANCELLED`, why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// Model calls that it made.
    #[serde(default)]
    pub steps: u32,
    /// Tokens in and out, those of its own children included.
    #[serde(default)]
    pub total_tokens: i64,
    /// Sum of the known costs, likewise, in nano US dollars.
    #[serde(default)]
    pub cost_nano_usd: i64,
    /// Of these, what is estimated.
    #[serde(default)]
    pub estimated_cost_nano_usd: i64,
    /// Model calls whose cost is unknown.
    #[serde(default)]
    pub unpriced_calls: u32,
    /// Files that it wrote, by path, the newest of each; the first [`MAX_ARTIFACTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ArtifactRef>,
    /// Files that it wrote besides.
    #[serde(default)]
    pub more_artifacts: u32,
}

/// Files of a child that are named to its parent.
pub const MAX_ARTIFACTS: usize = 20;
/// Characters of a child's summary, or of its error's message, that its parent reads.
pub const MAX_CHILD_TEXT_CHARS: usize = 4_000;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildEnd {
    /// As it should.
    Succeeded,
    /// By an error or a limit.
    Failed,
    /// By an order.
    Cancelled,
}

/// Runs that work was handed to were ordered to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildrenCancelled {
    /// The orders.
    pub children: Vec<ChildCancelled>,
    /// Why.
    pub cause: ChildCancelCause,
}

/// An order to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildCancelled {
    /// The run that is to end.
    pub run: RunId,
    /// The order in its mailbox.
    pub command: CommandId,
}

/// Why children are ordered to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildCancelCause {
    /// Another one succeeded, which is what was waited for.
    NotNeeded,
    /// The run that handed the work over was cancelled.
    ParentCancelled,
    /// It failed.
    ParentFailed,
}

impl ChildCancelCause {
    /// What the child's order gives for a reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotNeeded => {
                "Another run did what this one was to do: the agent that handed the work over needs no more."
            }
            Self::ParentCancelled => "The run that handed this work over was cancelled.",
            Self::ParentFailed => "The run that handed this work over failed.",
        }
    }
}
