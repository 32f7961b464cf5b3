//! A run as the fold of its journal: strict about what may follow what, and the only state the engine reasons from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use time::OffsetDateTime;

use super::brief::RunBrief;
use super::conversation::{FinishReason, Message, Part, Role, ToolCall, ToolResult};
use super::event::{
    EffectClass, EngineNote, Event, ModelCallCompleted, ModelCallFailed, ModelCallStarted, NoteReason,
    Record, RunError, ToolCallCompleted, ToolCallStarted,
};
use super::id::ArtifactId;
use super::key;
use super::repeats::Repeats;

/// Version of what the fold makes of a journal. It rises when an older fold would refuse, or carry on differently
/// from, a journal that this one writes; workers claim only runs of versions they have.
pub const FOLD_VERSION: u32 = 1;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Waits for a worker.
    Queued,
    /// A worker has taken it.
    Running,
    /// Ended as it should.
    Succeeded,
    /// Ended by an error or a limit.
    Failed,
}

impl RunState {
    /// True once nothing can follow.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// What a run has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Tokens in and out.
    pub tokens: i64,
    /// Sum of the known costs of its model calls, in nano US dollars.
    pub cost_nano_usd: i64,
    /// Model calls whose cost is unknown and not in the sum.
    pub unpriced_calls: u32,
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
        /// When the intent was committed.
        since: OffsetDateTime,
    },
}

/// Why a record does not fit its journal. The fold is then as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A journal begins with `queued` at seq 1, and only there.
    #[error("a journal begins with `queued` at seq 1, not with `{kind}` at seq {seq}")]
    Beginning {
        /// Place of the record.
        seq: i64,
        /// Kind of the record.
        kind: &'static str,
    },
    /// A record is missing or comes twice.
    #[error("the journal goes on at seq {expected}, not at {found}")]
    Gap {
        /// The next place.
        expected: i64,
        /// Place of the record.
        found: i64,
    },
    /// It cannot happen here.
    #[error("`{kind}` at seq {seq} cannot happen here: {why}")]
    Illegal {
        /// Place of the record.
        seq: i64,
        /// Kind of the record.
        kind: &'static str,
        /// What it contradicts.
        why: String,
    },
}

/// A run, as its journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFold {
    brief: Arc<RunBrief>,
    head_seq: i64,
    queued_at: OffsetDateTime,
    started_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
    lease_epoch: i64,
    pub(super) phase: Phase,
    steps: u32,
    totals: Totals,
    /// The conversation so far, whole turns only.
    messages: Vec<Arc<Message>>,
    /// Answers in a row that brought nothing about: empty, cut, or without a tool call.
    pub(super) idle_answers: u32,
    pub(super) repeats: Repeats,
    artifacts: BTreeMap<String, ArtifactId>,
}

/// Where the loop stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Phase {
    /// No worker has taken it.
    Queued,
    /// Nothing has been said yet.
    Ready,
    /// A model call is under way.
    Calling { attempt: u32, since: OffsetDateTime },
    /// A model call failed.
    CallFailed { attempt: u32, error: RunError, retry_at: Option<OffsetDateTime> },
    /// The model has answered, and its calls are to be seen to.
    Answered(Answer),
    /// Ended well.
    Succeeded { summary: String, evidence: Vec<String> },
    /// Ended badly.
    Failed { error: RunError },
}

/// An answer and what has become of its calls.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) finish_reason: FinishReason,
    /// No text but blanks, and no call.
    pub(super) blank: bool,
    pub(super) calls: Vec<Call>,
    pub(super) noted: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) call: ToolCall,
    pub(super) state: CallState,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum CallState {
    /// The model asked for it.
    Asked,
    /// Its intent is committed.
    Open { effect_class: EffectClass, idempotency_key: String, since: OffsetDateTime },
    /// Its result is committed.
    Done(ToolResult),
}

impl Answer {
    /// True when every call has its result; so it is when there is none.
    pub(super) fn settled(&self) -> bool {
        self.calls.iter().all(|call| matches!(call.state, CallState::Done(_)))
    }

    fn open_calls(&self) -> usize {
        self.calls.iter().filter(|call| matches!(call.state, CallState::Open { .. })).count()
    }
}

