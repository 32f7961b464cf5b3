//! How long the conversation is, and how the records that make it shorter change a run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Phase, RunFold};
use crate::domain::compaction::{By, Conversation, Gauge, Window};
use crate::domain::conversation::{FinishReason, Message, Part};
use crate::domain::event::{ContextCompacted, ModelCallCompleted};
use crate::domain::retry;

/// A summary that is committed and not yet in the place of what it sums up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::domain) struct Summary {
    /// `seq` of the last record that it stands for.
    pub(in crate::domain) through_seq: i64,
    /// What the model wrote.
    pub(in crate::domain) text: String,
    /// It was cut at its token limit.
    pub(in crate::domain) cut: bool,
    /// What it cost.
    pub(in crate::domain) cost_nano_usd: Option<i64>,
}

/// True of failures by which a provider calls a prompt too long.
pub(super) fn is_overflow(reason: &str) -> bool {
    reason == retry::TOO_LONG
}

impl RunFold {
    /// The conversation as the model is to read it, with where each turn comes from.
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// Tokens of the prompt that would be sent now.
    pub fn prompt_tokens(&self) -> i64 {
        self.gauge.measure(self.conversation.tokens())
    }

    /// What the model reads and writes in one call, as far as it is known.
    pub fn window(&self) -> Window {
        Window::of(&self.brief.agent, self.refused)
    }

    pub(in crate::domain) fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// Prompts in a row that the provider called too long.
    pub(in crate::domain) fn overflows(&self) -> u32 {
        self.overflows
    }

    /// True when the last call failed because its prompt was too long.
    pub(in crate::domain) fn overflowed(&self) -> bool {
        matches!(&self.phase, Phase::CallFailed { error, compacts: None, .. } if is_overflow(&error.reason))
    }

    /// The record that is being taken in adds a turn.
    pub(super) fn say(&mut self, by: By, message: Message) {
        self.conversation.push(self.head_seq + 1, by, Arc::new(message));
    }

    /// The provider called the prompt too long, so the window is no larger than that.
    pub(super) fn note_overflow(&mut self) {
        let tokens = self.prompt_tokens();
        self.refused = Some(self.refused.map_or(tokens, |refused| refused.min(tokens)));
        self.overflows += 1;
    }

    /// A summary is no turn: it is asked for again if there is nothing in it.
    pub(super) fn take_summary(&mut self, through_seq: i64, completed: &ModelCallCompleted) {
        let texts = completed.message.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        let text = texts.collect::<Vec<_>>().join("\n\n").trim().to_owned();
        if text.is_empty() || completed.finish_reason == FinishReason::ContentFilter {
            self.idle_answers += 1;
            self.phase = Phase::Ready;
            return;
        }
        self.phase = Phase::Summarised(Summary {
            through_seq,
            text,
            cut: completed.finish_reason == FinishReason::Length,
            cost_nano_usd: completed.cost_nano_usd,
        });
    }

    /// What takes the place of turns and answers; the next step begins behind it.
    pub(super) fn compact(&mut self, compacted: &ContextCompacted) -> Result<(), String> {
        match (&self.phase, compacted.step) {
            (Phase::Summarised(summary), Some(step)) => {
                if (step, compacted.last_seq) != (self.steps, summary.through_seq) {
                    return Err(format!(
                        "the summary is of step {} and stands for records up to {}",
                        self.steps, summary.through_seq
                    ));
                }
                if compacted.text.is_empty() {
                    return Err("nothing takes the place of what was summed up".into());
                }
            }
            (_, Some(_)) => return Err("there is no summary".into()),
            (_, None) if !compacted.text.is_empty() || compacted.shortened.is_empty() => {
                return Err("without a summary, answers of tools are all that is shortened".into());
            }
            (Phase::Ready, None) => {}
            (Phase::Answered(answer), None) if answer.settled() => {}
            (_, None) if self.overflowed() => {}
            _ => return Err("the conversation is in the middle of a turn".into()),
        }
        self.conversation = self.shorter(compacted)?;
        self.phase = Phase::Ready;
        Ok(())
    }

    fn shorter(&self, compacted: &ContextCompacted) -> Result<Conversation, String> {
        let mut shorter = self.conversation.clone();
        for result in &compacted.shortened {
            shorter.shorten(result.seq, &result.call_id, &result.text)?;
        }
        if compacted.step.is_some() {
            shorter.replace(compacted.first_seq, compacted.last_seq, &compacted.text)?;
        }
        Ok(shorter)
    }

    /// Tokens of the prompt once this has taken its place; those of now if it cannot.
    pub(in crate::domain) fn prompt_tokens_after(&self, compacted: &ContextCompacted) -> i64 {
        self.shorter(compacted).map_or_else(|_| self.prompt_tokens(), |it| self.gauge.measure(it.tokens()))
    }
}
