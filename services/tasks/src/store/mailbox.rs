//! Mailboxes: what people told a run, until the holder of its lease takes note of it; and the receipts that come of it.
//!
//! A letter is put there in the transaction that changes whatever else it is about. It is numbered by the run's row, which
//! is locked first: by that lock a letter and a suspend, a decision and the end of the run fall one after the other. The
//! transaction wakes a run that nobody holds; of one that is held, the worker hears by the bus, with the answer to its next
//! append, and with its heartbeat.

use mc_chassis::db::Tx;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::event::ChildEnded;
use crate::domain::id::{CommandId, InboxItemId, RunId, UserId};
use crate::domain::order::{CommandKind, Decision, Details, Letter, LetterContent};
use crate::store::run::{self, status};

/// Letters that are read at once.
const PAGE: i64 = 100;

/// Number of a letter that carries a decision; orders have those of [`command_number`].
const DECIDE: i16 = 4;
/// Number of a letter that says how a child ended.
const CHILD_ENDED: i16 = 20;

/// The first fold that knows what people say to a run, and retries.
pub(super) const FOLD_OF_SPEECH: i16 = 3;

/// A run whose row the transaction has locked: its worker commits nothing, and nobody else writes to it, until the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressee {
    /// The run.
    pub run: RunId,
    status: i16,
}

/// What [`lock`] found.
#[derive(Debug, Clone)]
pub enum Locked {
    /// The run lives.
    Live(Addressee),
    /// It has ended, and takes no letters.
    Ended(Box<run::Run>),
    /// There is no such run in the transaction's workspace.
    Missing,
}

/// Locks a run to write to it. Rows of its letters and inbox items are taken after this and never before.
pub async fn lock(tx: &mut Tx, run: RunId) -> Result<Locked, sqlx::Error> {
    let status: Option<i16> =
        sqlx::query_scalar("SELECT status FROM tasks.run WHERE run_id = $1 FOR NO KEY UPDATE")
            .bind(run.uuid())
            .fetch_optional(&mut **tx)
            .await?;
    match status {
        Some(status) if !status::is_terminal(status) => Ok(Locked::Live(Addressee { run, status })),
        // One that has ended for good cannot be locked: nobody changes it any more.
        _ => {
            let ended = run::get(tx, run).await?.filter(|run| status::is_terminal(run.status));
            Ok(ended.map_or(Locked::Missing, |ended| Locked::Ended(Box::new(ended))))
        }
    }
}

/// Locks a run that lives, and sees no more of it; none where there is none. For the engine, which may not read of a run what
/// people read.
pub async fn lock_live(tx: &mut Tx, run: RunId) -> Result<Option<Addressee>, sqlx::Error> {
    let status: Option<i16> = sqlx::query_scalar(
        "SELECT status FROM tasks.run WHERE run_id = $1 AND end_time IS NULL FOR NO KEY UPDATE",
    )
    .bind(run.uuid())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(status.map(|status| Addressee { run, status }))
}

/// Locks a run to tell it how a child of it ended; none where it has ended for good. One that failed may yet be retried.
pub(super) async fn lock_parent(tx: &mut Tx, run: RunId) -> Result<Option<Addressee>, sqlx::Error> {
    let status: Option<i16> = sqlx::query_scalar(
        "SELECT status FROM tasks.run WHERE run_id = $1 AND status NOT IN (3, 7) FOR NO KEY UPDATE",
    )
    .bind(run.uuid())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(status.map(|status| Addressee { run, status }))
}

/// Whether the mailbox of a run has, or had, a letter of this id.
pub(super) async fn has_letter(tx: &mut Tx, run: RunId, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM tasks.command WHERE run_id = $1 AND command_id = $2)")
        .bind(run.uuid())
        .bind(id)
        .fetch_one(&mut **tx)
        .await
}

/// What became of a letter. After the commit it is to be announced on the bus; workers find it a moment later without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// The run it went to.
    pub run: RunId,
    /// Its place in the mailbox.
    pub number: i64,
    /// True when the run was made ready by it.
    pub woken: bool,
}

