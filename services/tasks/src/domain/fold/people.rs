//! How people's orders and decisions change a run, and which of them cannot happen.

use std::collections::BTreeSet;

use super::calls::{Call, CallState, Subject};
use super::{Phase, RunFold};
use crate::domain::event::{
    ApprovalRequested, Cancelled, CommandDelivered, EffectClass, ItemDecided, OutcomeUnknown, Paused,
    QuestionAsked, Resumed,
};
use crate::domain::id::{CommandId, InboxItemId};
use crate::domain::order::{CommandKind, Decision};

/// Orders that the run has read, and what has come of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::domain) struct Orders {
    delivered: BTreeSet<CommandId>,
    /// Read, and to take effect at the next safe point.
    pausing: Option<CommandId>,
    paused: Option<CommandId>,
    /// Read while the run is paused, which ends with it.
    resuming: Option<CommandId>,
    cancelling: Option<CommandDelivered>,
}

impl Orders {
    /// The pause that is to take effect.
    pub(in crate::domain) fn pausing(&self) -> Option<CommandId> {
        self.pausing
    }

    /// The pause that is in effect.
    pub(in crate::domain) fn paused(&self) -> Option<CommandId> {
        self.paused
    }

    /// The resumption that is to take effect.
    pub(in crate::domain) fn resuming(&self) -> Option<CommandId> {
        self.resuming
    }

    /// The first order to end.
    pub(in crate::domain) fn cancelling(&self) -> Option<&CommandDelivered> {
        self.cancelling.as_ref()
    }

    pub(super) fn deliver(&mut self, delivered: &CommandDelivered) -> Result<(), String> {
        if !self.delivered.insert(delivered.command) {
            return Err(format!("order {} was delivered before", delivered.command));
        }
        match delivered.kind {
            CommandKind::Pause if self.paused.is_none() && self.pausing.is_none() => {
                self.pausing = Some(delivered.command);
            }
            // Asked for twice: the first one does it.
            CommandKind::Pause => {}
            CommandKind::Resume if self.paused.is_some() => self.resuming = Some(delivered.command),
            CommandKind::Resume => self.pausing = None,
            CommandKind::Cancel => {
                self.cancelling.get_or_insert_with(|| delivered.clone());
            }
        }
        Ok(())
    }

    pub(super) fn pause(&mut self, paused: &Paused) -> Result<(), String> {
        if self.pausing != Some(paused.command) {
            return Err(format!("order {} is no pause to take effect", paused.command));
        }
        self.paused = self.pausing.take();
        Ok(())
    }

    pub(super) fn resume(&mut self, resumed: &Resumed) -> Result<(), String> {
        if self.resuming != Some(resumed.command) {
            return Err(format!("order {} is no resumption to take effect", resumed.command));
        }
        (self.paused, self.resuming) = (None, None);
        Ok(())
    }

    pub(super) fn check_cancel(&self, cancelled: &Cancelled) -> Result<(), String> {
        match &self.cancelling {
            Some(delivered) if delivered.command == cancelled.command => Ok(()),
            _ => Err(format!("order {} is no cancellation to take effect", cancelled.command)),
        }
    }
}

impl RunFold {
    /// Two calls cannot wait for the same inbox item: a decision would not say which of them it is about.
    fn check_new(&self, item: InboxItemId) -> Result<(), String> {
        let Phase::Answered(answer) = &self.phase else { return Ok(()) };
        if answer.calls.iter().any(|call| call.awaited() == Some(item)) {
            return Err(format!("inbox item {item} is open for another call"));
        }
        Ok(())
    }

    pub(super) fn ask_approval(&mut self, asked: &ApprovalRequested) -> Result<(), String> {
        self.check_new(asked.item)?;
        let call = self.call_mut(asked.step, &asked.call_id)?;
        if call.call.tool != asked.tool || call.call.arguments_json != asked.arguments_json {
            return Err(format!("call `{}` was asked for otherwise", asked.call_id));
        }
        call.ask_first(asked.item, Subject::Approval)
    }

    pub(super) fn ask_question(&mut self, asked: &QuestionAsked) -> Result<(), String> {
        self.check_new(asked.item)?;
        self.call_mut(asked.step, &asked.call_id)?.ask_first(asked.item, Subject::Question)
    }

    pub(super) fn ask_outcome(&mut self, asked: &OutcomeUnknown) -> Result<(), String> {
        self.check_new(asked.item)?;
        let call = self.call_mut(asked.step, &asked.call_id)?;
        let CallState::Open(intent) = &call.state else {
            return Err(format!("call `{}` has no open intent", asked.call_id));
        };
        if call.call.tool != asked.tool || intent.arguments_json != asked.arguments_json {
            return Err(format!("call `{}` was carried out otherwise", asked.call_id));
        }
        if intent.attempt != asked.attempt {
            return Err(format!("attempt {} is under way, not {}", intent.attempt, asked.attempt));
        }
        if intent.effect_class == EffectClass::Pure {
            return Err(format!("call `{}` has no effect that could be in doubt", asked.call_id));
        }
        let subject = Subject::Outcome(intent.clone());
        call.state = CallState::Awaiting { item: asked.item, subject };
        Ok(())
    }

    pub(super) fn take_decision(&mut self, decided: &ItemDecided) -> Result<(), String> {
        let call = self.call_mut(decided.step, &decided.call_id)?;
        let CallState::Awaiting { item, subject } = &call.state else {
            return Err(format!("nobody is asked about call `{}`", decided.call_id));
        };
        if *item != decided.item {
            return Err(format!("people are asked about it by {item}, not by {}", decided.item));
        }
        let intent = match (subject, &decided.decision) {
            (Subject::Approval, Decision::Approve { .. } | Decision::Reject { .. })
            | (Subject::Question, Decision::Answer { .. }) => None,
            (
                Subject::Outcome(intent),
                Decision::MarkDone { .. } | Decision::Retry | Decision::Fail { .. },
            ) => Some(intent.clone()),
            _ => return Err("the decision does not answer what was asked".into()),
        };
        call.state = CallState::Decided { decision: decided.decision.clone(), intent };
        Ok(())
    }
}

impl Call {
    /// Asks about a call of which nothing has been done.
    fn ask_first(&mut self, item: InboxItemId, subject: Subject) -> Result<(), String> {
        if self.state != CallState::Asked {
            return Err(format!("call `{}` has been decided on", self.call.id));
        }
        self.state = CallState::Awaiting { item, subject };
        Ok(())
    }
}
