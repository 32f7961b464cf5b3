//! What a run looks like from outside: all that the read model, the worker and the loop ask of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{Call, CallState, Phase, RunFold, Subject};
use crate::domain::brief::RunBrief;
use crate::domain::conversation::Message;
use crate::domain::event::{ChildEnded, EffectClass, RunError};
use crate::domain::id::{ArtifactId, InboxItemId};
use crate::domain::key;
use crate::domain::order::Decision;
use crate::domain::retry;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Waits for a worker.
    Queued,
    /// A worker has taken it.
    Running,
    /// Nothing of it can go on for now.
    Waiting(WaitReason),
    /// A person paused it.
    Paused,
    /// Ended as it should.
    Succeeded,
    /// Ended by an error or a limit.
    Failed,
    /// Ended by a person.
    Cancelled,
}

/// What a waiting run waits for; where several things are open, the first of these that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitReason {
    /// A tool call is to be approved.
    Approval,
    /// The agent asked a question.
    Input,
    /// It is to be said what became of a tool call.
    Outcome,
    /// The agent set a timer.
    Timer,
    /// The model's provider takes no more calls for now.
    Quota,
    /// Runs that it handed work to are to end.
    Child,
}

impl RunState {
    /// True once it has ended. Nothing follows then, unless a person has a failed run go on.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// What a run has used so far, with what its children used that have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Tokens in and out.
    pub tokens: i64,
    /// Sum of the known costs of its model calls, in nano US dollars; those that were cut are among them.
    pub cost_nano_usd: i64,
    /// Of these, what is estimated.
    pub estimated_cost_nano_usd: i64,
    /// Model calls whose cost is unknown and not in the sum.
    pub unpriced_calls: u32,
}

impl Totals {
    /// Adds what a run used that work was handed to.
    pub(crate) fn add_child(&mut self, ended: &ChildEnded) {
        self.tokens = self.tokens.saturating_add(ended.total_tokens);
        self.cost_nano_usd = self.cost_nano_usd.saturating_add(ended.cost_nano_usd);
        self.estimated_cost_nano_usd =
            self.estimated_cost_nano_usd.saturating_add(ended.estimated_cost_nano_usd);
        self.unpriced_calls = self.unpriced_calls.saturating_add(ended.unpriced_calls);
    }

    /// Adds one model call that costs something, whether its answer came whole or was cut.
    pub(crate) fn charge(&mut self, tokens: i64, cost_nano_usd: Option<i64>, estimated: bool) {
        self.tokens = self.tokens.saturating_add(tokens);
        let Some(cost) = cost_nano_usd else {
            self.unpriced_calls += 1;
            return;
        };
        self.cost_nano_usd = self.cost_nano_usd.saturating_add(cost);
        if estimated {
            self.estimated_cost_nano_usd = self.estimated_cost_nano_usd.saturating_add(cost);
        }
    }
}

/// An intent without a result: work that is under way, or that a crash left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingIntent {
    /// A model call.
    Model {
        /// Its step.
        step: u32,
        /// Its attempt.
        attempt: u32,
        /// Its idempotency key.
        idempotency_key: String,
        /// When the intent was committed.
        since: OffsetDateTime,
    },
    /// A tool call.
    Tool {
        /// Step whose answer asked for it.
        step: u32,
        /// Id of the call.
        call_id: String,
        /// The tool.
        tool: String,
        /// What may be done about it.
        effect_class: EffectClass,
        /// Its idempotency key.
        idempotency_key: String,
        /// Attempt at it.
        attempt: u32,
        /// When the intent was committed.
        since: OffsetDateTime,
    },
}

/// Something that a run asks of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenItem {
    /// What is to be decided.
    pub item: InboxItemId,
    /// Step whose answer led to it.
    pub step: u32,
    /// Id of the call.
    pub call_id: String,
    /// What is asked.
    pub reason: WaitReason,
}

impl RunFold {
    /// All it is pinned to.
    pub fn brief(&self) -> &Arc<RunBrief> {
        &self.brief
    }

    /// Where it stands.
    pub fn state(&self) -> RunState {
        match &self.phase {
            Phase::Succeeded { .. } => RunState::Succeeded,
            Phase::Failed { .. } => RunState::Failed,
            Phase::Cancelled => RunState::Cancelled,
            _ if self.orders.paused().is_some() => RunState::Paused,
            Phase::Queued => RunState::Queued,
            _ if self.quota_until.is_some() => RunState::Waiting(WaitReason::Quota),
            Phase::Answered(answer) => answer.waits_for().map_or(RunState::Running, RunState::Waiting),
            Phase::CallFailed { error, retry_at: Some(_), .. } if retry::is_quota(&error.reason) => {
                RunState::Waiting(WaitReason::Quota)
            }
            Phase::Ready | Phase::Calling { .. } | Phase::CallFailed { .. } | Phase::Summarised(_) => {
                RunState::Running
            }
        }
    }

