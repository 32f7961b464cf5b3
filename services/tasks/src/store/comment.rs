//! What people say about tasks.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{CommentId, TaskId, UserId, WorkspaceId};
use crate::store::activity;

/// A comment as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Comment {
    /// Its id.
    pub comment_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// Its task.
    pub task_id: Uuid,
    /// Who said it.
    pub author: Uuid,
    /// Markdown.
    pub text: String,
    /// When.
    pub create_time: OffsetDateTime,
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!($before, " comment_id, workspace_id, task_id, author, text, create_time ", $after)
    };
}

/// What is to be said.
#[derive(Debug, Clone, Copy)]
pub struct NewComment<'a> {
    /// Its id.
    pub comment: CommentId,
    /// About this task.
    pub task: TaskId,
    /// By whom.
    pub author: UserId,
    /// Markdown.
    pub text: &'a str,
}

/// Says something about a task that the transaction has locked.
pub async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    new: NewComment<'_>,
    now: OffsetDateTime,
) -> Result<Comment, sqlx::Error> {
    count(&mut *connection, workspace, new.task, 1).await?;
    sqlx::query_as(columns!(
        "INSERT INTO tasks.task_comment (comment_id, workspace_id, task_id, author, text, create_time)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING",
        ""
    ))
    .bind(new.comment.uuid())
    .bind(workspace.uuid())
    .bind(new.task.uuid())
    .bind(new.author.uuid())
    .bind(new.text)
    .bind(now)
    .fetch_one(connection)
    .await
}

/// A comment on this task, of the transaction's workspace.
pub async fn get(
    connection: &mut PgConnection,
    task: TaskId,
    comment: CommentId,
) -> Result<Option<Comment>, sqlx::Error> {
    sqlx::query_as(columns!("SELECT", "FROM tasks.task_comment WHERE comment_id = $1 AND task_id = $2"))
        .bind(comment.uuid())
        .bind(task.uuid())
        .fetch_optional(connection)
        .await
}

/// Comments on a task, the oldest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    task: TaskId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Comment>, sqlx::Error> {
    sqlx::query_as(columns!(
        "SELECT",
        "FROM tasks.task_comment WHERE task_id = $1 AND comment_id > $2 ORDER BY comment_id LIMIT $3"
    ))
    .bind(task.uuid())
    .bind(after.unwrap_or(Uuid::nil()))
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Takes back a comment on a task that the transaction has locked.
pub async fn delete(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    task: TaskId,
    comment: CommentId,
) -> Result<(), sqlx::Error> {
    count(&mut *connection, workspace, task, -1).await?;
    sqlx::query("DELETE FROM tasks.task_comment WHERE comment_id = $1 AND task_id = $2")
        .bind(comment.uuid())
        .bind(task.uuid())
        .execute(connection)
        .await
        .map(drop)
}

/// Counts a comment more or less, and tells of it. The task's revision stays: nobody's edit is refused for what was said.
async fn count(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    task: TaskId,
    by: i32,
) -> Result<(), sqlx::Error> {
    activity::tell_task(&mut *connection, workspace, task).await?;
    sqlx::query("UPDATE tasks.task SET comment_count = comment_count + $2 WHERE task_id = $1")
        .bind(task.uuid())
        .bind(by)
        .execute(connection)
        .await
        .map(drop)
}
