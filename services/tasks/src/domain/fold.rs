//! A run as the fold of its journal: strict about what may follow what, and the only state the engine reasons from.

mod calls;
mod children;
mod clock;
mod context;
mod people;
mod retry;
mod snapshot;
mod turns;
mod view;
mod waits;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::brief::RunBrief;
use super::compaction::{By, Conversation, Gauge};
use super::conversation::Message;
use super::event::{Event, Record, RunError};
use super::id::{ArtifactId, RunId};
use super::repeats::Repeats;
pub(super) use calls::{Answer, Call, CallState, Intent, Subject};
use children::Child;
pub(super) use children::Delegated;
use clock::WorkingTime;
pub(super) use context::Summary;
pub(super) use people::Orders;
pub(super) use waits::Timer;

pub use snapshot::SNAPSHOT_VERSION;
pub use view::{OpenItem, PendingIntent, RunState, Totals, WaitReason};

/// Version of what the fold makes of a journal. It rises when an older fold would refuse, or carry on differently
/// from, a journal that this one writes; workers claim only runs of versions they have.
pub const FOLD_VERSION: u32 = 5;

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFold {
    brief: Arc<RunBrief>,
    head_seq: i64,
    queued_at: OffsetDateTime,
    start_at: Option<OffsetDateTime>,
    started_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
    lease_epoch: i64,
    working: WorkingTime,
    pub(super) orders: Orders,
    pub(super) phase: Phase,
    steps: u32,
    totals: Totals,
    /// The conversation, whole turns only, as the model is to read it.
    conversation: Conversation,
    /// When it looks again whether its provider takes calls, of which it was told before it called; none once it calls.
    quota_until: Option<OffsetDateTime>,
    gauge: Gauge,
    /// Tokens of the shortest prompt that the provider called too long.
    refused: Option<i64>,
    /// Prompts in a row that it called too long.
    overflows: u32,
    /// Attempts at the present step that nobody holds against it: interrupted by people, or before a retry.
    forgiven: u32,
    /// Answers in a row that brought nothing about: empty, cut, or without a tool call.
    pub(super) idle_answers: u32,
    pub(super) repeats: Repeats,
    artifacts: BTreeMap<String, ArtifactId>,
    /// Runs that it handed work to and has not heard to have ended.
    children: BTreeMap<RunId, Child>,
}

/// Where the loop stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// No worker has taken it.
    Queued,
    /// Nothing has been said yet.
    Ready,
    /// A model call is under way.
    Calling { attempt: u32, since: OffsetDateTime, compacts: Option<i64> },
    /// A model call failed.
    CallFailed { attempt: u32, error: RunError, retry_at: Option<OffsetDateTime>, compacts: Option<i64> },
    /// The model has summed up the conversation, and the summary is to take its place.
    Summarised(Summary),
    /// The model has answered, and its calls are to be seen to.
    Answered(Answer),
    /// Ended well.
    Succeeded { summary: String, evidence: Vec<String> },
    /// Ended badly, and where it stood then.
    Failed { error: RunError, before: Box<Phase> },
    /// Ended by a person.
    Cancelled,
}

