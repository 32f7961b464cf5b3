//! The activity of workspaces: what is told of a change, how the relay numbers it, and how it is read.
//!
//! Changes of runs and inbox items are told by the statements that make them, in `queries/`; so the claim, the suspend and
//! the end of a run cost no further round trip, and the append costs nothing.

use std::time::Duration;

use sqlx::{PgConnection, PgExecutor};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{TaskId, WorkspaceId};

/// What changed.
pub mod kind {
    /// A task was made or changed.
    pub const TASK: i16 = 1;
    /// A run was made, stands elsewhere, or was ordered about.
    pub const RUN: i16 = 2;
    /// An inbox item was opened, decided or became void.
    pub const ITEM: i16 = 3;
}

/// Changes that the relay numbers in one statement.
pub const BATCH: i64 = 1_000;
/// Numbered changes that the relay forgets in one statement.
pub const PRUNED: i64 = 5_000;

/// A numbered change.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Change {
    /// Its place in the workspace's activity.
    pub seq: i64,
    /// One of [`kind`].
    pub kind: i16,
    /// The task, run or inbox item.
    pub subject: Uuid,
    /// The task of a run, the run of an item.
    pub parent: Option<Uuid>,
    /// Number of the run's or item's state then.
    pub state: i16,
    /// Of a run: what it waits for then; of an item: its kind.
    pub detail: i16,
    /// When it changed.
    pub create_time: OffsetDateTime,
}

/// Tells that a task was made or changed, in the transaction that does so.
pub async fn tell_task(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    task: TaskId,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO tasks.change (workspace_id, kind, subject) VALUES ($1, $2, $3)")
        .bind(workspace.uuid())
        .bind(kind::TASK)
        .bind(task.uuid())
        .execute(connection)
        .await
        .map(drop)
}

/// What a round of the relay came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// How many changes got a number.
    pub numbered: i64,
    /// The newest number of each workspace that got one.
    pub heads: Vec<(WorkspaceId, i64)>,
}

/// Numbers up to `batch` changes of all workspaces. Any number of processes may try at once: one of them does it, the others
/// number nothing.
pub async fn relay(executor: impl PgExecutor<'_>, batch: i64) -> Result<Round, sqlx::Error> {
    let rows: Vec<(Uuid, i64, i64)> =
        sqlx::query_as(include_str!("../../queries/relay.sql")).bind(batch).fetch_all(executor).await?;
    Ok(Round {
        numbered: rows.first().map_or(0, |row| row.2),
        heads: rows.into_iter().map(|(workspace, seq, _)| (WorkspaceId::new(workspace), seq)).collect(),
    })
}

/// Forgets changes that were numbered longer than `kept` ago, the oldest and at most `limit` of them; answers how many.
pub async fn prune(executor: impl PgExecutor<'_>, kept: Duration, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/prune_activity.sql"))
        .bind(kept.as_secs_f64())
        .bind(limit)
        .execute(executor)
        .await?;
    Ok(done.rows_affected())
}

/// Number of the newest change of the transaction's workspace; 0 if there was none ever.
pub async fn head(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<i64, sqlx::Error> {
    let head: Option<i64> = sqlx::query_scalar("SELECT seq FROM tasks.activity_head WHERE workspace_id = $1")
        .bind(workspace.uuid())
        .fetch_optional(connection)
        .await?;
    Ok(head.unwrap_or(0))
}

/// Number of the oldest change of the transaction's workspace that is kept.
pub async fn oldest(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT min(seq) FROM tasks.activity WHERE workspace_id = $1")
        .bind(workspace.uuid())
        .fetch_one(connection)
        .await
}

/// Changes of the transaction's workspace after `after_seq`, in order, at most `limit`.
pub async fn page(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    after_seq: i64,
    limit: i64,
) -> Result<Vec<Change>, sqlx::Error> {
    sqlx::query_as(
        "SELECT seq, kind, subject, parent, state, detail, create_time FROM tasks.activity
         WHERE workspace_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(workspace.uuid())
    .bind(after_seq)
    .bind(limit)
    .fetch_all(connection)
    .await
}
