//! Runs as people see them, and how one begins.

use sqlx::{PgConnection, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::event::{Event, Queued};
use crate::domain::fold::{FOLD_VERSION, WaitReason};
use crate::domain::id::{RunId, TaskId, WorkspaceId};
use crate::store::append::step_key;

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Run {
    /// Its id.
    pub run_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// Its task.
    pub task_id: Uuid,
    /// The agent that does it.
    pub agent_id: Uuid,
    /// The agent's version.
    pub agent_version: i32,
    /// Number of `RunState`.
    pub status: i16,
    /// `seq` of its newest event.
    pub head_seq: i64,
    /// Model calls.
    pub steps: i32,
    /// Tokens in and out.
    pub total_tokens: i64,
    /// Sum of the known costs.
    pub cost_nano_usd: i64,
    /// Of it, what is estimated.
    pub estimated_cost_nano_usd: i64,
    /// Model calls of unknown cost.
    pub unpriced_calls: i32,
    /// What the agent said when it finished.
    pub summary: String,
    /// Why it failed.
    pub error_reason: Option<String>,
    /// The same for people.
    pub error_message: Option<String>,
    /// Who started it.
    pub starter: Uuid,
    /// When it was queued.
    pub create_time: OffsetDateTime,
    /// When a worker first took it.
    pub start_time: Option<OffsetDateTime>,
    /// When it ended.
    pub end_time: Option<OffsetDateTime>,
    /// Number of `WaitReason`.
    pub wait_reason: i16,
    /// Inbox items of it that are open.
    pub open_items: i32,
    /// Number of `CommandKind`: the newest order that is not settled.
    pub pending_command: i16,
    /// Title of its task when it was made.
    pub title: String,
    /// Name of its agent when it was made.
    pub agent_display_name: String,
    /// `{provider}/{model}`.
    pub model: String,
    /// When it goes on by itself.
    pub wake_time: Option<OffsetDateTime>,
    /// When it was to start; none for at once.
    pub scheduled_start_time: Option<OffsetDateTime>,
    /// The run that handed its task over.
    pub parent_run: Option<Uuid>,
}

/// Numbers of `RunState`.
pub mod status {
    /// Waits for a worker.
    pub const QUEUED: i16 = 1;
    /// A worker has it.
    pub const RUNNING: i16 = 2;
    /// Ended as it should.
    pub const SUCCEEDED: i16 = 3;
    /// Ended by an error or a limit.
    pub const FAILED: i16 = 4;
    /// Waits for a person or a time.
    pub const WAITING: i16 = 5;
    /// A person paused it.
    pub const PAUSED: i16 = 6;
    /// A person ended it.
    pub const CANCELLED: i16 = 7;

    /// True once nothing can follow.
    pub const fn is_terminal(status: i16) -> bool {
        matches!(status, SUCCEEDED | FAILED | CANCELLED)
    }
}

/// Number of `WaitReason`.
pub const fn wait_number(reason: WaitReason) -> i16 {
    match reason {
        WaitReason::Approval => 1,
        WaitReason::Input => 2,
        WaitReason::Outcome => 3,
        WaitReason::Timer => 4,
        WaitReason::Quota => 5,
        WaitReason::Child => 6,
    }
}

/// The fold that the journals of this release need, as the column has it.
pub const FOLD_VERSION_COLUMN: i16 = FOLD_VERSION as i16;

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " run_id, workspace_id, task_id, agent_id, agent_version, status, head_seq, steps, total_tokens, ",
            "cost_nano_usd, estimated_cost_nano_usd, unpriced_calls, summary, error_reason, error_message, starter, ",
            "create_time, start_time, end_time, wait_reason, open_items, pending_command, title, agent_display_name, model, ",
            "wake_time, scheduled_start_time, parent_run ",
            $after
        )
    };
}

/// A run of the transaction's workspace.
pub async fn get(connection: &mut PgConnection, run: RunId) -> Result<Option<Run>, sqlx::Error> {
    sqlx::query_as(columns!("SELECT", "FROM tasks.run WHERE run_id = $1"))
        .bind(run.uuid())
        .fetch_optional(connection)
        .await
}

/// The run of a task that has not ended, if there is one.
pub async fn live_of(connection: &mut PgConnection, task: TaskId) -> Result<Option<RunId>, sqlx::Error> {
    let run: Option<Uuid> =
        sqlx::query_scalar("SELECT run_id FROM tasks.run WHERE task_id = $1 AND end_time IS NULL")
            .bind(task.uuid())
            .fetch_optional(connection)
            .await?;
    Ok(run.map(RunId::new))
}

/// `head_seq` of some runs of the transaction's workspace.
pub async fn heads(connection: &mut PgConnection, runs: &[Uuid]) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    sqlx::query_as("SELECT run_id, head_seq FROM tasks.run WHERE run_id = ANY ($1)")
        .bind(runs)
        .fetch_all(connection)
        .await
}

/// Whether a run of the transaction's workspace has ended, and `seq` is its last event.
pub async fn has_ended_by(connection: &mut PgConnection, run: RunId, seq: i64) -> Result<bool, sqlx::Error> {
    let ended: Option<bool> =
        sqlx::query_scalar("SELECT end_time IS NOT NULL AND head_seq <= $2 FROM tasks.run WHERE run_id = $1")
            .bind(run.uuid())
            .bind(seq)
            .fetch_optional(connection)
            .await?;
    Ok(ended.unwrap_or(false))
}

/// Which runs are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only of this task.
    pub task: Option<TaskId>,
    /// Only in this state.
    pub status: Option<i16>,
    /// Only those that this run handed work to.
    pub parent: Option<RunId>,
}

