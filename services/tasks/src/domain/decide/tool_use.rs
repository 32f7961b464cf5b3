//! A tool call to be carried out, and the records of what came of it.

use time::{Duration, OffsetDateTime};

use super::ask::{Ask, AskKind};
use crate::domain::arguments::Arguments;
use crate::domain::event::{ArtifactRef, Doubt, EffectClass, Event, ToolCallCompleted};
use crate::domain::prompt;
use crate::domain::tool::Tool;

/// A tool call to be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUse {
    /// Step whose answer asked for it.
    pub step: u32,
    /// Id of the call.
    pub call_id: String,
    /// The tool.
    pub tool: Tool,
    /// What it is asked for.
    pub arguments: Arguments,
    /// The same as it is journalled.
    pub arguments_json: String,
    /// True when a person changed the arguments; the result tells the agent so.
    pub edited: bool,
    /// What may be done if the outcome gets lost.
    pub effect_class: EffectClass,
    /// Attempt at the call, from 1.
    pub attempt: u32,
    /// True when a worker that is gone may have carried it out, and the outcome can be asked for: ask before anything else.
    pub query_first: bool,
    /// True when it may have been carried out before: by a worker that is gone, or in an attempt whose outcome is unknown.
    pub maybe_done: bool,
    /// Names this use for ever.
    pub idempotency_key: String,
    /// To be committed before the call; none when it was before.
    pub intent: Option<Event>,
    /// When the run's time is up.
    pub deadline: Option<OffsetDateTime>,
    /// How long the call may take.
    pub time_limit: Duration,
}

impl ToolUse {
    /// The record of its result.
    pub fn completed(
        &self,
        content: String,
        is_error: bool,
        artifact: Option<ArtifactRef>,
        duration_ms: u64,
    ) -> Event {
        let content = if self.edited { prompt::edited(&self.arguments_json) + &content } else { content };
        Event::ToolCallCompleted(ToolCallCompleted {
            step: self.step,
            call_id: self.call_id.clone(),
            tool: self.tool.name().to_owned(),
            content,
            is_error,
            artifact,
            duration_ms,
        })
    }

    /// What is asked of people when nobody can tell what came of it, and why nobody can.
    pub fn in_doubt(&self, doubt: Doubt) -> Ask {
        Ask {
            step: self.step,
            call_id: self.call_id.clone(),
            kind: AskKind::Outcome {
                tool: self.tool.name().to_owned(),
                arguments_json: self.arguments_json.clone(),
                effect_class: self.effect_class,
                attempt: self.attempt,
                doubt,
            },
        }
    }
}
