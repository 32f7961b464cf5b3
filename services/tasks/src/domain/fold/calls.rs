//! The calls of an answer: how far each has come, and how the records of their intents and results change a run.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::children::Delegated;
use super::waits::Timer;
use super::{Phase, RunFold, WaitReason};
use crate::domain::compaction::By;
use crate::domain::conversation::{FinishReason, Message, Part, Role, ToolCall, ToolResult};
use crate::domain::event::{EffectClass, ToolCallCompleted, ToolCallStarted};
use crate::domain::id::InboxItemId;
use crate::domain::order::Decision;
use crate::domain::tool::Tool;

/// An answer and what has become of its calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::domain) struct Answer {
    /// Attempt at the step that brought it.
    pub(in crate::domain) attempt: u32,
    pub(in crate::domain) finish_reason: FinishReason,
    /// No text but blanks, and no call.
    pub(in crate::domain) blank: bool,
    pub(in crate::domain) calls: Vec<Call>,
    pub(in crate::domain) noted: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::domain) struct Call {
    pub(in crate::domain) call: ToolCall,
    pub(in crate::domain) state: CallState,
}

/// How far a call has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::domain) enum CallState {
    /// The model asked for it.
    Asked,
    /// A person is asked.
    Awaiting { item: InboxItemId, subject: Subject },
    /// A person has decided, and it has not been acted on; with the intent that was in doubt, if that was the question.
    Decided { decision: Decision, intent: Option<Intent> },
    /// Its intent is committed.
    Open(Intent),
    /// It is itself a wait, and its timer runs.
    Timed(Timer),
    /// It handed work to others.
    Delegated(Delegated),
    /// Its result is committed.
    Done(ToolResult),
}

/// What a person is asked about a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::domain) enum Subject {
    /// Whether it may be carried out.
    Approval,
    /// It is itself a question.
    Question,
    /// What became of this.
    Outcome(Intent),
}

impl Subject {
    pub(super) const fn reason(&self) -> WaitReason {
        match self {
            Self::Approval => WaitReason::Approval,
            Self::Question => WaitReason::Input,
            Self::Outcome(_) => WaitReason::Outcome,
        }
    }
}

/// A committed intent to carry a call out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::domain) struct Intent {
    pub(in crate::domain) effect_class: EffectClass,
    pub(in crate::domain) idempotency_key: String,
    pub(in crate::domain) arguments_json: String,
    pub(in crate::domain) attempt: u32,
    pub(in crate::domain) since: OffsetDateTime,
}

impl Call {
    /// The inbox item that it waits for.
    pub(in crate::domain) fn awaited(&self) -> Option<InboxItemId> {
        match &self.state {
            CallState::Awaiting { item, .. } => Some(*item),
            _ => None,
        }
    }
}

impl Answer {
    /// True when every call has its result; so it is when there is none.
    pub(in crate::domain) fn settled(&self) -> bool {
        self.calls.iter().all(|call| matches!(call.state, CallState::Done(_)))
    }

    /// What it waits for, if nothing can be done about it for now. `finish` comes last, so it does not count.
    pub(in crate::domain) fn waits_for(&self) -> Option<WaitReason> {
        let mut reasons = Vec::new();
        for call in &self.calls {
            match &call.state {
                CallState::Awaiting { subject, .. } => reasons.push(subject.reason()),
                CallState::Timed(_) => reasons.push(WaitReason::Timer),
                CallState::Delegated(delegated) if !delegated.is_over() => reasons.push(WaitReason::Child),
                CallState::Done(_) => {}
                CallState::Asked if call.call.tool == Tool::Finish.name() => {}
                CallState::Asked
                | CallState::Decided { .. }
                | CallState::Open(_)
                | CallState::Delegated(_) => return None,
            }
        }
        reasons.into_iter().min()
    }

    /// True when a call is under way, or waited for.
    pub(super) fn is_busy(&self) -> bool {
        let is_busy = |state: &CallState| {
            matches!(
                state,
                CallState::Open(_)
                    | CallState::Awaiting { .. }
                    | CallState::Timed(_)
                    | CallState::Delegated(_)
            )
        };
        self.calls.iter().any(|call| is_busy(&call.state))
    }
}

