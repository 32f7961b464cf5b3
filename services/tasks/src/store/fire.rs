//! Fires: how ticks become fires, and what becomes of each. A schedule's row is locked first, its fires after it, and a run
//! after both.

use std::time::Duration;

use mc_chassis::db::Tx;
use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{CommandId, FireId, RunId, ScheduleId, TaskId, WorkspaceId};
use crate::domain::schedule::SkipReason;
use crate::store::schedule::StoredContent;

/// Numbers of `ScheduleFireState`.
pub mod state {
    /// To be started.
    pub const DUE: i16 = 1;
    /// Waits for the end of a run.
    pub const WAITING: i16 = 2;
    /// Has its run.
    pub const STARTED: i16 = 3;
    /// Starts nothing.
    pub const SKIPPED: i16 = 4;
    /// Could not be started.
    pub const FAILED: i16 = 5;
}

/// A fire as people see it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Fire {
    /// Its schedule.
    pub schedule_id: Uuid,
    /// When it was due.
    pub due_time: OffsetDateTime,
    /// Its id.
    pub fire_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// Who asked for it.
    pub requester: Option<Uuid>,
    /// What for, in their words.
    pub note: String,
    /// One of [`state`].
    pub state: i16,
    /// Why, for programs.
    pub reason: String,
    /// Why, for people.
    pub message: String,
    /// The task that it put on the board.
    pub task_id: Option<Uuid>,
    /// The run that it started.
    pub run_id: Option<Uuid>,
    /// The run that stood in its way.
    pub blocking_run: Option<Uuid>,
    /// The order that cancels that run.
    pub cancel_command: Option<Uuid>,
    /// Ticks before it that were missed.
    pub missed_times: i64,
    /// How often it was tried to start it.
    pub attempts: i32,
    /// When it was seen to be due.
    pub create_time: OffsetDateTime,
    /// When it was settled.
    pub settle_time: Option<OffsetDateTime>,
}

macro_rules! fires {
    ($rest:literal) => {
        concat!(
            "SELECT schedule_id, due_time, fire_id, workspace_id, requester, note, state, reason, message, task_id, run_id, ",
            "blocking_run, cancel_command, missed_times, attempts, create_time, settle_time FROM tasks.schedule_fire ",
            $rest
        )
    };
}

/// Fires of a schedule of the transaction's workspace, newest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    schedule: ScheduleId,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<Fire>, sqlx::Error> {
    let (due, fire) = after.unzip();
    sqlx::query_as(fires!(
        "WHERE schedule_id = $1 AND ($2::timestamptz IS NULL OR (due_time, fire_id) < ($2, $3))
         ORDER BY due_time DESC, fire_id DESC LIMIT $4"
    ))
    .bind(schedule.uuid())
    .bind(due)
    .bind(fire)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// The newest fire of each of these schedules of the transaction's workspace.
pub async fn newest(connection: &mut PgConnection, schedules: &[Uuid]) -> Result<Vec<Fire>, sqlx::Error> {
    sqlx::query_as(
        "SELECT f.* FROM unnest($1::uuid[]) AS s (schedule_id) CROSS JOIN LATERAL (
             SELECT * FROM tasks.schedule_fire f WHERE f.schedule_id = s.schedule_id
             ORDER BY f.due_time DESC, f.fire_id DESC LIMIT 1
         ) f",
    )
    .bind(schedules)
    .fetch_all(connection)
    .await
}

/// Has schedules looked at whose fires wait for a run that has ended; answers how many.
pub async fn wake(
    executor: impl PgExecutor<'_>,
    now: OffsetDateTime,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/wake_schedules.sql"))
        .bind(now)
        .bind(limit)
        .execute(executor)
        .await?;
    Ok(done.rows_affected())
}

/// Takes up to `limit` schedules whose open fires are to be looked at. Unless that comes to something, others may take them
/// after `patience`.
pub async fn take(
    executor: impl PgExecutor<'_>,
    now: OffsetDateTime,
    patience: Duration,
    limit: i64,
) -> Result<Vec<(ScheduleId, WorkspaceId)>, sqlx::Error> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(include_str!("../../queries/take_schedules.sql"))
        .bind(now)
        .bind(now + patience)
        .bind(limit)
        .fetch_all(executor)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(schedule, workspace)| (ScheduleId::new(schedule), WorkspaceId::new(workspace)))
        .collect())
}

/// What is looked at: a schedule that the transaction has locked, and its open fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Its standing.
    pub schedule: Standing,
    /// Its run that has not ended.
    pub live: Option<RunId>,
    /// In the order in which they were due.
    pub open: Vec<Open>,
}

/// What the engine needs to know of a schedule with open fires.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Standing {
    /// Number of `OverlapPolicy`.
    pub overlap_policy: i16,
    /// Whether its clock stands.
    pub paused: bool,
    /// On whose behalf its ticks fire.
    pub creator: Uuid,
    latest_run: Option<Uuid>,
}

/// An open fire.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Open {
    /// Which.
    pub fire_id: Uuid,
    /// When it was due.
    pub due_time: OffsetDateTime,
    /// Who asked for it.
    pub requester: Option<Uuid>,
    /// The run that it waits for.
    pub blocking_run: Option<Uuid>,
    /// How often it was tried to start it.
    pub attempts: i32,
    /// When it was seen to be due.
    pub create_time: OffsetDateTime,
}