/// Puts a letter into the mailbox, and makes the run ready if nobody holds it and it is one for this letter to wake: a
/// waiting run by any, a paused one by `resume` and `cancel`, one that is delayed by `pause` and `cancel`. What is said to
/// it can wait in the two cases that are left.
pub async fn post(
    tx: &mut Tx,
    to: Addressee,
    sender: UserId,
    content: &LetterContent,
    now: OffsetDateTime,
) -> Result<Posted, sqlx::Error> {
    let (id, kind, reason, body) = match content {
        LetterContent::Command { command, kind, reason, details } => {
            (command.uuid(), command_number(*kind), reason.as_str(), details_to_json(details))
        }
        LetterContent::Decision { item, decision } => {
            (item.uuid(), DECIDE, "", Some(decision_to_json(decision)))
        }
        LetterContent::ChildEnded(ended) => (ended.run.uuid(), CHILD_ENDED, "", Some(ended_to_json(ended))),
    };
    let (number, woken): (i64, bool) = sqlx::query_as(include_str!("../../queries/post.sql"))
        .bind(to.run.uuid())
        .bind(wakes(to.status, content))
        .bind(ends_delay(to.status, content))
        .bind((!matches!(kind, DECIDE | CHILD_ENDED)).then_some(kind))
        .bind(id)
        .bind(kind)
        .bind(body)
        .bind(sender.uuid())
        .bind(reason)
        .bind(now)
        .bind(if kind == command_number(CommandKind::Steer) { FOLD_OF_SPEECH } else { 0 })
        .bind(to.status == status::QUEUED && hurries(content))
        .fetch_one(&mut **tx)
        .await?;
    Ok(Posted { run: to.run, number, woken })
}

/// Whether a letter is not to wait until the run's provider takes calls.
fn hurries(content: &LetterContent) -> bool {
    matches!(content, LetterContent::Command { kind, .. }
        if matches!(kind, CommandKind::Pause | CommandKind::Resume | CommandKind::Cancel))
}

/// Whether a letter ends the rest of a run in this state.
fn wakes(status: i16, content: &LetterContent) -> bool {
    match status {
        status::WAITING => true,
        status::PAUSED => {
            matches!(content, LetterContent::Command { kind: CommandKind::Resume | CommandKind::Cancel, .. })
        }
        _ => false,
    }
}

/// Whether a letter is a reason not to wait for the time at which a run that is queued or waits may wake by itself.
fn ends_delay(status: i16, content: &LetterContent) -> bool {
    let order =
        matches!(content, LetterContent::Command { kind: CommandKind::Pause | CommandKind::Cancel, .. });
    status == status::WAITING || (status == status::QUEUED && order)
}

#[derive(sqlx::FromRow)]
struct LetterRow {
    number: i64,
    command_id: Uuid,
    kind: i16,
    body: Option<String>,
    sender: Uuid,
    reason: String,
    request_time: OffsetDateTime,
}

/// Why a mailbox could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error("read the mailbox")]
    Database(#[from] sqlx::Error),
    /// A letter is not one of this release's.
    #[error("read letter {number} of the mailbox: {why}")]
    Letter {
        /// Its place.
        number: i64,
        /// What is wrong.
        why: String,
    },
}

/// The letters of a run that the journal takes no note of yet, in order; the first hundred of them. Those that an end of the
/// run came before, after which it was retried, are not among them, unless they tell of children. The transaction's workspace must be the run's.
pub async fn unread(connection: &mut PgConnection, run: RunId) -> Result<Vec<Letter>, Error> {
    let rows: Vec<LetterRow> = sqlx::query_as(
        "SELECT number, command_id, kind, body::text AS body, sender, reason, request_time
         FROM tasks.command
         WHERE run_id = $1 AND state <> 4
             AND (number > (SELECT mailbox_read FROM tasks.run WHERE run_id = $1) OR (kind = 20 AND state < 3))
         ORDER BY number LIMIT $2",
    )
    .bind(run.uuid())
    .bind(PAGE)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(letter).collect()
}

fn letter(row: LetterRow) -> Result<Letter, Error> {
    let unreadable = |why: String| Error::Letter { number: row.number, why };
    let content = if row.kind == DECIDE {
        let body = row.body.as_deref().unwrap_or_default();
        let decision = serde_json::from_str(body).map_err(|error| unreadable(error.to_string()))?;
        LetterContent::Decision { item: InboxItemId::new(row.command_id), decision }
    } else if row.kind == CHILD_ENDED {
        let body = row.body.as_deref().unwrap_or_default();
        LetterContent::ChildEnded(serde_json::from_str(body).map_err(|error| unreadable(error.to_string()))?)
    } else {
        let kind = command_of(row.kind).ok_or_else(|| unreadable(format!("unknown kind {}", row.kind)))?;
        let details = row.body.as_deref().map(serde_json::from_str::<Details>).transpose();
        let details = details.map_err(|error| unreadable(error.to_string()))?.unwrap_or_default();
        LetterContent::Command { command: CommandId::new(row.command_id), kind, reason: row.reason, details }
    };
    Ok(Letter { number: row.number, sender: UserId::new(row.sender), sent_at: row.request_time, content })
}