impl RunFold {
    /// Begins with a journal's first record.
    pub fn begin(record: &Record) -> Result<Self, FoldError> {
        match &record.event {
            Event::Queued(queued) if record.seq == 1 => Ok(Self {
                conversation: opening(&queued.brief),
                gauge: Gauge::new(&queued.brief.prompt),
                refused: None,
                overflows: 0,
                brief: queued.brief.clone(),
                head_seq: 1,
                queued_at: record.at,
                start_at: queued.start_at,
                started_at: None,
                ended_at: None,
                lease_epoch: 0,
                working: WorkingTime::default(),
                orders: Orders::default(),
                phase: Phase::Queued,
                steps: 0,
                totals: Totals::default(),
                quota_until: None,
                forgiven: 0,
                idle_answers: 0,
                repeats: Repeats::default(),
                artifacts: BTreeMap::new(),
                children: BTreeMap::new(),
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
        self.working.observe(self.state() == RunState::Running, record.at);
        Ok(())
    }

    /// Checks first and changes after, so that a refused event leaves no trace.
    fn take(&mut self, event: &Event, at: OffsetDateTime) -> Result<(), String> {
        if self.state().is_terminal() {
            return match event {
                Event::Retried(retried) => self.retry(retried, at),
                _ => Err("the run has ended".into()),
            };
        }
        if self.started_at.is_none() && !before_start(event) {
            return Err("the run has not started".into());
        }
        if self.orders.paused().is_some() && !during_pause(event) {
            return Err("the run is paused".into());
        }
        match event {
            Event::Queued(_) => return Err("a run is queued once".into()),
            Event::Started(_) if self.started_at.is_some() => return Err("the run has started before".into()),
            Event::Started(_) => {
                self.started_at = Some(at);
                self.phase = Phase::Ready;
            }
            Event::TakenOver(resumed) if resumed.lease_epoch <= self.lease_epoch => {
                return Err(format!("epoch {} does not follow {}", resumed.lease_epoch, self.lease_epoch));
            }
            Event::TakenOver(resumed) => self.lease_epoch = resumed.lease_epoch,
            Event::ModelCallStarted(started) => self.begin_call(started, at)?,
            Event::ModelCallCompleted(completed) => self.take_answer(completed)?,
            Event::ModelCallFailed(failed) => self.fail_call(failed)?,
            Event::ToolCallStarted(started) => self.begin_tool(started, at)?,
            Event::ToolCallCompleted(completed) => self.take_result(completed)?,
            Event::EngineNote(note) => self.take_note(note)?,
            Event::Succeeded(succeeded) => {
                match &self.phase {
                    Phase::Answered(answer) if !answer.is_busy() => {}
                    _ => return Err("only an answer with no call under way can end a run well".into()),
                }
                let (summary, evidence) = (succeeded.summary.clone(), succeeded.evidence.clone());
                self.phase = Phase::Succeeded { summary, evidence };
                self.ended_at = Some(at);
            }
            Event::Failed(failed) => {
                let before = Box::new(std::mem::replace(&mut self.phase, Phase::Ready));
                self.phase = Phase::Failed { error: failed.error.clone(), before };
                self.ended_at = Some(at);
            }
            Event::CommandDelivered(delivered) => self.orders.deliver(delivered)?,
            Event::Paused(paused) => self.orders.pause(paused)?,
            Event::Resumed(resumed) => self.orders.resume(resumed)?,
            Event::Cancelled(cancelled) => {
                self.orders.check_cancel(cancelled)?;
                self.phase = Phase::Cancelled;
                self.ended_at = Some(at);
            }
            Event::ApprovalRequested(asked) => self.ask_approval(asked)?,
            Event::QuestionAsked(asked) => self.ask_question(asked)?,
            Event::OutcomeUnknown(asked) => self.ask_outcome(asked)?,
            Event::ItemDecided(decided) => self.take_decision(decided)?,
            Event::TimerSet(set) => self.set_timer(set, at)?,
            Event::Steered(steered) => self.steer(steered)?,
            Event::Retried(_) => return Err("the run has not failed".into()),
            Event::ApprovedByRule(approved) => self.approve_by_rule(approved)?,
            Event::ChildrenStarted(started) => self.start_children(started)?,
            Event::ChildEnded(ended) => self.end_child(ended)?,
            Event::ChildrenCancelled(cancelled) => self.cancel_children(cancelled)?,
            Event::QuotaAwaited(awaited) => self.await_quota(awaited)?,
            Event::ContextCompacted(compacted) => self.compact(compacted)?,
        }
        Ok(())
    }
}

fn opening(brief: &RunBrief) -> Conversation {
    let mut conversation = Conversation::default();
    conversation.push(1, By::Task, Arc::new(Message::user(brief.prompt.opening.as_str())));
    conversation
}

/// What can happen to a run that no worker has begun: people may order it about, and it may be ended.
fn before_start(event: &Event) -> bool {
    matches!(
        event,
        Event::Started(_)
            | Event::CommandDelivered(_)
            | Event::Paused(_)
            | Event::Resumed(_)
            | Event::Cancelled(_)
            | Event::Failed(_)
    )
}

/// What can happen to a run that is paused: it is spoken to, taken over, resumed or ended. A model call that a crash left
/// behind is settled before the end.
fn during_pause(event: &Event) -> bool {
    matches!(
        event,
        Event::TakenOver(_)
            | Event::ModelCallFailed(_)
            | Event::CommandDelivered(_)
            | Event::ItemDecided(_)
            | Event::ChildEnded(_)
            | Event::ChildrenCancelled(_)
            | Event::Resumed(_)
            | Event::Cancelled(_)
            | Event::Failed(_)
    )
}
