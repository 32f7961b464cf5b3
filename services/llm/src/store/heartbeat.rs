//! Signs of life: owners show theirs, and whoever misses one for too long takes the generation away.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::generation::Owned;
use super::usage;
use crate::domain::fault::Kind;
use crate::domain::generation::{Settlement, Stored};

/// Ids of generations whose owner has been silent for longer than the lease, at most `limit`.
pub async fn stale(
    connection: &mut PgConnection,
    workspace: Uuid,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT generation_id FROM llm.generation WHERE workspace_id = $1 AND state = 'running' \
         AND heartbeat_at < clock_timestamp() - make_interval(secs => $2::bigint / 1000.0) LIMIT $3",
    )
    .bind(workspace)
    .bind(lease.as_millis() as i64)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Workspaces with such generations, at most `limit`. The one question that is asked across workspaces.
pub async fn stale_workspaces(
    connection: &mut PgConnection,
    lease: Duration,
    limit: i32,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar("SELECT llm.stale_workspaces($1, $2)")
        .bind(lease.as_millis() as i64)
        .bind(limit)
        .fetch_all(connection)
        .await
}

/// Shows that generations (id, epoch, tokens of answer so far) are alive; those that are still the caller's come back,
/// each with whether somebody has asked to stop it.
pub async fn beat(
    connection: &mut PgConnection,
    alive: &[(Uuid, i32, u64)],
) -> Result<HashMap<Uuid, bool>, sqlx::Error> {
    let ids: Vec<Uuid> = alive.iter().map(|one| one.0).collect();
    let epochs: Vec<i32> = alive.iter().map(|one| one.1).collect();
    let tokens: Vec<i64> = alive.iter().map(|one| usage::to_i64(one.2)).collect();
    let kept: Vec<(Uuid, bool)> = sqlx::query_as(include_str!("../../queries/beat_generations.sql"))
        .bind(ids)
        .bind(epochs)
        .bind(tokens)
        .fetch_all(connection)
        .await?;
    Ok(kept.into_iter().collect())
}

/// Takes a generation from an owner that went silent and books an estimate; false when the owner came back or somebody
/// else was faster.
pub async fn abandon(
    connection: &mut PgConnection,
    stored: &Stored,
    settlement: &Settlement,
    lease: Duration,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/abandon_generation.sql"))
        .bind(stored.id)
        .bind(stored.epoch)
        .bind(lease.as_millis() as i64)
        .bind(Kind::Interrupted.reason())
        .bind("the process that was calling the model died in mid-answer")
        .bind(Kind::Cancelled.reason())
        .bind(super::cancel::MESSAGE)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let owned = Owned {
        id: stored.id,
        workspace: stored.workspace,
        epoch: stored.epoch + 1,
        model: stored.model.clone(),
        attribution: stored.attribution.clone(),
    };
    usage::insert(connection, &owned, settlement, now).await?;
    Ok(true)
}