/// An order as people see it: what was ordered, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Command {
    /// Where.
    pub workspace_id: Uuid,
    /// The run.
    pub run_id: Uuid,
    /// Place in the mailbox.
    pub number: i64,
    /// Its id.
    pub command_id: Uuid,
    /// Number of `CommandKind`.
    pub kind: i16,
    /// Number of `CommandState`.
    pub state: i16,
    /// Who gave it.
    pub sender: Uuid,
    /// Why.
    pub reason: String,
    /// What is said; empty unless it is that.
    pub text: String,
    /// Whether the model call under way is not waited for.
    pub interrupt: bool,
    /// When it was given.
    pub request_time: OffsetDateTime,
    /// When the run's worker read it.
    pub deliver_time: Option<OffsetDateTime>,
    /// When it became effective or superseded.
    pub settle_time: Option<OffsetDateTime>,
}

impl Command {
    /// Whether this is what is ordered.
    pub fn orders(&self, kind: CommandKind) -> bool {
        self.kind == command_number(kind)
    }
}

macro_rules! orders {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, run_id, number, command_id, kind, state, sender, reason, ",
            "coalesce(body ->> 'text', '') AS text, coalesce((body ->> 'interrupt')::boolean, false) AS interrupt, ",
            "request_time, deliver_time, settle_time FROM tasks.command WHERE run_id = $1 AND kind NOT IN (4, 20) ",
            $rest
        )
    };
}

/// Orders to a run of the transaction's workspace, newest first, before `before`.
pub async fn orders(
    connection: &mut PgConnection,
    run: RunId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Command>, sqlx::Error> {
    sqlx::query_as(orders!("AND number < coalesce($2, 9223372036854775807) ORDER BY number DESC LIMIT $3"))
        .bind(run.uuid())
        .bind(before)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// The newest order to a run of one of these kinds that nothing else has come before.
pub async fn newest(
    connection: &mut PgConnection,
    run: RunId,
    kinds: &[CommandKind],
) -> Result<Option<Command>, sqlx::Error> {
    let kinds: Vec<i16> = kinds.iter().copied().map(command_number).collect();
    sqlx::query_as(orders!("AND kind = ANY ($2) AND state <> 4 ORDER BY number DESC LIMIT 1"))
        .bind(run.uuid())
        .bind(kinds)
        .fetch_optional(connection)
        .await
}

/// How an order is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It is so.
    Effective,
    /// Something else came first.
    Superseded,
}

/// Stamps letters, and brings the run's row up to date with them and with `opened` new inbox items. Answers whether there
/// is unread mail. The transaction must hold the run's row.
pub(super) async fn note(
    tx: &mut Tx,
    run: RunId,
    read_up_to: i64,
    settled: &[(CommandId, Settlement)],
    opened: i32,
    at: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let of = |how| -> Vec<Uuid> {
        settled.iter().filter(|(_, settled)| *settled == how).map(|(command, _)| command.uuid()).collect()
    };
    sqlx::query(include_str!("../../queries/note_mail.sql"))
        .bind(run.uuid())
        .bind(read_up_to)
        .bind(at)
        .bind(of(Settlement::Effective))
        .bind(of(Settlement::Superseded))
        .execute(&mut **tx)
        .await?;
    sqlx::query_scalar(include_str!("../../queries/note_people.sql"))
        .bind(run.uuid())
        .bind(read_up_to)
        .bind(opened)
        .fetch_one(&mut **tx)
        .await
}

/// Number of `CommandKind`.
pub const fn command_number(kind: CommandKind) -> i16 {
    match kind {
        CommandKind::Pause => 1,
        CommandKind::Resume => 2,
        CommandKind::Cancel => 3,
        CommandKind::Steer => 5,
        CommandKind::Retry => 6,
    }
}

/// The order of this number.
pub const fn command_of(number: i16) -> Option<CommandKind> {
    match number {
        1 => Some(CommandKind::Pause),
        2 => Some(CommandKind::Resume),
        3 => Some(CommandKind::Cancel),
        5 => Some(CommandKind::Steer),
        6 => Some(CommandKind::Retry),
        _ => None,
    }
}

/// What an order says besides its reason, as the column keeps it; none where that is nothing.
fn details_to_json(details: &Details) -> Option<String> {
    let said = *details != Details::default();
    said.then(|| serde_json::to_string(details).expect("details have string keys alone"))
}

/// How a child ended as the column keeps it.
fn ended_to_json(ended: &ChildEnded) -> String {
    serde_json::to_string(ended).expect("its keys are strings")
}

/// A decision as columns keep it.
pub(super) fn decision_to_json(decision: &Decision) -> String {
    serde_json::to_string(decision).expect("decisions have string keys alone")
}
