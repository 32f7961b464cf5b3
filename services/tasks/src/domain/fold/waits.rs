//! What a run waits for by itself, and until when: timers, a provider's quota, its scheduled start.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::calls::{Answer, CallState};
use super::{Phase, RunFold};
use crate::domain::event::{QuotaAwaited, TimerSet};
use crate::domain::order::Decision;
use crate::domain::tool::Tool;

/// A timer that an agent has set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::domain) struct Timer {
    /// When it was set.
    pub(in crate::domain) since: OffsetDateTime,
    /// When it is due.
    pub(in crate::domain) wake_at: OffsetDateTime,
    /// The arguments that a person put in place of the agent's.
    pub(in crate::domain) edited: Option<String>,
}

impl Answer {
    /// When the first of its timers is due.
    fn wake_at(&self) -> Option<OffsetDateTime> {
        let timers = self.calls.iter().filter_map(|call| match &call.state {
            CallState::Timed(timer) => Some(timer.wake_at),
            _ => None,
        });
        timers.min()
    }
}

impl RunFold {
    /// When there is something to do that nobody else has to bring about: the scheduled start, another attempt, a timer.
    /// None if there is no such time; it may be past. A run that is paused or has ended waits for no time.
    pub fn wake_at(&self) -> Option<OffsetDateTime> {
        if self.orders.paused().is_some() || self.state().is_terminal() {
            return None;
        }
        if let Some(until) = self.quota_until {
            return Some(until);
        }
        match &self.phase {
            Phase::Queued => self.start_at,
            Phase::CallFailed { retry_at, .. } => *retry_at,
            Phase::Answered(answer) => answer.wake_at(),
            _ => None,
        }
    }

    /// When it is to start; none for at once.
    pub fn start_at(&self) -> Option<OffsetDateTime> {
        self.start_at
    }

    pub(super) fn await_quota(&mut self, awaited: &QuotaAwaited) -> Result<(), String> {
        let calls_next = match &self.phase {
            Phase::Ready | Phase::CallFailed { retry_at: Some(_), .. } => true,
            Phase::Answered(answer) => answer.settled(),
            _ => false,
        };
        if !calls_next {
            return Err("the model is not what comes next".into());
        }
        let provider = self.provider();
        if awaited.provider != provider {
            return Err(format!("its provider is `{provider}`, not `{}`", awaited.provider));
        }
        self.quota_until = Some(awaited.until);
        Ok(())
    }

    /// First half of its model's name.
    pub fn provider(&self) -> &str {
        let model = &self.brief.agent.model;
        model.split_once('/').map_or(model.as_str(), |(provider, _)| provider)
    }

    pub(super) fn set_timer(&mut self, set: &TimerSet, at: OffsetDateTime) -> Result<(), String> {
        let id = &set.call_id;
        let call = self.call_mut(set.step, id)?;
        if call.call.tool != Tool::Wait.name() {
            return Err(format!("call `{id}` is of `{}`, and only `wait` sets a timer", call.call.tool));
        }
        let edited = match &call.state {
            CallState::Asked => None,
            CallState::Decided { decision: Decision::Approve { arguments_json }, .. } => {
                arguments_json.clone()
            }
            _ => return Err(format!("call `{id}` has been decided on")),
        };
        call.state = CallState::Timed(Timer { since: at, wake_at: set.wake_at, edited });
        Ok(())
    }
}
