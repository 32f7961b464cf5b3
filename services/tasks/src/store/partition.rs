//! Partitions of the journal: ranges of run ids, and so of the time at which runs were made.

use std::ops::RangeInclusive;
use std::time::Duration;

use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

/// How much time one partition may span. The function that makes them holds to the same.
pub const PARTITION_WIDTHS: RangeInclusive<Duration> =
    Duration::from_hours(1)..=Duration::from_hours(366 * 24);

/// A partition: the runs from `from_id` on and below `to_id`; none is an open end.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Partition {
    /// Its table, in the schema `tasks`.
    pub name: String,
    /// The first id that belongs to it.
    pub from_id: Option<Uuid>,
    /// The first id that does not.
    pub to_id: Option<Uuid>,
    /// Whether it has what belongs to no other.
    pub is_default: bool,
}

/// The partitions, the oldest first; the default and the first one have no beginning.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Partition>, sqlx::Error> {
    sqlx::query_as("SELECT name, from_id, to_id, is_default FROM tasks.journal_partitions()")
        .fetch_all(executor)
        .await
}

/// Makes the partitions that are missing from `at` up to `ahead` of it, each `width` wide, at most sixteen; answers how
/// many. However many schedulers do so at once, each is made once.
///
/// # Errors
/// Besides the usual, `lock_not_available` where something held a lock for too long: nothing was made; try again later.
pub async fn make(
    executor: impl PgExecutor<'_>,
    at: OffsetDateTime,
    width: Duration,
    ahead: Duration,
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT tasks.make_journal_partitions($1, make_interval(secs => $2), make_interval(secs => $3))",
    )
    .bind(at)
    .bind(width.as_secs_f64())
    .bind(ahead.as_secs_f64())
    .fetch_one(executor)
    .await
}
