//! Rows of `identity.sign_in_window`: counted in a statement of its own, so that a failed sign-in leaves its count.

use sqlx::PgPool;
use time::OffsetDateTime;

use crate::domain::attempts::{Count, Counted, WINDOW};

/// Counts an attempt, in a new window if the last one is over.
pub(crate) async fn count(
    pool: &PgPool,
    counted: Counted,
    now: OffsetDateTime,
) -> Result<Count, sqlx::Error> {
    let (attempts, window_start) = sqlx::query_as(include_str!("../../queries/count_attempt.sql"))
        .bind(counted.key.as_slice())
        .bind(now)
        .bind(now - WINDOW)
        .fetch_one(pool)
        .await?;
    Ok(Count { attempts, window_start })
}

/// Takes an attempt back, because it was successful.
pub(crate) async fn uncount(pool: &PgPool, counted: Counted) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE identity.sign_in_window SET attempts = greatest(attempts - 1, 0) WHERE key_hash = $1")
        .bind(counted.key.as_slice())
        .execute(pool)
        .await
        .map(drop)
}

/// Removes windows that are over.
pub(crate) async fn sweep(pool: &PgPool, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM identity.sign_in_window WHERE window_start <= $1")
        .bind(now - WINDOW)
        .execute(pool)
        .await
        .map(drop)
}