impl RunFold {
    /// Begins with a journal's first record.
    pub fn begin(record: &Record) -> Result<Self, FoldError> {
        match &record.event {
            Event::Queued(queued) if record.seq == 1 => Ok(Self {
                messages: vec![Arc::new(Message::user(queued.brief.prompt.opening.as_str()))],
                brief: queued.brief.clone(),
                head_seq: 1,
                queued_at: record.at,
                started_at: None,
                ended_at: None,
                lease_epoch: 0,
                phase: Phase::Queued,
                steps: 0,
                totals: Totals::default(),
                idle_answers: 0,
                repeats: Repeats::default(),
                artifacts: BTreeMap::new(),
            }),
            event => Err(FoldError::Beginning { seq: record.seq, kind: event.kind() }),
        }
    }

    /// Folds a whole journal, or any beginning of one.
    pub fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, FoldError> {
        let mut records = records.into_iter();
        let first = records.next().ok_or(FoldError::Gap { expected: 1, found: 0 })?;
        let mut fold = Self::begin(first)?;
        records.try_for_each(|record| fold.apply(record))?;
        Ok(fold)
    }

    /// Takes in the next record; on an error nothing has changed.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        if record.seq != self.head_seq + 1 {
            return Err(FoldError::Gap { expected: self.head_seq + 1, found: record.seq });
        }
        let kind = record.event.kind();
        self.take(&record.event, record.at).map_err(|why| FoldError::Illegal {
            seq: record.seq,
            kind,
            why,
        })?;
        self.head_seq = record.seq;
        Ok(())
    }

    /// Checks first and changes after, so that a refused event leaves no trace.
    fn take(&mut self, event: &Event, at: OffsetDateTime) -> Result<(), String> {
        if self.state().is_terminal() {
            return Err("the run has ended".into());
        }
        if self.started_at.is_none() && !matches!(event, Event::Started(_) | Event::Failed(_)) {
            return Err("the run has not started".into());
        }
        match event {
            Event::Queued(_) => return Err("a run is queued once".into()),
            Event::Started(_) if self.started_at.is_some() => return Err("the run has started before".into()),
            Event::Started(_) => {
                self.started_at = Some(at);
                self.phase = Phase::Ready;
            }
            Event::Resumed(resumed) if resumed.lease_epoch <= self.lease_epoch => {
                return Err(format!("epoch {} does not follow {}", resumed.lease_epoch, self.lease_epoch));
            }
            Event::Resumed(resumed) => self.lease_epoch = resumed.lease_epoch,
            Event::ModelCallStarted(started) => self.begin_call(started, at)?,
            Event::ModelCallCompleted(completed) => self.take_answer(completed)?,
            Event::ModelCallFailed(failed) => self.fail_call(failed)?,
            Event::ToolCallStarted(started) => self.begin_tool(started, at)?,
            Event::ToolCallCompleted(completed) => self.take_result(completed)?,
            Event::EngineNote(note) => self.take_note(note)?,
            Event::Succeeded(succeeded) => {
                match &self.phase {
                    Phase::Answered(answer) if answer.open_calls() == 0 => {}
                    _ => return Err("only an answer with no call under way can end a run well".into()),
                }
                let (summary, evidence) = (succeeded.summary.clone(), succeeded.evidence.clone());
                self.phase = Phase::Succeeded { summary, evidence };
                self.ended_at = Some(at);
            }
            Event::Failed(failed) => {
                self.phase = Phase::Failed { error: failed.error.clone() };
                self.ended_at = Some(at);
            }
        }
        Ok(())
    }

    fn begin_call(&mut self, started: &ModelCallStarted, at: OffsetDateTime) -> Result<(), String> {
        let (step, attempt) = match &self.phase {
            Phase::Ready => (self.steps + 1, 1),
            Phase::Answered(answer) if answer.settled() => (self.steps + 1, 1),
            Phase::CallFailed { attempt, retry_at: Some(_), .. } => (self.steps, attempt + 1),
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
        self.steps = step;
        self.phase = Phase::Calling { attempt, since: at };
        Ok(())
    }

    /// The open call's attempt, if `step` and `attempt` are its own.
    fn open_call(&self, step: u32, attempt: u32) -> Result<(), String> {
        match &self.phase {
            Phase::Calling { attempt: open, .. } if (self.steps, *open) == (step, attempt) => Ok(()),
            _ => Err(format!("no call of step {step} attempt {attempt} is under way")),
        }
    }

    fn take_answer(&mut self, completed: &ModelCallCompleted) -> Result<(), String> {
        self.open_call(completed.step, completed.attempt)?;
        self.totals.tokens = self.totals.tokens.saturating_add(completed.usage.total_tokens());
        match completed.cost_nano_usd {
            Some(cost) => self.totals.cost_nano_usd = self.totals.cost_nano_usd.saturating_add(cost),
            None => self.totals.unpriced_calls += 1,
        }
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
            self.messages.push(Arc::new(message));
        }
        self.phase =
            Phase::Answered(Answer { finish_reason: completed.finish_reason, blank, calls, noted: false });
        Ok(())
    }

    fn fail_call(&mut self, failed: &ModelCallFailed) -> Result<(), String> {
        self.open_call(failed.step, failed.attempt)?;
        self.totals.unpriced_calls += u32::from(failed.maybe_billed);
        self.phase = Phase::CallFailed {
            attempt: failed.attempt,
            error: failed.error.clone(),
            retry_at: failed.retry_at,
        };
        Ok(())
    }

    /// The call that an event speaks of.
    fn call_mut(&mut self, step: u32, call_id: &str, tool: &str) -> Result<&mut Call, String> {
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
            .find(|call| call.call.id == call_id && call.call.tool == tool)
            .ok_or_else(|| format!("the answer of step {step} holds no call `{call_id}` of `{tool}`"))
    }

    fn begin_tool(&mut self, started: &ToolCallStarted, at: OffsetDateTime) -> Result<(), String> {
        let call = self.call_mut(started.step, &started.call_id, &started.tool)?;
        if call.state != CallState::Asked {
            return Err(format!("call `{}` has an intent already", started.call_id));
        }
        if call.call.arguments_json != started.arguments_json {
            return Err(format!("call `{}` was asked for with other arguments", started.call_id));
        }
        call.state = CallState::Open {
            effect_class: started.effect_class,
            idempotency_key: started.idempotency_key.clone(),
            since: at,
        };
        Ok(())
    }

    fn take_result(&mut self, completed: &ToolCallCompleted) -> Result<(), String> {
        let call = self.call_mut(completed.step, &completed.call_id, &completed.tool)?;
        if !matches!(call.state, CallState::Open { .. }) {
            return Err(format!("call `{}` has no open intent", completed.call_id));
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
        self.messages.push(Arc::new(Message { role: Role::Tool, parts }));
    }

    fn take_note(&mut self, note: &EngineNote) -> Result<(), String> {
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
        self.messages.push(Arc::new(Message::user(note.text.as_str())));
        Ok(())
    }
}

