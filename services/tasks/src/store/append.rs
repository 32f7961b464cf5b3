//! The fenced append: the one way in which a worker commits anything of a run.

mod columns;
mod context;
mod whole;

use std::collections::HashMap;

use mc_chassis::db::{Database, Tx, constraint};
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, SqlSafeStr};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::event::Event;
use crate::domain::fold::Totals;
use crate::domain::id::{ApprovalRuleId, CommandId, RunId, WorkspaceId};
use crate::domain::key;
use crate::domain::notice::NoticeKind;
use crate::store::artifact::{self, NewArtifact};
use crate::store::children::{self, NewChild};
use crate::store::inbox::{self, NewItem};
use crate::store::mailbox::{self, Posted, Settlement};
use crate::store::rule;
use columns::{EventColumns, RunColumns};
pub use whole::WholeEvent;

/// Events of one run, to be committed together under one epoch.
#[derive(Debug, Clone)]
pub struct Append {
    /// The run.
    pub run: RunId,
    /// The lease under which the events were made.
    pub epoch: i64,
    /// When they happened, by the worker's clock.
    pub at: OffsetDateTime,
    /// The events, in order; at least one, but for [`append_with`] that only takes note of letters.
    pub events: Vec<Event>,
}

/// What a committed append answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// `seq` of the last event that was committed.
    pub head_seq: i64,
    /// True when there are letters in the mailbox that the journal takes no note of.
    pub mail: bool,
    /// What its parent was told of its end; to be announced on the bus.
    pub told: Option<Posted>,
}

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The lease is gone: somebody else has the run, or may have it. Stop everything that is done for it.
    #[error("the lease of the run is lost")]
    Fenced,
    /// One of the events is in the journal already: an append whose answer was lost did commit. Read the journal again.
    #[error("the event is in the journal already")]
    Duplicate,
    /// A rule by which a call was to be approved holds no longer. Nothing was committed; decide anew.
    #[error("an approval rule holds no longer")]
    RuleGone,
    /// More runs would live in the tree than may. Nothing was committed; decide anew.
    #[error("the tree of runs is full")]
    TreeFull,
    /// The database could not be asked, or its answer did not come: whether it committed is unknown. Repeat it: it is
    /// [`Refusal::Duplicate`] or [`Refusal::Fenced`] then if it did.
    #[error("whether the append was committed is unknown")]
    Unknown,
    /// The database did not take it; whether it committed is unknown until the journal is read or the append repeated.
    #[error("append to the journal")]
    Database(#[from] sqlx::Error),
}

/// What a run's row, which people read, owes to its events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    progress: bool,
    starts: bool,
    steps: i32,
    totals: Totals,
}

impl Tally {
    fn of(events: &[Event]) -> Self {
        let mut tally = Self::default();
        for event in events {
            match event {
                // A retry is the same step.
                Event::ModelCallStarted(call) => tally.steps += i32::from(call.attempt == 1),
                Event::ModelCallCompleted(call) => {
                    let usage = &call.usage;
                    tally.totals.charge(usage.total_tokens(), call.cost_nano_usd, usage.estimated);
                    tally.progress = true;
                }
                Event::ModelCallFailed(call) => {
                    if call.maybe_billed {
                        tally.totals.charge(call.total_tokens, call.cost_nano_usd, call.cost_estimated);
                    }
                    tally.progress = true;
                }
                Event::ToolCallCompleted(_)
                | Event::EngineNote(_)
                | Event::ItemDecided(_)
                | Event::ContextCompacted(_)
                | Event::Steered(_) => tally.progress = true,
                Event::ChildEnded(ended) => {
                    tally.totals.add_child(ended);
                    tally.progress = true;
                }
                Event::Started(_) => tally.starts = true,
                // Intents are no progress: a run that kills its worker behind one must be found out.
                Event::Queued(_)
                | Event::TakenOver(_)
                | Event::ToolCallStarted(_)
                | Event::TimerSet(_)
                | Event::Succeeded(_)
                | Event::Failed(_)
                | Event::CommandDelivered(_)
                | Event::Paused(_)
                | Event::Resumed(_)
                | Event::Cancelled(_)
                | Event::ApprovalRequested(_)
                | Event::QuestionAsked(_)
                | Event::OutcomeUnknown(_)
                | Event::Retried(_)
                | Event::ApprovedByRule(_)
                | Event::ChildrenStarted(_)
                | Event::ChildrenCancelled(_)
                | Event::QuotaAwaited(_) => {}
            }
        }
        tally
    }
}

