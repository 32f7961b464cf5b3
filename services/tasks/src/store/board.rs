//! A task's place on the board: priority, labels, due time, source, what it is a part of and what it waits for.
//!
//! What is a part of what, and what waits for what, is a graph without a way around. Two changes that are sound by themselves
//! could make one together, so whoever changes an edge takes the lock of the workspace's graph first and reads behind it.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::board::priority;
use crate::domain::board::source::Source;
use crate::domain::id::{TaskId, WorkspaceId};

/// What people say of a task's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// Number of `TaskPriority`.
    pub priority: i16,
    /// Normalised, sorted, each once.
    pub labels: Vec<String>,
    /// What it is a part of.
    pub parent: Option<TaskId>,
    /// What must be done before, each once.
    pub blocked_by: Vec<TaskId>,
    /// When it should be done.
    pub due_time: Option<OffsetDateTime>,
    /// Where the work is.
    pub source: Option<Source>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            priority: priority::NORMAL,
            labels: Vec::new(),
            parent: None,
            blocked_by: Vec::new(),
            due_time: None,
            source: None,
        }
    }
}

/// Lets nobody else change an edge of the workspace's graph until the transaction ends. Taken after the lock of a task, and
/// never before one.
pub async fn lock_graph(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("tasks.task_dependency/{workspace}"))
        .execute(connection)
        .await
        .map(drop)
}

/// Titles of tasks of the transaction's workspace, in no order; what is not there is left out.
pub async fn titles(
    connection: &mut PgConnection,
    tasks: &[TaskId],
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    sqlx::query_as("SELECT task_id, title FROM tasks.task WHERE task_id = ANY ($1)")
        .bind(ids(tasks))
        .fetch_all(connection)
        .await
}

/// What waits for what, from these tasks on: pairs of a task and one that must be done before it.
pub async fn blockers_from(
    connection: &mut PgConnection,
    tasks: &[TaskId],
) -> Result<Vec<(TaskId, TaskId)>, sqlx::Error> {
    let edges: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "WITH RECURSIVE reached (task_id, blocker_id) AS (
             SELECT d.task_id, d.blocker_id FROM tasks.task_dependency d WHERE d.task_id = ANY ($1)
             UNION
             SELECT d.task_id, d.blocker_id FROM tasks.task_dependency d JOIN reached r ON d.task_id = r.blocker_id
         )
         SELECT task_id, blocker_id FROM reached",
    )
    .bind(ids(tasks))
    .fetch_all(connection)
    .await?;
    Ok(edges.into_iter().map(|(task, blocker)| (TaskId::new(task), TaskId::new(blocker))).collect())
}

/// What a task is a part of, and that, and so on: itself first. At most `limit`, so that it ends whatever is there.
pub async fn line_up(
    connection: &mut PgConnection,
    task: TaskId,
    limit: i32,
) -> Result<Vec<TaskId>, sqlx::Error> {
    let line: Vec<Uuid> = sqlx::query_scalar(
        "WITH RECURSIVE line (task_id, parent_task, place) AS (
             SELECT task_id, parent_task, 1 FROM tasks.task WHERE task_id = $1
             UNION ALL
             SELECT t.task_id, t.parent_task, line.place + 1
             FROM line JOIN tasks.task t ON t.task_id = line.parent_task WHERE line.place < $2
         )
         SELECT task_id FROM line ORDER BY place",
    )
    .bind(task.uuid())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(line.into_iter().map(TaskId::new).collect())
}

/// Levels of a task and its parts, their parts and so on: 1 for a task without parts. Counted up to `limit`.
pub async fn levels_down(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    task: TaskId,
    limit: i32,
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar(
        "WITH RECURSIVE parts (task_id, level) AS (
             SELECT $1::uuid, 1
             UNION ALL
             SELECT t.task_id, parts.level + 1
             FROM parts JOIN tasks.task t ON t.workspace_id = $3 AND t.parent_task = parts.task_id WHERE parts.level < $2
         )
         SELECT max(level) FROM parts",
    )
    .bind(task.uuid())
    .bind(limit)
    .bind(workspace.uuid())
    .fetch_one(connection)
    .await
}

/// How many parts a task has, without parts of those.
pub async fn count_parts(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    task: TaskId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) FROM tasks.task WHERE workspace_id = $1 AND parent_task = $2")
        .bind(workspace.uuid())
        .bind(task.uuid())
        .fetch_one(connection)
        .await
}

/// Puts a task of the transaction's workspace, which the transaction has locked or made, where people say that it belongs.
pub async fn place(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    task: TaskId,
    board: &Board,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.task SET priority = $2, labels = $3, parent_task = $4, due_time = $5, source_url = $6, source_ref = $7
         WHERE task_id = $1",
    )
    .bind(task.uuid())
    .bind(board.priority)
    .bind(&board.labels)
    .bind(board.parent.map(TaskId::uuid))
    .bind(board.due_time)
    .bind(board.source.as_ref().map(|source| &source.git_url))
    .bind(board.source.as_ref().map_or("", |source| &source.git_ref))
    .execute(&mut *connection)
    .await?;
    let blockers = ids(&board.blocked_by);
    sqlx::query("DELETE FROM tasks.task_dependency WHERE task_id = $1 AND blocker_id <> ALL ($2)")
        .bind(task.uuid())
        .bind(&blockers)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO tasks.task_dependency (task_id, blocker_id, workspace_id)
         SELECT $1, blocker, $3 FROM unnest($2::uuid[]) AS blocker ON CONFLICT DO NOTHING",
    )
    .bind(task.uuid())
    .bind(&blockers)
    .bind(workspace.uuid())
    .execute(connection)
    .await
    .map(drop)
}

fn ids(tasks: &[TaskId]) -> Vec<Uuid> {
    tasks.iter().map(|task| task.uuid()).collect()
}
