//! Deliveries as they are sent: whose turn it is to send over a channel, what is due there, and what came of each attempt.
//! All of it as the engine, whose rows name no more than ids; words are read in transactions that name the workspace.

use mc_chassis::db::Tx;
use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::delivery::state;

/// Deliveries that one turn at a channel sends at most.
pub const BATCH: i64 = 20;
/// Settled deliveries that are forgotten in one statement.
pub const PRUNED: i64 = 5_000;

/// The turn at a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Turn {
    /// The channel.
    pub channel_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// Until when nobody else sends over it; names the turn.
    pub until: OffsetDateTime,
}

/// A channel, as far as sending over it takes.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    /// Number of its format.
    pub format: i16,
    /// Whether words of people and agents go along.
    pub include_content: bool,
    /// Whether it is told of nothing.
    pub disabled: bool,
    /// Whose own it is; the workspace's if none.
    pub owner: Option<Uuid>,
    /// Where it leads; of a Slack channel the host alone, and of mail nothing.
    pub url: String,
    /// What is secret of it; none of mail.
    pub credential_id: Option<Uuid>,
    /// The signing secret before the last rotation.
    pub old_credential_id: Option<Uuid>,
    /// Until when it signs along.
    pub old_secret_expire_time: Option<OffsetDateTime>,
    /// Zone of its quiet hours; with the next three all or none.
    pub quiet_zone: Option<String>,
    /// From when it is quiet, in minutes of the day.
    pub quiet_start_min: Option<i16>,
    /// Until when.
    pub quiet_end_min: Option<i16>,
    /// On which days that begins: 1 Monday to 7 Sunday.
    pub quiet_days: Option<Vec<i16>>,
    /// Numbers of what cannot wait.
    pub urgent_kinds: Vec<i16>,
    /// Seconds for which what happens is gathered.
    pub digest_s: i32,
}

/// A delivery that is due, with what it tells of.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Due {
    /// Which.
    pub delivery_id: Uuid,
    /// Number of what it is about.
    pub kind: i16,
    /// The run.
    pub run_id: Option<Uuid>,
    /// Its agent.
    pub agent_id: Option<Uuid>,
    /// What is to be decided.
    pub item_id: Option<Uuid>,
    /// Attempts before this one.
    pub attempts: i16,
    /// Replays.
    pub replays: i32,
    /// When what it is about happened.
    pub create_time: OffsetDateTime,
    /// Number of the item's state.
    pub item_state: Option<i16>,
    /// The task's title when the run was made.
    pub title: Option<String>,
    /// The task's id.
    pub task: Option<String>,
    /// The agent's name then.
    pub agent_name: Option<String>,
    /// The event that says more, as the journal has it.
    pub said: Option<String>,
}

/// Takes the turn of up to `limit` channels with something to send, until then.
pub async fn take(
    executor: impl PgExecutor<'_>,
    now: OffsetDateTime,
    until: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Turn>, sqlx::Error> {
    sqlx::query_as(TAKE).bind(now).bind(until).bind(limit).fetch_all(executor).await
}

pub(crate) const TAKE: &str = include_str!("../../queries/take_channels.sql");

/// The channel of a turn; none if it was deleted.
pub async fn line(tx: &mut Tx, turn: &Turn) -> Result<Option<Line>, sqlx::Error> {
    sqlx::query_as(
        "SELECT s.format, s.include_content, s.disabled, s.owner, s.quiet_zone, s.quiet_start_min, s.quiet_end_min, s.quiet_days,
             s.urgent_kinds, s.digest_s, c.url, c.credential_id, c.old_credential_id, c.old_secret_expire_time
         FROM tasks.channel s JOIN tasks.channel_content c USING (channel_id) WHERE s.channel_id = $1",
    )
    .bind(turn.channel_id)
    .fetch_optional(&mut **tx)
    .await
}

/// What is due over the channel of a turn, the longest due first and `limit` at most: of a digest, or what goes alone. With what
/// events say only if `content`.
pub async fn due(
    tx: &mut Tx,
    turn: &Turn,
    digest: Option<Uuid>,
    now: OffsetDateTime,
    content: bool,
    limit: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    sqlx::query_as(include_str!("../../queries/due_deliveries.sql"))
        .bind(turn.channel_id)
        .bind(now)
        .bind(limit)
        .bind(content)
        .bind(digest)
        .fetch_all(&mut **tx)
        .await
}

/// Notes that an attempt at a delivery begins; false if somebody replayed, settled or deleted it meanwhile.
pub async fn begin(executor: impl PgExecutor<'_>, due: &Due) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE tasks.delivery SET attempts = attempts + 1
         WHERE delivery_id = $1 AND state = 1 AND attempts = $2 AND replays = $3",
    )
    .bind(due.delivery_id)
    .bind(due.attempts)
    .bind(due.replays)
    .execute(executor)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The receiver has it.
    Delivered,
    /// It is tried again then.
    Again(OffsetDateTime),
    /// It is given up.
    Dead,
    /// It is no longer needed; no attempt was begun.
    Skipped,
}

