//! Deliveries that wait, and those that go out as one: held until a time, bundled under one id, tried and settled together.

use mc_chassis::db::Tx;
use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::notice::NoticeKind;
use crate::store::dispatch::{Outcome, Turn};

/// Deliveries that one digest stands for, at most.
pub const MOST: i64 = 5_000;
/// Digests that one turn at a channel sends at most.
pub const BATCH: i64 = 20;

/// Several deliveries that go out as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Digest {
    /// Its id.
    pub digest_id: Uuid,
    /// Attempts before this one, the same for all of them.
    pub attempts: i16,
}

/// Settles what is due over the channel of a turn and was decided, or void, meanwhile; what a person replays is sent all the same.
pub async fn skip_decided(
    tx: &mut Tx,
    turn: &Turn,
    why: &str,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let asking: Vec<_> =
        NoticeKind::ALL.into_iter().filter(|kind| kind.asks()).map(NoticeKind::number).collect();
    sqlx::query(
        "UPDATE tasks.delivery d SET state = 4, error = $3, settle_time = $2
         WHERE d.channel_id = $1 AND d.state = 1 AND d.due_time <= $2 AND d.replays = 0 AND d.kind = ANY ($4)
             AND NOT EXISTS (SELECT FROM tasks.inbox_item i WHERE i.item_id = d.item_id AND i.state = 1)",
    )
    .bind(turn.channel_id)
    .bind(now)
    .bind(why)
    .bind(asking)
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// When that goes out which waits over the channel of a turn and was not tried, if anything does.
pub async fn gathered(
    executor: impl PgExecutor<'_>,
    turn: &Turn,
) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT min(due_time) FROM tasks.delivery
         WHERE channel_id = $1 AND state = 1 AND held AND attempts = 0 AND replays = 0 AND digest_id IS NULL",
    )
    .bind(turn.channel_id)
    .fetch_one(executor)
    .await
}

/// Until when waits what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    /// What is new; none for not at all.
    pub new: Option<OffsetDateTime>,
    /// What has waited before, or was tried.
    pub old: Option<OffsetDateTime>,
}

/// Lets wait what is due over the channel of a turn, but tests, what a person replays, and the kinds that cannot wait. No attempt
/// is begun by it.
pub async fn hold(
    executor: impl PgExecutor<'_>,
    turn: &Turn,
    until: Until,
    urgent: &[i16],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.delivery SET held = true, due_time = CASE WHEN held OR attempts > 0 THEN $4 ELSE $3 END
         WHERE channel_id = $1 AND state = 1 AND due_time <= $2 AND replays = 0 AND kind <> $6 AND kind <> ALL ($5)
             AND CASE WHEN held OR attempts > 0 THEN $4 ELSE $3 END IS NOT NULL",
    )
    .bind(turn.channel_id)
    .bind(now)
    .bind(until.new)
    .bind(until.old)
    .bind(urgent)
    .bind(NoticeKind::Test.number())
    .execute(executor)
    .await
    .map(drop)
}

/// Puts what has waited and is due over the channel of a turn under one id, if it is more than one.
pub async fn bundle(
    executor: impl PgExecutor<'_>,
    turn: &Turn,
    digest: Uuid,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH due AS MATERIALIZED (
             SELECT delivery_id FROM tasks.delivery
             WHERE channel_id = $1 AND state = 1 AND due_time <= $2 AND held AND attempts = 0 AND replays = 0
                 AND digest_id IS NULL
             ORDER BY due_time, number LIMIT $4
         )
         UPDATE tasks.delivery SET digest_id = $3
         -- Of what somebody replays at this moment the newest version is looked at.
         WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM due)) AND state = 1 AND replays = 0
             AND (SELECT count(*) FROM due) > 1",
    )
    .bind(turn.channel_id)
    .bind(now)
    .bind(digest)
    .bind(MOST)
    .execute(executor)
    .await
    .map(drop)
}

/// Digests that are due over the channel of a turn, the longest due first.
pub async fn due(
    executor: impl PgExecutor<'_>,
    turn: &Turn,
    now: OffsetDateTime,
) -> Result<Vec<Digest>, sqlx::Error> {
    sqlx::query_as(
        "SELECT digest_id, max(attempts) AS attempts FROM tasks.delivery
         WHERE channel_id = $1 AND state = 1 AND digest_id IS NOT NULL
         GROUP BY digest_id HAVING min(due_time) <= $2 ORDER BY min(due_time), digest_id LIMIT $3",
    )
    .bind(turn.channel_id)
    .bind(now)
    .bind(BATCH)
    .fetch_all(executor)
    .await
}

/// Notes that an attempt at a digest begins; answers of how many deliveries, of which none is left if all were replayed meanwhile.
pub async fn begin(executor: impl PgExecutor<'_>, turn: &Turn, digest: &Digest) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE tasks.delivery SET attempts = attempts + 1
         WHERE channel_id = $1 AND state = 1 AND digest_id = $2 AND attempts = $3",
    )
    .bind(turn.channel_id)
    .bind(digest.digest_id)
    .bind(digest.attempts)
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}

/// Notes what an attempt at a digest came to, for all of it that nobody has replayed meanwhile. `attempts` counts that attempt.
pub async fn settle(
    executor: impl PgExecutor<'_>,
    turn: &Turn,
    (digest, attempts): (Uuid, i16),
    outcome: &Outcome,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let (number, again) = outcome.settled.columns();
    sqlx::query(
        "UPDATE tasks.delivery
         SET state = $4, due_time = coalesce($5, due_time), status_code = $6, error = left($7, 500),
             settle_time = CASE WHEN $4 <> 1::smallint THEN $8 END
         WHERE channel_id = $1 AND state = 1 AND digest_id = $2 AND attempts = $3",
    )
    .bind(turn.channel_id)
    .bind(digest)
    .bind(attempts)
    .bind(number)
    .bind(again)
    .bind(outcome.status_code)
    .bind(&outcome.error)
    .bind(now)
    .execute(executor)
    .await
    .map(drop)
}