/// Appends for many runs in one statement, each under its own fence. The map has the runs that were committed; one that
/// is missing is fenced. A run must not come twice.
pub async fn append_many(
    connection: &mut PgConnection,
    appends: &[Append],
) -> Result<HashMap<RunId, Appended>, sqlx::Error> {
    append_by(connection, APPEND, appends).await
}

pub(crate) const APPEND: &str = include_str!("../../queries/append.sql");

/// The statement is an argument so that a test can show what happens without its fence.
pub(crate) async fn append_by(
    connection: &mut PgConnection,
    statement: impl SqlSafeStr,
    appends: &[Append],
) -> Result<HashMap<RunId, Appended>, sqlx::Error> {
    append_cut(connection, statement, appends, &[]).await
}

/// Events of which `wholes` has the whole are written cut.
async fn append_cut(
    connection: &mut PgConnection,
    statement: impl SqlSafeStr,
    appends: &[Append],
    wholes: &[WholeEvent],
) -> Result<HashMap<RunId, Appended>, sqlx::Error> {
    let mut runs = RunColumns::default();
    let mut events = EventColumns::default();
    for append in appends {
        runs.push(append);
        events.push(append, wholes)?;
    }
    let rows: Vec<(Uuid, i64, bool)> = sqlx::query_as(statement)
        .bind(&runs.run)
        .bind(&runs.epoch)
        .bind(&runs.events)
        .bind(&runs.progress)
        .bind(&runs.steps)
        .bind(&runs.tokens)
        .bind(&runs.cost_nano_usd)
        .bind(&runs.estimated_cost_nano_usd)
        .bind(&runs.unpriced_calls)
        .bind(&runs.start)
        .bind(&events.run)
        .bind(&events.place)
        .bind(&events.kind)
        .bind(&events.step_key)
        .bind(&events.attempt)
        .bind(&events.body)
        .bind(&events.at)
        .fetch_all(connection)
        .await?;
    let answer = |(run, head_seq, mail)| (RunId::new(run), Appended { head_seq, mail, told: None });
    Ok(rows.into_iter().map(answer).collect())
}

/// What is committed with an append besides its events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Besides {
    /// Artifacts that the events speak of.
    pub artifacts: Vec<NewArtifact>,
    /// Number of the last letter that the events take note of: those up to it are delivered. 0 for none.
    pub read_up_to: i64,
    /// What the events ask of people.
    pub items: Vec<NewItem>,
    /// Letters that are settled by this, besides those that `Paused`, `Resumed`, `Cancelled`, `Steered`, `Retried` and
    /// `ChildEnded` name: these are effective.
    pub settled: Vec<(CommandId, Settlement)>,
    /// Rules by which the events approve calls, once for each call. They must hold when this commits.
    pub rules: Vec<ApprovalRuleId>,
    /// Runs that the events hand work to.
    pub children: Vec<NewChild>,
    /// Events that are too large for the journal.
    pub wholes: Vec<WholeEvent>,
}

impl Besides {
    /// Artifacts alone.
    pub fn artifacts(artifacts: Vec<NewArtifact>) -> Self {
        Self { artifacts, ..Self::default() }
    }

