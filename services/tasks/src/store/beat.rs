//! The list of worker processes and their heartbeats: one row, one write a beat, whatever the number of runs.

use std::time::Duration;

use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::RunId;

/// Puts a worker on the list. Before this it must not claim: the reaper takes runs from workers that are not on it.
pub async fn register(executor: impl PgExecutor<'_>, worker: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO tasks.worker (worker_id) VALUES ($1)
         ON CONFLICT (worker_id) DO UPDATE SET beat_time = clock_timestamp()",
    )
    .bind(worker)
    .execute(executor)
    .await
    .map(drop)
}

/// Beats, and answers which of the worker's runs have mail that their journals take no note of.
pub async fn beat(executor: impl PgExecutor<'_>, worker: Uuid) -> Result<Vec<RunId>, sqlx::Error> {
    let runs: Vec<Uuid> = sqlx::query_scalar(BEAT).bind(worker).fetch_all(executor).await?;
    Ok(runs.into_iter().map(RunId::new).collect())
}

pub(crate) const BEAT: &str = include_str!("../../queries/beat.sql");

/// Which of a worker's runs have mail that their journals take no note of, without a beat.
pub async fn with_mail(executor: impl PgExecutor<'_>, worker: Uuid) -> Result<Vec<RunId>, sqlx::Error> {
    let runs: Vec<Uuid> = sqlx::query_scalar(
        "SELECT run_id FROM tasks.run WHERE worker_id = $1 AND mailbox_seq > mailbox_read",
    )
    .bind(worker)
    .fetch_all(executor)
    .await?;
    Ok(runs.into_iter().map(RunId::new).collect())
}

/// The clock that workers beat by.
pub async fn clock(executor: impl PgExecutor<'_>) -> Result<OffsetDateTime, sqlx::Error> {
    sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(executor).await
}

/// Takes a worker off the list. Runs that it still has become ready with the next reap.
pub async fn deregister(executor: impl PgExecutor<'_>, worker: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM tasks.worker WHERE worker_id = $1")
        .bind(worker)
        .execute(executor)
        .await
        .map(drop)
}

/// Takes workers off the list that have not beaten for ten time limits.
pub async fn forget_dead(executor: impl PgExecutor<'_>, ttl: Duration) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "DELETE FROM tasks.worker WHERE beat_time < clock_timestamp() - make_interval(secs => 10 * $1)",
    )
    .bind(ttl.as_secs_f64())
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