impl Settled {
    /// Number of the state, and when it is tried again.
    pub(super) fn columns(&self) -> (i16, Option<OffsetDateTime>) {
        match self {
            Self::Delivered => (state::DELIVERED, None),
            Self::Again(at) => (state::PENDING, Some(*at)),
            Self::Dead => (state::DEAD, None),
            Self::Skipped => (state::SKIPPED, None),
        }
    }
}

/// What is noted of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it came to.
    pub settled: Settled,
    /// HTTP status; 0 for none.
    pub status_code: i16,
    /// What went wrong; at most 500 characters are kept.
    pub error: String,
}

/// Notes what an attempt came to, unless somebody replayed the delivery meanwhile.
pub async fn settle(
    executor: impl PgExecutor<'_>,
    due: &Due,
    outcome: &Outcome,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let (number, again) = outcome.settled.columns();
    let attempts = if outcome.settled == Settled::Skipped { due.attempts } else { due.attempts + 1 };
    sqlx::query(
        "UPDATE tasks.delivery
         SET state = $4, due_time = coalesce($5, due_time), status_code = $6, error = left($7, 500),
             settle_time = CASE WHEN $4 <> 1::smallint THEN $8 END
         WHERE delivery_id = $1 AND state = 1 AND attempts = $2 AND replays = $3",
    )
    .bind(due.delivery_id)
    .bind(attempts)
    .bind(due.replays)
    .bind(number)
    .bind(again)
    .bind(outcome.status_code)
    .bind(&outcome.error)
    .bind(now)
    .execute(executor)
    .await
    .map(drop)
}

/// Settles everything that waits for a disabled channel, but tests; the oldest and at most `PRUNED` of it.
pub async fn skip_all(
    executor: impl PgExecutor<'_>,
    turn: &Turn,
    why: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.delivery SET state = 4, error = $2, settle_time = $3
         WHERE delivery_id = ANY (ARRAY(
             SELECT delivery_id FROM tasks.delivery WHERE channel_id = $1 AND state = 1 AND kind <> 9 AND replays = 0 LIMIT $4))",
    )
    .bind(turn.channel_id)
    .bind(why)
    .bind(now)
    .bind(PRUNED)
    .execute(executor)
    .await
    .map(drop)
}

/// Settles everything that waits for a channel over which nothing goes any more, tests and replays too; `PRUNED` of it at most.
pub async fn drop_all(
    executor: impl PgExecutor<'_>,
    turn: &Turn,
    why: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.delivery SET state = 4, error = $2, settle_time = $3
         WHERE delivery_id = ANY (ARRAY(
             SELECT delivery_id FROM tasks.delivery WHERE channel_id = $1 AND state = 1 LIMIT $4))",
    )
    .bind(turn.channel_id)
    .bind(why)
    .bind(now)
    .bind(PRUNED)
    .execute(executor)
    .await
    .map(drop)
}

/// Deletes what waits for a channel that is gone.
pub async fn forget_channel(executor: impl PgExecutor<'_>, turn: &Turn) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH turn AS (DELETE FROM tasks.channel_turn WHERE channel_id = $1)
         DELETE FROM tasks.delivery WHERE channel_id = $1",
    )
    .bind(turn.channel_id)
    .execute(executor)
    .await
    .map(drop)
}

/// Disables a channel whose receiver is gone.
pub async fn disable(
    executor: impl PgExecutor<'_>,
    turn: &Turn,
    reason: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.channel SET disabled = true, disable_reason = $2, update_time = $3, revision = revision + 1
         WHERE channel_id = $1 AND NOT disabled",
    )
    .bind(turn.channel_id)
    .bind(reason)
    .bind(now)
    .execute(executor)
    .await
    .map(drop)
}

/// How often sending over the channel of a turn has failed in a row.
pub async fn failures(executor: impl PgExecutor<'_>, turn: &Turn) -> Result<i32, sqlx::Error> {
    let failures: Option<i32> =
        sqlx::query_scalar("SELECT failures FROM tasks.channel_turn WHERE channel_id = $1")
            .bind(turn.channel_id)
            .fetch_optional(executor)
            .await?;
    Ok(failures.unwrap_or(0))
}

/// Ends a turn: the next may begin then. Nothing happens if it was over before, and another has begun.
pub async fn end(
    executor: impl PgExecutor<'_>,
    turn: &Turn,
    next: OffsetDateTime,
    failures: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.channel_turn SET until = $3, failures = $4 WHERE channel_id = $1 AND until = $2",
    )
    .bind(turn.channel_id)
    .bind(turn.until)
    .bind(next)
    .bind(failures)
    .execute(executor)
    .await
    .map(drop)
}

/// Forgets deliveries that were settled before then, the oldest and at most `limit`; answers how many.
pub async fn prune(
    executor: impl PgExecutor<'_>,
    before: OffsetDateTime,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "DELETE FROM tasks.delivery WHERE delivery_id = ANY (ARRAY(
             SELECT delivery_id FROM tasks.delivery WHERE settle_time < $1 ORDER BY settle_time LIMIT $2 FOR UPDATE SKIP LOCKED))",
    )
    .bind(before)
    .bind(limit)
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
