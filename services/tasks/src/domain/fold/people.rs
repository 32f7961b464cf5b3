//! How people's orders and decisions change a run, and which of them cannot happen.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::calls::{Call, CallState, Subject};
use super::{Phase, RunFold};
use crate::domain::brief::ToolPolicy;
use crate::domain::compaction::By;
use crate::domain::conversation::{FinishReason, Message};
use crate::domain::event::{
    ApprovalRequested, ApprovedByRule, Cancelled, CommandDelivered, EffectClass, ItemDecided, OutcomeUnknown,
    Paused, QuestionAsked, Resumed, Steered,
};
use crate::domain::id::{CommandId, InboxItemId};
use crate::domain::order::{CommandKind, Decision};
use crate::domain::tool::Tool;

/// Orders that the run has read, and what has come of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::domain) struct Orders {
    delivered: BTreeSet<CommandId>,
    /// Read, and to take effect at the next safe point; and whether the model call under way is not waited for.
    pausing: Option<(CommandId, bool)>,
    paused: Option<CommandId>,
    /// Read while the run is paused, which ends with it.
    resuming: Option<CommandId>,
    cancelling: Option<CommandDelivered>,
    /// Read, and to be said at the next safe point, in this order.
    steering: VecDeque<CommandDelivered>,
}

impl Orders {
    /// The pause that is to take effect.
    pub(in crate::domain) fn pausing(&self) -> Option<CommandId> {
        self.pausing.map(|(command, _)| command)
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

    /// What people have said and the agent has yet to read, in order.
    pub(in crate::domain) fn steering(&self) -> &VecDeque<CommandDelivered> {
        &self.steering
    }

    /// What the model call that is under way is to be stopped for.
    fn interrupting(&self) -> Option<CommandKind> {
        if self.paused.is_some() || self.cancelling.is_some() {
            return None;
        }
        let speaks_up = self.steering.iter().any(|said| said.details.interrupt);
        let pauses = self.pausing.is_some_and(|(_, interrupt)| interrupt);
        speaks_up.then_some(CommandKind::Steer).or(pauses.then_some(CommandKind::Pause))
    }

    /// What was ordered before a run failed was settled by its end; what is ordered now is new.
    pub(super) fn begin_anew(&mut self, retry: CommandId) -> Result<(), String> {
        if !self.delivered.insert(retry) {
            return Err(format!("order {retry} was delivered before"));
        }
        *self = Self { delivered: std::mem::take(&mut self.delivered), ..Self::default() };
        Ok(())
    }

    pub(super) fn deliver(&mut self, delivered: &CommandDelivered) -> Result<(), String> {
        if !self.delivered.insert(delivered.command) {
            return Err(format!("order {} was delivered before", delivered.command));
        }
        match delivered.kind {
            // One that does not wait takes the place of one that does.
            CommandKind::Pause
                if self.paused.is_none()
                    && self.pausing.is_none_or(|(_, at_once)| delivered.details.interrupt && !at_once) =>
            {
                self.pausing = Some((delivered.command, delivered.details.interrupt));
            }
            // Asked for twice: the first one does it. And nothing follows from a retry of what has not failed.
            CommandKind::Pause | CommandKind::Retry => {}
            CommandKind::Resume if self.paused.is_some() => self.resuming = Some(delivered.command),
            CommandKind::Resume => self.pausing = None,
            CommandKind::Cancel => {
                self.cancelling.get_or_insert_with(|| delivered.clone());
            }
            CommandKind::Steer => self.steering.push_back(delivered.clone()),
        }
        Ok(())
    }

    pub(super) fn pause(&mut self, paused: &Paused) -> Result<(), String> {
        if self.pausing() != Some(paused.command) {
            return Err(format!("order {} is no pause to take effect", paused.command));
        }
        (self.paused, self.pausing) = (self.pausing(), None);
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
    /// Whether this is a safe point to say something: the conversation ends with whole turns, and the model is asked next.
    pub(in crate::domain) fn listens(&self) -> bool {
        let between_turns = match &self.phase {
            Phase::Ready | Phase::CallFailed { retry_at: Some(_), .. } => true,
            Phase::Answered(answer) => {
                answer.settled() && answer.finish_reason != FinishReason::ContentFilter
            }
            _ => false,
        };
        between_turns && self.orders.paused.is_none()
    }

    /// The order for which the model call that is under way is to be stopped, if there is one.
    pub fn interruption(&self) -> Option<CommandKind> {
        let calling = matches!(self.phase, Phase::Calling { .. });
        self.orders.interrupting().filter(|_| calling)
    }

    /// Whatever the agent had been doing over and over, now it knows something new.
    pub(super) fn steer(&mut self, steered: &Steered) -> Result<(), String> {
        let next = self.orders.steering.front();
        if next.is_none_or(|next| (next.command, &next.details.text) != (steered.command, &steered.text)) {
            return Err(format!("order {} is not what is to be said next", steered.command));
        }
        if !self.listens() {
            return Err("the conversation is in the middle of a turn".into());
        }
        self.orders.steering.pop_front();
        self.say(By::Person, Message::user(steered.text.as_str()));
        self.idle_answers = 0;
        self.repeats.forgive();
        Ok(())
    }

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

    /// A rule stands for a person's approval, and only where one is asked for: it never goes beyond the grant.
    pub(super) fn approve_by_rule(&mut self, approved: &ApprovedByRule) -> Result<(), String> {
        let policy = Tool::named(&approved.tool).and_then(|tool| self.brief.agent.policy(tool));
        if policy != Some(ToolPolicy::Ask) {
            return Err(format!("nobody is asked about calls of `{}`", approved.tool));
        }
        let call = self.call_mut(approved.step, &approved.call_id)?;
        if call.call.tool != approved.tool || call.call.arguments_json != approved.arguments_json {
            return Err(format!("call `{}` was asked for otherwise", approved.call_id));
        }
        if call.state != CallState::Asked {
            return Err(format!("call `{}` has been decided on", approved.call_id));
        }
        let decision = Decision::Approve { arguments_json: None };
        call.state = CallState::Decided { decision, intent: None };
        Ok(())
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
            (
                Subject::Approval,
                Decision::Approve { .. } | Decision::Reject { .. } | Decision::Respond { .. },
            )
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