/// Locks a schedule and reads its open fires; none if the schedule was deleted. The transaction's workspace must be its own.
pub async fn look(tx: &mut Tx, schedule: ScheduleId) -> Result<Option<Look>, sqlx::Error> {
    let standing: Option<Standing> = sqlx::query_as(
        "SELECT overlap_policy, paused, creator, latest_run FROM tasks.schedule WHERE schedule_id = $1 FOR UPDATE",
    )
    .bind(schedule.uuid())
    .fetch_optional(&mut **tx)
    .await?;
    let Some(standing) = standing else { return Ok(None) };
    // Statements of their own: what they see is of after the lock.
    let live: Option<Uuid> =
        sqlx::query_scalar("SELECT run_id FROM tasks.run WHERE run_id = $1 AND end_time IS NULL")
            .bind(standing.latest_run)
            .fetch_optional(&mut **tx)
            .await?;
    let open = sqlx::query_as(
        "SELECT fire_id, due_time, requester, blocking_run, attempts, create_time FROM tasks.schedule_fire
         WHERE schedule_id = $1 AND settle_time IS NULL ORDER BY due_time, fire_id",
    )
    .bind(schedule.uuid())
    .fetch_all(&mut **tx)
    .await?;
    Ok(Some(Look { schedule: standing, live: live.map(RunId::new), open }))
}

/// What a fire of a schedule puts on the board. The transaction's workspace must be the schedule's.
pub async fn content(tx: &mut Tx, schedule: ScheduleId) -> Result<StoredContent, sqlx::Error> {
    sqlx::query_as(
        "SELECT title, brief, assignee, acceptance_checks FROM tasks.schedule_content WHERE schedule_id = $1",
    )
    .bind(schedule.uuid())
    .fetch_one(&mut **tx)
    .await
}

/// Nothing is to be done for a locked schedule: until something is due, or until its live run has ended where `waits`.
pub async fn rest(tx: &mut Tx, schedule: ScheduleId, waits: bool) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE tasks.schedule SET look_at = NULL, waits = $2 WHERE schedule_id = $1")
        .bind(schedule.uuid())
        .bind(waits)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// How an open fire ends without a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'a> {
    /// It starts nothing, because of this run if there is one.
    Skipped(SkipReason, Option<RunId>),
    /// It could not be started: reason and message.
    Failed(&'a str, &'a str),
}

/// Ends open fires of a locked schedule.
pub async fn end(
    tx: &mut Tx,
    schedule: ScheduleId,
    fires: &[Uuid],
    end: End<'_>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let (state, reason, message, run) = match end {
        End::Skipped(skip, run) => (state::SKIPPED, skip.as_str(), skip.to_string(), run),
        End::Failed(reason, message) => (state::FAILED, reason, message.to_owned(), None),
    };
    sqlx::query(include_str!("../../queries/settle_fires.sql"))
        .bind(schedule.uuid())
        .bind(fires)
        .bind(state)
        .bind(reason)
        .bind(message)
        .bind(run.map(RunId::uuid))
        .bind(now)
        .execute(&mut **tx)
        .await
        .map(drop)
}

/// A fire of a locked schedule waits for a run, which this order cancels if there is one.
pub async fn block(
    tx: &mut Tx,
    schedule: ScheduleId,
    fire: FireId,
    run: RunId,
    cancel: Option<CommandId>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.schedule_fire SET state = 2, blocking_run = $3, cancel_command = $4
         WHERE schedule_id = $1 AND fire_id = $2 AND settle_time IS NULL",
    )
    .bind(schedule.uuid())
    .bind(fire.uuid())
    .bind(run.uuid())
    .bind(cancel.map(CommandId::uuid))
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// A fire of a locked schedule could not be started yet, for this reason; it is looked at again at `again`.
pub async fn put_back(
    tx: &mut Tx,
    schedule: ScheduleId,
    fire: FireId,
    reason: &str,
    message: &str,
    again: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH tried AS (
             UPDATE tasks.schedule_fire SET state = 1, attempts = attempts + 1, reason = $3, message = $4
             WHERE schedule_id = $1 AND fire_id = $2 AND settle_time IS NULL
         )
         UPDATE tasks.schedule SET look_at = $5 WHERE schedule_id = $1",
    )
    .bind(schedule.uuid())
    .bind(fire.uuid())
    .bind(reason)
    .bind(message)
    .bind(again)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// A fire of a locked schedule has its run; false if it was settled before, and then nothing may be committed.
pub async fn started(
    tx: &mut Tx,
    schedule: ScheduleId,
    fire: FireId,
    task: TaskId,
    run: RunId,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "WITH started AS (
             UPDATE tasks.schedule_fire
             SET state = 3, reason = '', message = '', task_id = $3, run_id = $4, attempts = attempts + 1, settle_time = $5
             WHERE schedule_id = $1 AND fire_id = $2 AND settle_time IS NULL
             RETURNING fire_id
         )
         UPDATE tasks.schedule
         SET latest_run = $4, open_fires = open_fires - 1, started_fires = started_fires + 1, waits = false
         WHERE schedule_id = $1 AND EXISTS (SELECT FROM started)",
    )
    .bind(schedule.uuid())
    .bind(fire.uuid())
    .bind(task.uuid())
    .bind(run.uuid())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets fires that were settled before a time, at most `limit`; answers how many.
pub async fn prune(
    executor: impl PgExecutor<'_>,
    before: OffsetDateTime,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "DELETE FROM tasks.schedule_fire WHERE (schedule_id, due_time, fire_id) IN (
             SELECT schedule_id, due_time, fire_id FROM tasks.schedule_fire
             WHERE settle_time < $1 ORDER BY settle_time LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(before)
    .bind(limit)
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