    /// `seq` of its newest record.
    pub fn head_seq(&self) -> i64 {
        self.head_seq
    }

    /// Model calls begun so far, retries of one call not counted; the number of the newest step.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// What it has used so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// When it was queued.
    pub fn queued_at(&self) -> OffsetDateTime {
        self.queued_at
    }

    /// When a worker first took it.
    pub fn started_at(&self) -> Option<OffsetDateTime> {
        self.started_at
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<OffsetDateTime> {
        self.ended_at
    }

    /// When its time is up, if it goes on working until then; none while it rests (queued, waiting, paused, ended), and
    /// none where the calendar ends first.
    pub fn deadline(&self) -> Option<OffsetDateTime> {
        self.working.deadline(self.brief.agent.limits.max_duration())
    }

    /// How long it has worked by then: from its start, without the time that it waited or was paused.
    pub fn worked(&self, now: OffsetDateTime) -> Duration {
        self.working.until(now)
    }

    /// Epoch of the last take-over that was journalled; 0 if none was.
    pub fn lease_epoch(&self) -> i64 {
        self.lease_epoch
    }

    /// What the agent said when it finished.
    pub fn summary(&self) -> Option<&str> {
        match &self.phase {
            Phase::Succeeded { summary, .. } => Some(summary),
            _ => None,
        }
    }

    /// What the agent showed when it finished; empty before.
    pub fn evidence(&self) -> &[String] {
        match &self.phase {
            Phase::Succeeded { evidence, .. } => evidence,
            _ => &[],
        }
    }

    /// Why it failed.
    pub fn error(&self) -> Option<&RunError> {
        match &self.phase {
            Phase::Failed { error, .. } => Some(error),
            _ => None,
        }
    }

    /// The conversation so far, whole turns only, as the model is to read it.
    pub fn messages(&self) -> &[Arc<Message>] {
        self.conversation.messages()
    }

    /// Paths it has written, each with its newest artifact.
    pub fn artifacts(&self) -> &BTreeMap<String, ArtifactId> {
        &self.artifacts
    }

    /// Intents without a result.
    pub fn pending(&self) -> Vec<PendingIntent> {
        match &self.phase {
            Phase::Calling { attempt, since, .. } => vec![PendingIntent::Model {
                step: self.steps,
                attempt: *attempt,
                idempotency_key: key::model_call(self.brief.run, self.steps, *attempt),
                since: *since,
            }],
            Phase::Answered(answer) => answer
                .calls
                .iter()
                .filter_map(|call| match &call.state {
                    CallState::Open(intent) => Some(PendingIntent::Tool {
                        step: self.steps,
                        call_id: call.call.id.clone(),
                        tool: call.call.tool.clone(),
                        effect_class: intent.effect_class,
                        idempotency_key: intent.idempotency_key.clone(),
                        attempt: intent.attempt,
                        since: intent.since,
                    }),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What it asks of people and nobody has decided, in the order of the calls.
    pub fn open_items(&self) -> Vec<OpenItem> {
        let Phase::Answered(answer) = &self.phase else { return Vec::new() };
        let open = |call: &Call| {
            let CallState::Awaiting { item, subject } = &call.state else { return None };
            let reason = subject.reason();
            Some(OpenItem { item: *item, step: self.steps, call_id: call.call.id.clone(), reason })
        };
        answer.calls.iter().filter_map(open).collect()
    }

    /// Tools whose effect is unknown: under way, left behind by a crash, or asked about; each once, in the order of the calls.
    pub fn survivors(&self) -> Vec<String> {
        let Phase::Answered(answer) = &self.phase else { return Vec::new() };
        let mut tools: Vec<String> = Vec::new();
        for call in &answer.calls {
            let survives = match &call.state {
                CallState::Open(intent) => intent.effect_class != EffectClass::Pure,
                CallState::Awaiting { subject: Subject::Outcome(_), .. }
                | CallState::Decided { decision: Decision::Retry, .. } => true,
                _ => false,
            };
            if survives && !tools.contains(&call.call.tool) {
                tools.push(call.call.tool.clone());
            }
        }
        tools
    }
}
