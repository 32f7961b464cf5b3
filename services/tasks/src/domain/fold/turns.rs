//! How the records of model calls and notes change a run, and which of them cannot happen.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::calls::{Answer, Call, CallState};
use super::context::is_overflow;
use super::{Phase, RunFold};
use crate::domain::compaction::By;
use crate::domain::conversation::{FinishReason, Message, Part, Role};
use crate::domain::event::{EngineNote, ModelCallCompleted, ModelCallFailed, ModelCallStarted, NoteReason};
use crate::domain::order::is_interruption;

impl RunFold {
    pub(super) fn begin_call(
        &mut self,
        started: &ModelCallStarted,
        at: OffsetDateTime,
    ) -> Result<(), String> {
        let compacts = started.compacts_through;
        let (step, attempt) = match &self.phase {
            Phase::Ready => (self.steps + 1, 1),
            Phase::Answered(answer) if answer.settled() => (self.steps + 1, 1),
            Phase::CallFailed { attempt, retry_at: Some(_), compacts: before, .. }
                if before.is_some() == compacts.is_some() =>
            {
                (self.steps, attempt + 1)
            }
            Phase::CallFailed { compacts: None, .. } if compacts.is_some() && self.overflowed() => {
                (self.steps + 1, 1)
            }
            Phase::CallFailed { .. } => return Err("the last call failed for good".into()),
            Phase::Calling { .. } => return Err("another model call is under way".into()),
            _ => return Err("the last answer's calls are not settled".into()),
        };
        if (started.step, started.attempt) != (step, attempt) {
            return Err(format!(
                "step {} attempt {} where step {step} attempt {attempt} is next",
                started.step, started.attempt
            ));
        }
        if let Some(through) = compacts {
            self.conversation.up_to(through)?;
        }
        self.steps = step;
        self.quota_until = None;
        if attempt == 1 {
            self.forgiven = 0;
        }
        self.phase = Phase::Calling { attempt, since: at, compacts };
        Ok(())
    }

    /// What the open call sums up, if it does, and if `step` and `attempt` are its own.
    fn open_call(&self, step: u32, attempt: u32) -> Result<Option<i64>, String> {
        match &self.phase {
            Phase::Calling { attempt: open, compacts, .. } if (self.steps, *open) == (step, attempt) => {
                Ok(*compacts)
            }
            _ => Err(format!("no call of step {step} attempt {attempt} is under way")),
        }
    }

    pub(super) fn take_answer(&mut self, completed: &ModelCallCompleted) -> Result<(), String> {
        let compacts = self.open_call(completed.step, completed.attempt)?;
        let usage = &completed.usage;
        self.totals.charge(usage.total_tokens(), completed.cost_nano_usd, usage.estimated);
        if let Some(through_seq) = compacts {
            self.take_summary(through_seq, completed);
            return Ok(());
        }
        self.gauge.observe(usage, self.conversation.tokens());
        self.overflows = 0;
        let message = normalised(completed.step, &completed.message);
        let calls: Vec<Call> =
            message.tool_calls().cloned().map(|call| Call { call, state: CallState::Asked }).collect();
        let blank = message.is_blank();
        if calls.is_empty() || completed.finish_reason == FinishReason::Length {
            self.idle_answers += 1;
        } else {
            self.idle_answers = 0;
        }
        // Providers refuse an assistant turn without content; the note that follows says that it was empty.
        if !blank {
            self.say(By::Agent, sendable(message));
        }
        self.phase = Phase::Answered(Answer {
            attempt: completed.attempt,
            finish_reason: completed.finish_reason,
            blank,
            calls,
            noted: false,
        });
        Ok(())
    }

    pub(super) fn fail_call(&mut self, failed: &ModelCallFailed) -> Result<(), String> {
        let compacts = self.open_call(failed.step, failed.attempt)?;
        if failed.maybe_billed {
            self.totals.charge(failed.total_tokens, failed.cost_nano_usd, failed.cost_estimated);
        }
        if is_interruption(&failed.error.reason) {
            self.forgiven += 1;
        }
        if compacts.is_none() && is_overflow(&failed.error.reason) {
            self.note_overflow();
        }
        self.phase = Phase::CallFailed {
            attempt: failed.attempt,
            error: failed.error.clone(),
            retry_at: failed.retry_at,
            compacts,
        };
        Ok(())
    }

    pub(super) fn take_note(&mut self, note: &EngineNote) -> Result<(), String> {
        let steps = self.steps;
        let Phase::Answered(answer) = &mut self.phase else {
            return Err("there is no answer to remark on".into());
        };
        if note.step != steps {
            return Err(format!("step {} is not the present one, {steps}", note.step));
        }
        if !answer.settled() {
            return Err("the answer's calls are not settled".into());
        }
        if answer.noted {
            return Err(format!("the answer of step {steps} has its note already"));
        }
        answer.noted = true;
        if note.reason == NoteReason::RepeatedCall {
            self.repeats.warn();
        }
        self.say(By::Engine, Message::user(note.text.as_str()));
        Ok(())
    }
}

/// The answer as an assistant turn in which every call has an id of its own. Some servers leave ids empty or give two
/// calls the same; results could then not be told apart. The journal keeps the answer as it came.
fn normalised(step: u32, message: &Message) -> Message {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut parts = message.parts.clone();
    for part in &mut parts {
        if let Part::ToolCall(call) = part {
            let mut number = taken.len();
            while call.id.is_empty() || taken.contains(&call.id) {
                call.id = format!("call_{step}_{number}");
                number += 1;
            }
            taken.insert(call.id.clone());
        }
    }
    Message { role: Role::Assistant, parts }
}

/// The turn as providers take it back. Arguments that are no JSON object would make most of them refuse the whole
/// conversation, so these go back as `{}`; the tool's answer quotes what was written.
fn sendable(mut message: Message) -> Message {
    for part in &mut message.parts {
        if let Part::ToolCall(call) = part
            && serde_json::from_str::<serde_json::Map<_, _>>(&call.arguments_json).is_err()
        {
            "{}".clone_into(&mut call.arguments_json);
        }
    }
    message
}