impl RunFold {
    /// The call that an event speaks of.
    pub(super) fn call_mut(&mut self, step: u32, call_id: &str) -> Result<&mut Call, String> {
        let steps = self.steps;
        let Phase::Answered(answer) = &mut self.phase else {
            return Err("no answer has asked for tools".into());
        };
        if step != steps {
            return Err(format!("step {step} is not the present one, {steps}"));
        }
        answer
            .calls
            .iter_mut()
            .find(|call| call.call.id == call_id)
            .ok_or_else(|| format!("the answer of step {step} holds no call `{call_id}`"))
    }

    pub(super) fn begin_tool(&mut self, started: &ToolCallStarted, at: OffsetDateTime) -> Result<(), String> {
        let id = &started.call_id;
        let call = self.call_mut(started.step, id)?;
        if call.call.tool != started.tool {
            return Err(format!("call `{id}` is of `{}`, not of `{}`", call.call.tool, started.tool));
        }
        let (arguments, attempt) = match &call.state {
            CallState::Asked => (&call.call.arguments_json, 1),
            CallState::Decided { decision: Decision::Approve { arguments_json }, .. } => {
                (arguments_json.as_ref().unwrap_or(&call.call.arguments_json), 1)
            }
            CallState::Decided { decision: Decision::Retry, intent: Some(intent) } => {
                if intent.idempotency_key != started.idempotency_key {
                    return Err(format!("call `{id}` is tried again under another key"));
                }
                (&intent.arguments_json, intent.attempt + 1)
            }
            CallState::Awaiting { .. } => return Err(format!("call `{id}` waits for a person")),
            CallState::Decided { .. } => return Err(format!("a person decided otherwise on call `{id}`")),
            CallState::Open(_) | CallState::Timed(_) | CallState::Delegated(_) | CallState::Done(_) => {
                return Err(format!("call `{id}` has an intent already"));
            }
        };
        if *arguments != started.arguments_json {
            return Err(format!("call `{id}` was asked for with other arguments"));
        }
        if attempt != started.attempt {
            return Err(format!("attempt {} of call `{id}` where {attempt} is next", started.attempt));
        }
        call.state = CallState::Open(Intent {
            effect_class: started.effect_class,
            idempotency_key: started.idempotency_key.clone(),
            arguments_json: started.arguments_json.clone(),
            attempt: started.attempt,
            since: at,
        });
        Ok(())
    }

    /// A result follows an intent, a timer, the end of what others do, or a decision by which nothing is carried out.
    pub(super) fn take_result(&mut self, completed: &ToolCallCompleted) -> Result<(), String> {
        let id = &completed.call_id;
        let call = self.call_mut(completed.step, id)?;
        if call.call.tool != completed.tool {
            return Err(format!("call `{id}` is of `{}`, not of `{}`", call.call.tool, completed.tool));
        }
        match &call.state {
            CallState::Decided { decision: Decision::Approve { .. } | Decision::Retry, .. } => {
                return Err(format!("call `{id}` is to be carried out first"));
            }
            CallState::Delegated(delegated) if !delegated.is_over() => {
                return Err(format!("call `{id}` waits for others"));
            }
            CallState::Open(_)
            | CallState::Timed(_)
            | CallState::Delegated(_)
            | CallState::Decided { .. } => {}
            _ => return Err(format!("call `{id}` has no open intent")),
        }
        call.state = CallState::Done(ToolResult {
            call_id: completed.call_id.clone(),
            content: completed.content.clone(),
            is_error: completed.is_error,
        });
        if let Some(artifact) = &completed.artifact {
            self.artifacts.insert(artifact.path.clone(), artifact.artifact);
        }
        self.close_turn();
        Ok(())
    }

    /// Once the last result is in, the model's next turn begins with all of them, in the order of its calls.
    fn close_turn(&mut self) {
        let Phase::Answered(answer) = &self.phase else { return };
        if !answer.settled() {
            return;
        }
        let answered: Vec<(&ToolCall, &ToolResult)> = answer
            .calls
            .iter()
            .filter_map(|call| match &call.state {
                CallState::Done(result) => Some((&call.call, result)),
                _ => None,
            })
            .collect();
        self.repeats.observe(answered.iter().copied());
        let parts = answered.into_iter().map(|(_, result)| Part::ToolResult(result.clone())).collect();
        self.say(By::Tools, Message { role: Role::Tool, parts });
    }
}