/// Runs of the transaction's workspace, newest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: Filter,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Run>, sqlx::Error> {
    let mut query = QueryBuilder::new(columns!("SELECT", "FROM tasks.run WHERE workspace_id = "));
    query.push_bind(workspace.uuid());
    if let Some(task) = filter.task {
        query.push(" AND task_id = ").push_bind(task.uuid());
    }
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status);
    }
    if let Some(parent) = filter.parent {
        query.push(" AND parent_run = ").push_bind(parent.uuid());
    }
    if let Some(after) = after {
        query.push(" AND run_id < ").push_bind(after);
    }
    query.push(" ORDER BY run_id DESC LIMIT ").push_bind(limit);
    query.build_query_as().fetch_all(connection).await
}

/// Makes a run: its row, its first event, and its place among what is ready, or what is delayed until it is to start. The
/// transaction's workspace must be the brief's. Breaks `run_live_of_task` when the task has a run that has not ended.
pub async fn insert(
    connection: &mut PgConnection,
    queued: &Queued,
    now: OffsetDateTime,
) -> Result<Run, sqlx::Error> {
    let brief = &queued.brief;
    let workspace: WorkspaceId = brief.workspace;
    let run = new(queued, now);
    sqlx::query(
        "INSERT INTO tasks.run
             (run_id, workspace_id, task_id, agent_id, agent_version, head_seq, starter, fold_version, create_time,
              title, agent_display_name, model, wake_time, scheduled_start_time, queue_time, agent_runs, priority, parent_run, root_run)
         SELECT $1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10, $11, $12, $12, coalesce($12, clock_timestamp()), $13,
             -- Of its task as it is now: low an hour behind a normal one, high an hour before it, urgent six.
             coalesce((SELECT (ARRAY[-6, 0, 6, 36])[priority] FROM tasks.task WHERE task_id = $3), 0), $14, $15",
    )
    .bind(run.run_id)
    .bind(run.workspace_id)
    .bind(run.task_id)
    .bind(run.agent_id)
    .bind(run.agent_version)
    .bind(run.starter)
    .bind(FOLD_VERSION_COLUMN)
    .bind(run.create_time)
    .bind(&run.title)
    .bind(&run.agent_display_name)
    .bind(&run.model)
    .bind(run.scheduled_start_time)
    .bind(brief.agent.limits.max_concurrent_runs.map(|runs| i32::try_from(runs).unwrap_or(i32::MAX)))
    .bind(run.parent_run)
    .bind(brief.lineage.map(|lineage| lineage.root.uuid()))
    .execute(&mut *connection)
    .await?;

    let event = Event::Queued(queued.clone());
    let (step_key, attempt) = step_key(&event, 0);
    sqlx::query(
        "INSERT INTO tasks.journal (run_id, seq, workspace_id, kind, step_key, attempt, epoch, body, create_time)
         VALUES ($1, 1, $2, $3, $4, $5, 0, $6::json, $7)",
    )
    .bind(brief.run.uuid())
    .bind(workspace.uuid())
    .bind(event.kind())
    .bind(step_key)
    .bind(attempt)
    .bind(event.to_json())
    .bind(now)
    .execute(&mut *connection)
    .await?;

    sqlx::query(
        "WITH told AS (
             INSERT INTO tasks.change (workspace_id, kind, subject, parent, state) VALUES ($2, 2, $1, $3, 1)
         ),
         later AS (
             INSERT INTO tasks.delayed (run_id, workspace_id, wake_at)
             SELECT $1, $2, $4::timestamptz WHERE $4 IS NOT NULL
         )
         INSERT INTO tasks.ready
             (run_id, workspace_id, ready_at, fold_version, capability, agent_id, provider, agent_runs, turn, calls)
         SELECT run_id, workspace_id, clock_timestamp(), fold_version, capability, agent_id, provider, agent_runs, turn, true
         FROM tasks.run WHERE run_id = $1 AND $4 IS NULL",
    )
    .bind(brief.run.uuid())
    .bind(workspace.uuid())
    .bind(brief.task.task.uuid())
    .bind(queued.start_at)
    .execute(connection)
    .await?;
    Ok(run)
}

/// The row of a run that was just made, as a read would find it. It is not read back: the engine, which makes runs for
/// schedules, may not see what people called them.
fn new(queued: &Queued, now: OffsetDateTime) -> Run {
    let brief = &queued.brief;
    let agent = &brief.agent;
    // The database keeps microseconds.
    let (now, start_at) =
        (now.truncate_to_microsecond(), queued.start_at.map(OffsetDateTime::truncate_to_microsecond));
    Run {
        run_id: brief.run.uuid(),
        workspace_id: brief.workspace.uuid(),
        task_id: brief.task.task.uuid(),
        agent_id: agent.agent.uuid(),
        agent_version: agent.version,
        status: status::QUEUED,
        head_seq: 1,
        steps: 0,
        total_tokens: 0,
        cost_nano_usd: 0,
        estimated_cost_nano_usd: 0,
        unpriced_calls: 0,
        summary: String::new(),
        error_reason: None,
        error_message: None,
        starter: brief.starter.uuid(),
        create_time: now,
        start_time: None,
        end_time: None,
        wait_reason: 0,
        open_items: 0,
        pending_command: 0,
        title: brief.task.title.clone(),
        agent_display_name: agent.display_name.clone(),
        model: agent.model.clone(),
        wake_time: start_at,
        scheduled_start_time: start_at,
        parent_run: brief.lineage.map(|lineage| lineage.parent.uuid()),
    }
}