    /// True when there is nothing besides the events.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Appends for one run and, in the same transaction, does what goes with it: writes artifacts, opens inbox items, stamps
/// letters and their receipts, counts the use of approval rules, makes children, and ends the run if its last event does. The
/// end voids the run's open items, supersedes its unsettled orders, moves its task along and tells its parent.
pub async fn append_with(
    database: &Database,
    workspace: WorkspaceId,
    append: &Append,
    besides: &Besides,
) -> Result<Appended, Refusal> {
    let mut tx = database.begin(workspace.uuid()).await?;
    let mut appended = append_whole(&mut tx, append, &besides.wholes).await?;
    for whole in &besides.wholes {
        let seq = appended.head_seq - append.events.len() as i64 + whole.place as i64 + 1;
        artifact::insert_event(&mut tx, workspace, append.run, seq, whole, append.at).await?;
    }
    if context::is_shortened(&append.events) {
        context::keep_for_this_fold(&mut tx, append.run).await?;
    }
    for artifact in &besides.artifacts {
        artifact::insert(&mut tx, workspace, append.run, artifact, append.at).await?;
    }
    for item in &besides.items {
        inbox::open(&mut tx, append.run, item, append.at).await?;
    }
    if !rule::use_all(&mut tx, &besides.rules, append.at).await? {
        return Err(Refusal::RuleGone);
    }
    if !children::begin(&mut tx, &besides.children, append.at).await? {
        return Err(Refusal::TreeFull);
    }
    let settled: Vec<_> = besides.settled.iter().copied().chain(settled_by(&append.events)).collect();
    let (read, opened) = (besides.read_up_to, besides.items.len());
    if read > 0 || opened > 0 || !settled.is_empty() {
        let opened = i32::try_from(opened).unwrap_or(i32::MAX);
        appended.mail = mailbox::note(&mut tx, append.run, read, &settled, opened, append.at).await?;
    }
    if let Some(event) = append.events.last() {
        appended.told = end(&mut tx, append, event).await?;
    }
    tx.commit().await?;
    Ok(appended)
}

/// Appends for one run.
pub async fn append_one(connection: &mut PgConnection, append: &Append) -> Result<Appended, Refusal> {
    append_whole(connection, append, &[]).await
}

async fn append_whole(
    connection: &mut PgConnection,
    append: &Append,
    wholes: &[WholeEvent],
) -> Result<Appended, Refusal> {
    match append_cut(connection, APPEND, std::slice::from_ref(append), wholes).await {
        Ok(committed) => committed.get(&append.run).copied().ok_or(Refusal::Fenced),
        Err(error) if is_duplicate(&error) => Err(Refusal::Duplicate),
        Err(error) => Err(error.into()),
    }
}

/// Whether an append failed because one of its events is in the journal already.
pub fn is_duplicate(error: &sqlx::Error) -> bool {
    // An index of a partition is what is broken, and it is named after the table's.
    constraint(error).is_some_and(|name| name.starts_with("journal_step"))
}

/// Whether an append needs [`append_with`] whatever goes with it: its last event ends the run, one settles an order, or one
/// makes the conversation shorter.
pub fn needs_transaction(append: &Append) -> bool {
    matches!(append.events.last(), Some(Event::Succeeded(_) | Event::Failed(_) | Event::Cancelled(_)))
        || settled_by(&append.events).next().is_some()
        || context::is_shortened(&append.events)
}

/// Orders that events say are effective.
fn settled_by(events: &[Event]) -> impl Iterator<Item = (CommandId, Settlement)> {
    events.iter().filter_map(|event| match event {
        Event::Paused(event) => Some((event.command, Settlement::Effective)),
        Event::Resumed(event) => Some((event.command, Settlement::Effective)),
        Event::Cancelled(event) => Some((event.command, Settlement::Effective)),
        Event::Steered(event) => Some((event.command, Settlement::Effective)),
        Event::Retried(event) => Some((event.command, Settlement::Effective)),
        // Its letter has the child's id.
        Event::ChildEnded(event) => Some((CommandId::new(event.run.uuid()), Settlement::Effective)),
        _ => None,
    })
}

async fn end(tx: &mut Tx, append: &Append, event: &Event) -> Result<Option<Posted>, sqlx::Error> {
    let (status, task_state, summary, error) = match event {
        Event::Succeeded(event) => (3_i16, 3_i16, event.summary.as_str(), None),
        Event::Failed(event) => (4, 4, "", Some(&event.error)),
        Event::Cancelled(_) => (7, 4, "", None),
        _ => return Ok(None),
    };
    sqlx::query(include_str!("../../queries/end_run.sql"))
        .bind(append.run.uuid())
        .bind(append.epoch)
        .bind(status)
        .bind(storable(summary))
        .bind(error.map(|error| storable(&error.reason)))
        .bind(error.map(|error| storable(&error.message)))
        .bind(append.at)
        .bind(task_state)
        .bind(NoticeKind::of_end(event).map(NoticeKind::number))
        .execute(&mut **tx)
        .await?;
    children::tell_parent(tx, append.run, event, append.at).await
}

/// Text that PostgreSQL can hold: it has no U+0000, and a model may write one.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// What an event that is committed under `epoch` belongs to within its run, and its number there. With the kind they are
/// unique, so that no intent or result can be committed twice.
pub fn step_key(event: &Event, epoch: i64) -> (String, i32) {
    match event {
        Event::Queued(_) | Event::Started(_) | Event::Succeeded(_) | Event::Cancelled(_) => ("run".into(), 0),
        // A run that is retried may fail again, under another lease.
        Event::Failed(_) => ("run".into(), i32::try_from(epoch).unwrap_or(i32::MAX)),
        Event::TakenOver(event) => ("run".into(), i32::try_from(event.lease_epoch).unwrap_or(i32::MAX)),
        Event::ModelCallStarted(event) => (format!("m/{}", event.step), event.attempt as i32),
        Event::ModelCallCompleted(event) => (format!("m/{}", event.step), event.attempt as i32),
        Event::ModelCallFailed(event) => (format!("m/{}", event.step), event.attempt as i32),
        Event::ToolCallStarted(event) => (call_key(event.step, &event.call_id), event.attempt as i32),
        Event::ToolCallCompleted(event) => (call_key(event.step, &event.call_id), 1),
        Event::EngineNote(event) => (format!("n/{}/{}", event.step, event.reason.as_str()), 1),
        Event::CommandDelivered(event) => (format!("c/{}", event.command), 0),
        Event::Paused(event) => (format!("c/{}", event.command), 0),
        Event::Resumed(event) => (format!("c/{}", event.command), 0),
        Event::Steered(event) => (format!("c/{}", event.command), 0),
        Event::Retried(event) => (format!("c/{}", event.command), 0),
        // A run that is retried asks again what it had asked, by other items.
        Event::ApprovalRequested(event) => (format!("i/{}", event.item), 0),
        Event::QuestionAsked(event) => (format!("i/{}", event.item), 0),
        Event::OutcomeUnknown(event) => (format!("i/{}", event.item), 0),
        Event::ItemDecided(event) => (format!("i/{}", event.item), 0),
        Event::TimerSet(event) => (call_key(event.step, &event.call_id), 1),
        Event::ApprovedByRule(event) => (call_key(event.step, &event.call_id), 1),
        Event::ChildrenStarted(event) => (call_key(event.step, &event.call_id), 1),
        Event::ChildEnded(event) => (format!("k/{}", event.run), 0),
        // Under one lease none of them is ordered to end twice.
        Event::ChildrenCancelled(event) => {
            let first = event.children.first().map_or_else(String::new, |first| first.run.to_string());
            (format!("k/{first}"), i32::try_from(epoch).unwrap_or(i32::MAX))
        }
        // One time is awaited once under a lease.
        Event::QuotaAwaited(event) => (
            format!("q/{}", event.until.unix_timestamp_nanos() / 1_000),
            i32::try_from(epoch).unwrap_or(i32::MAX),
        ),
        Event::ContextCompacted(event) => (context::key(event), 1),
    }
}

/// A provider may make ids of any length and content; an index entry is bounded and holds no U+0000.
fn call_key(step: u32, call_id: &str) -> String {
    if call_id.len() <= 128 && !call_id.contains('\0') {
        format!("t/{step}/{call_id}")
    } else {
        format!("t/{step}/#{}", key::hex(&Sha256::digest(call_id)))
    }
}
