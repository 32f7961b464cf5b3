//! The ledger of what generations used and cost.

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::generation::Owned;
use crate::domain::ask::Attribution;
use crate::domain::generation::Settlement;
use crate::domain::usage::Usage;

/// Which entries.
#[derive(Debug)]
pub struct Filter {
    /// Of this workspace.
    pub workspace: Uuid,
    /// Of this run, by name; of any when empty.
    pub run: String,
    /// Of this task, by name; of any when empty.
    pub task: String,
}

/// One entry.
#[derive(Debug)]
pub struct Entry {
    /// The generation.
    pub generation: Uuid,
    /// When it was booked.
    pub created_at: OffsetDateTime,
    /// `{provider}/{model}`.
    pub model: String,
    /// Whom it is booked to.
    pub attribution: Attribution,
    /// What was used.
    pub usage: Usage,
    /// Nano US dollars; `None` is unknown.
    pub cost_nano_usd: Option<i64>,
}

/// A sum over entries.
#[derive(Debug, FromRow)]
pub struct Total {
    /// How many generations.
    pub generations: i64,
    /// What they used.
    #[sqlx(flatten)]
    pub usage: Buckets,
    /// Sum of all known costs in nano US dollars.
    pub cost_nano_usd: i64,
    /// Generations whose cost is unknown.
    pub unpriced_generations: i64,
    /// Of `cost_nano_usd`, what is estimated.
    pub estimated_cost_nano_usd: i64,
    /// Generations whose usage and cost are estimated.
    pub estimated_generations: i64,
}

/// The columns of [`Usage`].
#[derive(Clone, Copy, Debug, FromRow)]
pub struct Buckets {
    pub(super) input_tokens: i64,
    pub(super) cache_read_tokens: i64,
    pub(super) cache_write_tokens: i64,
    pub(super) output_tokens: i64,
    pub(super) reasoning_tokens: i64,
    pub(super) estimated: bool,
}

#[derive(FromRow)]
struct Row {
    generation_id: Uuid,
    created_at: OffsetDateTime,
    model: String,
    run: String,
    task: String,
    agent_version: String,
    #[sqlx(flatten)]
    usage: Buckets,
    cost_nano_usd: Option<i64>,
}

impl From<Buckets> for Usage {
    fn from(buckets: Buckets) -> Self {
        Self {
            input: to_u64(buckets.input_tokens),
            cache_read: to_u64(buckets.cache_read_tokens),
            cache_write: to_u64(buckets.cache_write_tokens),
            output: to_u64(buckets.output_tokens),
            reasoning: to_u64(buckets.reasoning_tokens),
            estimated: buckets.estimated,
        }
    }
}

/// A count as PostgreSQL keeps it; more than it can keep is kept as the most it can.
pub(super) fn to_i64(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count that PostgreSQL kept; the schema forbids negative ones.
pub(super) fn to_u64(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// Books what a generation used.
pub(super) async fn insert(
    connection: &mut PgConnection,
    owned: &Owned,
    settlement: &Settlement,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let usage = settlement.usage;
    sqlx::query(include_str!("../../queries/insert_usage_entry.sql"))
        .bind(owned.id)
        .bind(owned.workspace)
        .bind(&owned.model)
        .bind(&owned.attribution.run)
        .bind(&owned.attribution.task)
        .bind(&owned.attribution.agent_version)
        .bind(to_i64(usage.input))
        .bind(to_i64(usage.cache_read))
        .bind(to_i64(usage.cache_write))
        .bind(to_i64(usage.output))
        .bind(to_i64(usage.reasoning))
        .bind(usage.estimated)
        .bind(&settlement.raw_usage)
        .bind(settlement.cost_nano_usd)
        .bind(&settlement.price_source)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Entries newest first, those behind `after` (time and generation), at most `limit`.
pub async fn list(
    connection: &mut PgConnection,
    filter: &Filter,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<Entry>, sqlx::Error> {
    let (after_time, after_id) = after.unzip();
    let rows: Vec<Row> = sqlx::query_as(include_str!("../../queries/list_usage.sql"))
        .bind(filter.workspace)
        .bind(&filter.run)
        .bind(&filter.task)
        .bind(after_time)
        .bind(after_id)
        .bind(limit)
        .fetch_all(connection)
        .await?;
    let entries = rows.into_iter().map(|row| Entry {
        generation: row.generation_id,
        created_at: row.created_at,
        model: row.model,
        attribution: Attribution { run: row.run, task: row.task, agent_version: row.agent_version },
        usage: row.usage.into(),
        cost_nano_usd: row.cost_nano_usd,
    });
    Ok(entries.collect())
}

/// The sum over everything that a filter selects.
pub async fn sum(connection: &mut PgConnection, filter: &Filter) -> Result<Total, sqlx::Error> {
    sqlx::query_as(include_str!("../../queries/sum_usage.sql"))
        .bind(filter.workspace)
        .bind(&filter.run)
        .bind(&filter.task)
        .fetch_one(connection)
        .await
}