/// What a run looks like from outside.
impl RunFold {
    /// All it is pinned to.
    pub fn brief(&self) -> &Arc<RunBrief> {
        &self.brief
    }

    /// Where it stands.
    pub fn state(&self) -> RunState {
        match self.phase {
            Phase::Queued => RunState::Queued,
            Phase::Succeeded { .. } => RunState::Succeeded,
            Phase::Failed { .. } => RunState::Failed,
            _ => RunState::Running,
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

    /// When its time is up; none before it starts, and none where the calendar ends first.
    pub fn deadline(&self) -> Option<OffsetDateTime> {
        self.started_at?.checked_add(self.brief.agent.limits.max_duration())
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
            Phase::Failed { error } => Some(error),
            _ => None,
        }
    }

    /// The conversation so far, whole turns only, as the model is to read it.
    pub fn messages(&self) -> &[Arc<Message>] {
        &self.messages
    }

    /// Paths it has written, each with its newest artifact.
    pub fn artifacts(&self) -> &BTreeMap<String, ArtifactId> {
        &self.artifacts
    }

    /// Intents without a result.
    pub fn pending(&self) -> Vec<PendingIntent> {
        match &self.phase {
            Phase::Calling { attempt, since } => vec![PendingIntent::Model {
                step: self.steps,
                attempt: *attempt,
                idempotency_key: key::model_call(self.brief.run, self.steps, *attempt),
                since: *since,
            }],
            Phase::Answered(answer) => answer
                .calls
                .iter()
                .filter_map(|call| match &call.state {
                    CallState::Open { effect_class, idempotency_key, since } => Some(PendingIntent::Tool {
                        step: self.steps,
                        call_id: call.call.id.clone(),
                        tool: call.call.tool.clone(),
                        effect_class: *effect_class,
                        idempotency_key: idempotency_key.clone(),
                        since: *since,
                    }),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
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
