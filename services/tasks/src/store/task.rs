//! The board.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::board::priority;
use crate::domain::id::{AgentId, RunId, TaskId, UserId, WorkspaceId};
use crate::store::activity;

/// A task as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Task {
    /// Its id.
    pub task_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// One line.
    pub title: String,
    /// What is to be done.
    pub brief: String,
    /// The agent that does it.
    pub assignee: Option<Uuid>,
    /// What must be true of the result.
    pub acceptance_checks: Vec<String>,
    /// Number of `TaskState`.
    pub state: i16,
    /// Its newest run.
    pub latest_run: Option<Uuid>,
    /// Who made it.
    pub creator: Uuid,
    /// When.
    pub create_time: OffsetDateTime,
    /// When it last changed.
    pub update_time: OffsetDateTime,
    /// Counts what people changed.
    pub revision: i64,
    /// Number of `TaskPriority`.
    pub priority: i16,
    /// Normalised, sorted, each once.
    pub labels: Vec<String>,
    /// The task that it is a part of.
    pub parent_task: Option<Uuid>,
    /// When it should be done.
    pub due_time: Option<OffsetDateTime>,
    /// Where the work is: a repository.
    pub source_url: Option<String>,
    /// And a ref in it; empty for the default.
    pub source_ref: String,
    /// Comments on it.
    pub comment_count: i32,
    /// Tasks that must be done before.
    pub blocked_by: Vec<Uuid>,
    /// Of these, those that are not.
    pub open_blockers: Vec<Uuid>,
    /// Its parts.
    pub subtask_count: i32,
    /// Of these, those that are done.
    pub done_subtask_count: i32,
}

/// What people say of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// One line, 1 to 200 characters.
    pub title: String,
    /// At most 64 KiB.
    pub brief: String,
    /// The agent that does it.
    pub assignee: Option<AgentId>,
    /// At most 20.
    pub acceptance_checks: Vec<String>,
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " task_id, workspace_id, title, brief, assignee, acceptance_checks, state, latest_run, creator, ",
            "create_time, update_time, revision, priority, labels, parent_task, due_time, source_url, source_ref, ",
            "comment_count, ",
            "ARRAY(SELECT d.blocker_id FROM tasks.task_dependency d WHERE d.task_id = task.task_id ORDER BY 1) AS blocked_by, ",
            "ARRAY(SELECT d.blocker_id FROM tasks.task_dependency d JOIN tasks.task b ON b.task_id = d.blocker_id ",
            "WHERE d.task_id = task.task_id AND b.state <> 3 ORDER BY 1) AS open_blockers, ",
            "(SELECT count(*)::integer FROM tasks.task p WHERE p.workspace_id = task.workspace_id ",
            "AND p.parent_task = task.task_id) AS subtask_count, ",
            "(SELECT count(*)::integer FROM tasks.task p WHERE p.workspace_id = task.workspace_id ",
            "AND p.parent_task = task.task_id AND p.state = 3) AS done_subtask_count ",
            $after
        )
    };
}
pub(super) use columns;

/// Puts a task on the board, with nothing said of its place there: see [`super::board::place`]. It is not read back: the engine, which does so for schedules, may not see what people wrote.
pub async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    task: TaskId,
    content: &Content,
    creator: UserId,
    now: OffsetDateTime,
) -> Result<Task, sqlx::Error> {
    activity::tell_task(&mut *connection, workspace, task).await?;
    // The database keeps microseconds.
    let now = now.truncate_to_microsecond();
    let made = Task {
        task_id: task.uuid(),
        workspace_id: workspace.uuid(),
        title: content.title.clone(),
        brief: content.brief.clone(),
        assignee: content.assignee.map(AgentId::uuid),
        acceptance_checks: content.acceptance_checks.clone(),
        state: 1,
        latest_run: None,
        creator: creator.uuid(),
        create_time: now,
        update_time: now,
        revision: 1,
        priority: priority::NORMAL,
        labels: Vec::new(),
        parent_task: None,
        due_time: None,
        source_url: None,
        source_ref: String::new(),
        comment_count: 0,
        blocked_by: Vec::new(),
        open_blockers: Vec::new(),
        subtask_count: 0,
        done_subtask_count: 0,
    };
    sqlx::query(
        "INSERT INTO tasks.task
             (task_id, workspace_id, title, brief, assignee, acceptance_checks, creator, create_time, update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    )
    .bind(made.task_id)
    .bind(made.workspace_id)
    .bind(&made.title)
    .bind(&made.brief)
    .bind(made.assignee)
    .bind(&made.acceptance_checks)
    .bind(made.creator)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(made)
}

/// A task of the transaction's workspace.
pub async fn get(connection: &mut PgConnection, task: TaskId) -> Result<Option<Task>, sqlx::Error> {
    sqlx::query_as(columns!("SELECT", "FROM tasks.task WHERE task_id = $1"))
        .bind(task.uuid())
        .fetch_optional(connection)
        .await
}

/// A task of the transaction's workspace, which nobody else changes until the transaction ends.
pub async fn lock(connection: &mut PgConnection, task: TaskId) -> Result<Option<Task>, sqlx::Error> {
    sqlx::query_as(columns!("SELECT", "FROM tasks.task WHERE task_id = $1 FOR UPDATE"))
        .bind(task.uuid())
        .fetch_optional(connection)
        .await
}

/// Replaces what people say of a task that the transaction has locked, and raises its revision. Who moves it on the board
/// does that before.
pub async fn update(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    task: TaskId,
    content: &Content,
    now: OffsetDateTime,
) -> Result<Task, sqlx::Error> {
    activity::tell_task(&mut *connection, workspace, task).await?;
    sqlx::query_as(columns!(
        "UPDATE tasks.task SET title = $2, brief = $3, assignee = $4, acceptance_checks = $5, update_time = $6,
             revision = revision + 1
         WHERE task_id = $1 RETURNING",
        ""
    ))
    .bind(task.uuid())
    .bind(&content.title)
    .bind(&content.brief)
    .bind(content.assignee.map(AgentId::uuid))
    .bind(&content.acceptance_checks)
    .bind(now)
    .fetch_one(connection)
    .await
}

/// Moves a task along with a run of it that was just made.
pub async fn begin_run(
    connection: &mut PgConnection,
    task: TaskId,
    run: RunId,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH begun AS (
             UPDATE tasks.task SET state = 2, latest_run = $2, update_time = $3 WHERE task_id = $1
             RETURNING workspace_id, task_id
         )
         INSERT INTO tasks.change (workspace_id, kind, subject) SELECT workspace_id, 1, task_id FROM begun",
    )
    .bind(task.uuid())
    .bind(run.uuid())
    .bind(now)
    .execute(connection)
    .await
    .map(drop)
}
