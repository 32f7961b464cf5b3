//! Generations: one row each, fenced by the epoch of their owner.

use std::time::Duration;

use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;
use uuid::Uuid;

use super::corrupt;
use super::usage::{self, Buckets};
use crate::domain::ask::Attribution;
use crate::domain::conversation::FinishReason;
use crate::domain::generation::{End, Settled, State, Stored};
use crate::domain::usage::Usage;

/// What a new generation is about.
#[derive(Debug)]
pub struct New<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its workspace.
    pub workspace: Uuid,
    /// The key it is kept under.
    pub idempotency_key: &'a str,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
    /// `{provider}/{model}`.
    pub model: String,
    /// Where the price book looks the model up.
    pub price_place: &'a str,
    /// The process that runs it.
    pub owner: Uuid,
    /// Tokens that the request is about.
    pub estimated_input: u64,
    /// Whom it is booked to.
    pub attribution: &'a Attribution,
    /// When it was asked for.
    pub created_at: OffsetDateTime,
}

/// Which generation.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// The one with this id.
    Id(Uuid),
    /// The one under this key.
    Key(&'a str),
}

/// A generation that its owner ends.
#[derive(Clone, Debug)]
pub struct Owned {
    /// Its id.
    pub id: Uuid,
    /// Its workspace.
    pub workspace: Uuid,
    /// The owner's epoch: the fence.
    pub epoch: i32,
    /// `{provider}/{model}`.
    pub model: String,
    /// Whom it is booked to.
    pub attribution: Attribution,
}

#[derive(FromRow)]
struct Row {
    generation_id: Uuid,
    workspace_id: Uuid,
    idempotency_key: String,
    request_hash: Option<Vec<u8>>,
    model: String,
    price_place: String,
    state: String,
    owner: Uuid,
    epoch: i32,
    stale: bool,
    estimated_input_tokens: i64,
    estimated_output_tokens: i64,
    message: Option<String>,
    finish_reason: Option<String>,
    provider_model: String,
    error_reason: String,
    error_message: String,
    retry_at: Option<OffsetDateTime>,
    run: String,
    task: String,
    agent_version: String,
    created_at: OffsetDateTime,
    first_token_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
    input_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    output_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    estimated: Option<bool>,
    cost_nano_usd: Option<i64>,
}

/// Inserts a running generation; false when its key is taken.
pub async fn insert(connection: &mut PgConnection, new: &New<'_>) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/insert_generation.sql"))
        .bind(new.id)
        .bind(new.workspace)
        .bind(new.idempotency_key)
        .bind(new.request_hash.as_slice())
        .bind(&new.model)
        .bind(new.price_place)
        .bind(new.owner)
        .bind(usage::to_i64(new.estimated_input))
        .bind(&new.attribution.run)
        .bind(&new.attribution.task)
        .bind(&new.attribution.agent_version)
        .bind(new.created_at)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Reads a generation. `lease` is how long an owner may be silent.
pub async fn get(
    connection: &mut PgConnection,
    workspace: Uuid,
    by: By<'_>,
    lease: Duration,
) -> Result<Option<Stored>, sqlx::Error> {
    let lease_ms = lease.as_millis() as i64;
    let query = match by {
        By::Id(id) => sqlx::query_as(concat!(
            include_str!("../../queries/select_generation.sql"),
            "WHERE g.workspace_id = $2 AND g.generation_id = $3"
        ))
        .bind(lease_ms)
        .bind(workspace)
        .bind(id),
        By::Key(key) => sqlx::query_as(concat!(
            include_str!("../../queries/select_generation.sql"),
            "WHERE g.workspace_id = $2 AND g.idempotency_key = $3"
        ))
        .bind(lease_ms)
        .bind(workspace)
        .bind(key),
    };
    let row: Option<Row> = query.fetch_optional(connection).await?;
    row.map(Stored::try_from).transpose()
}

/// Ends a generation and books what it used; false when it is no longer the caller's, and then nothing is written.
pub async fn end(
    connection: &mut PgConnection,
    owned: &Owned,
    end: &End,
    provider_model: &str,
    first_token_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let (message, finish, fault, settlement) = match end {
        End::Succeeded(answer, paid) => (Some(&answer.message), Some(answer.finish_reason), None, Some(paid)),
        End::Failed(fault) => (None, None, Some(fault), None),
        End::Cut(fault, partial, paid) => (partial.as_ref(), None, Some(fault), paid.as_ref()),
    };
    let message =
        message.map(serde_json::to_string).transpose().map_err(|error| sqlx::Error::Encode(error.into()))?;
    let done = sqlx::query(include_str!("../../queries/end_generation.sql"))
        .bind(owned.id)
        .bind(owned.epoch)
        .bind(end.state().as_str())
        .bind(message)
        .bind(finish.map(FinishReason::as_str))
        .bind(provider_model)
        .bind(fault.map_or("", |fault| fault.kind.reason()))
        .bind(fault.map_or("", |fault| fault.message.as_str()))
        .bind(fault.and_then(|fault| fault.retry_after).map(|wait| now + wait))
        .bind(first_token_at)
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(settlement) = settlement {
        usage::insert(connection, owned, settlement, now).await?;
    }
    Ok(true)
}

impl TryFrom<Row> for Stored {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let message = row.message.as_deref().map(serde_json::from_str).transpose();
        let finish_reason = row
            .finish_reason
            .as_deref()
            .map(|text| FinishReason::from_stored(text).ok_or_else(|| corrupt("a finish reason")));
        let settled = row.input_tokens.map(|input| {
            let buckets = Buckets {
                input_tokens: input,
                cache_read_tokens: row.cache_read_tokens.unwrap_or_default(),
                cache_write_tokens: row.cache_write_tokens.unwrap_or_default(),
                output_tokens: row.output_tokens.unwrap_or_default(),
                reasoning_tokens: row.reasoning_tokens.unwrap_or_default(),
                estimated: row.estimated.unwrap_or_default(),
            };
            Settled { usage: Usage::from(buckets), cost_nano_usd: row.cost_nano_usd }
        });
        Ok(Self {
            id: row.generation_id,
            workspace: row.workspace_id,
            idempotency_key: row.idempotency_key,
            request_hash: row.request_hash,
            model: row.model,
            price_place: row.price_place,
            state: State::from_stored(&row.state).ok_or_else(|| corrupt("a state"))?,
            owner: row.owner,
            epoch: row.epoch,
            stale: row.stale,
            estimate: Usage::estimate(
                usage::to_u64(row.estimated_input_tokens),
                usage::to_u64(row.estimated_output_tokens),
            ),
            message: message.map_err(|_| corrupt("a message"))?,
            finish_reason: finish_reason.transpose()?,
            provider_model: row.provider_model,
            error_reason: row.error_reason,
            error_message: row.error_message,
            retry_at: row.retry_at,
            attribution: Attribution { run: row.run, task: row.task, agent_version: row.agent_version },
            created_at: row.created_at,
            first_token_at: row.first_token_at,
            ended_at: row.ended_at,
            settled,
        })
    }
}
