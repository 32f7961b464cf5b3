//! Parks: which providers take no more calls for now, which one run asks them first, and how the others are let go. A row is
//! all that there is of it, so whoever crashes leaves it as it stands, and time is the database's.

use std::time::Duration;

use mc_chassis::db::{Database, Tx};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::fold::WaitReason;
use crate::domain::id::{RunId, WorkspaceId};
use crate::store::append::storable;
use crate::store::run::{Run, status, wait_number};

/// How long a run goes first without a sign of life. Then another one does.
pub const PROBE: Duration = Duration::from_mins(1);
/// How long a provider is left alone that refuses and does not say for how long.
pub const UNTOLD: Duration = Duration::from_secs(5);
/// The first wait of our own behind a second refusal; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest; what the provider asks for may be longer.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// Runs that are let go at once when calls are taken again, doubled each time.
const FIRST_BATCH: i32 = 2;
/// The most.
const LARGEST_BATCH: i32 = 64;
/// Parks that one look sees to.
const LOOKED_AT: i64 = 16;
/// Characters of a provider's words that are kept.
const MESSAGE_CHARS: usize = 500;
/// Waiting runs are counted up to this.
pub const COUNTED: i64 = 1_000;

/// A provider of a workspace, which stands for its one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// First half of the model's name.
    pub provider: &'a str,
}

/// What a run is told that wants to call its model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry {
    /// Calls are taken.
    Open,
    /// It goes first: what it hears decides about all others.
    First,
    /// None are, for so long.
    Parked(Duration),
}

/// Asks whether a run may call a provider. Of all that ask while it is parked and its time has come, one goes first.
pub async fn enter(database: &Database, line: Line<'_>, run: RunId) -> Result<Entry, sqlx::Error> {
    let parked: Option<(bool, f64)> = sqlx::query_as(ENTER)
        .bind(line.workspace.uuid())
        .bind(line.provider)
        .bind(run.uuid())
        .bind(PROBE.as_secs_f64())
        .fetch_optional(database.pool())
        .await?;
    Ok(match parked {
        None => Entry::Open,
        Some((true, _)) => Entry::First,
        Some((false, wait)) => Entry::Parked(seconds(wait)),
    })
}

pub(crate) const ENTER: &str = include_str!("../../queries/enter_park.sql");

/// Notes that a provider refused a call of this run; answers how long it is left alone. Said twice, it counts once.
pub async fn close(
    database: &Database,
    line: Line<'_>,
    run: RunId,
    asked: Duration,
    message: &str,
) -> Result<Duration, sqlx::Error> {
    let message: String = storable(message).chars().take(MESSAGE_CHARS).collect();
    let wait: f64 = sqlx::query_scalar(CLOSE)
        .bind(line.workspace.uuid())
        .bind(line.provider)
        .bind(run.uuid())
        .bind(asked.as_secs_f64())
        .bind(message)
        .bind(FIRST_WAIT.as_secs_f64())
        .bind(LONGEST_WAIT.as_secs_f64())
        .fetch_one(database.pool())
        .await?;
    Ok(seconds(wait))
}

pub(crate) const CLOSE: &str = include_str!("../../queries/close_park.sql");

/// Says that the run that goes first is alive; true if that is this one.
pub async fn renew(database: &Database, line: Line<'_>, run: RunId) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE tasks.park
         SET until = CASE WHEN told_at > now() + interval '1 second' THEN now() + (until - told_at) ELSE until END,
             told_at = now(), probe_until = now() + make_interval(secs => $4), due_at = now() + make_interval(secs => $4)
         WHERE workspace_id = $1 AND provider = $2 AND probe_run = $3",
    )
    .bind(line.workspace.uuid())
    .bind(line.provider)
    .bind(run.uuid())
    .bind(PROBE.as_secs_f64())
    .execute(database.pool())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Opens a park, if the run that went first says so: the others are let go a few at a time.
pub async fn open(database: &Database, line: Line<'_>, run: RunId) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE tasks.park SET batch = $4, told_at = now(), probe_run = NULL, probe_until = NULL, due_at = now()
         WHERE workspace_id = $1 AND provider = $2 AND probe_run = $3",
    )
    .bind(line.workspace.uuid())
    .bind(line.provider)
    .bind(run.uuid())
    .bind(FIRST_BATCH)
    .execute(database.pool())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Has another run go first, after so long: this one went, and heard nothing about the limit.
pub async fn pass_on(
    database: &Database,
    line: Line<'_>,
    run: RunId,
    wait: Duration,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "UPDATE tasks.park
         SET probe_run = NULL, probe_until = NULL, told_at = now(),
             until = greatest(
                 CASE WHEN told_at > now() + interval '1 second' THEN now() + (until - told_at) ELSE until END,
                 now() + make_interval(secs => $4)),
             due_at = now()
         WHERE workspace_id = $1 AND provider = $2 AND probe_run = $3",
    )
    .bind(line.workspace.uuid())
    .bind(line.provider)
    .bind(run.uuid())
    .bind(wait.as_secs_f64())
    .execute(database.pool())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Has a run that waits for its provider go first, at once, unless another does already. True if it waits for that. The
/// transaction has locked the run.
pub async fn go_first(tx: &mut Tx, run: RunId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "WITH line AS (
             SELECT p.workspace_id, p.provider FROM tasks.run r
             JOIN tasks.park p ON p.workspace_id = r.workspace_id AND p.provider = r.provider
             WHERE r.run_id = $1 AND p.batch = 0 AND (r.status = 1 OR r.status = 5 AND r.wait_reason = 5)
         ),
         first AS (
             UPDATE tasks.park p
             SET until = least(p.until, now()), told_at = now(), probe_run = $1, probe_until = now() + make_interval(secs => $2),
                 due_at = now() + make_interval(secs => $2)
             FROM line
             WHERE p.workspace_id = line.workspace_id AND p.provider = line.provider AND p.batch = 0
                 AND (p.probe_run IS NULL OR p.probe_run = $1 OR p.probe_until <= now())
         )
         SELECT EXISTS (SELECT FROM line)",
    )
    .bind(run.uuid())
    .bind(PROBE.as_secs_f64())
    .fetch_one(&mut **tx)
    .await
}

#[derive(sqlx::FromRow)]
struct Due {
    workspace_id: Uuid,
    provider: String,
    batch: i32,
    closed: bool,
}

/// Sees to the parks that are due: has one run go first where the time has come, lets the next ones go where calls are taken
/// again, and forgets parks that nobody waits for. Answers how many runs may be claimed by that. However many schedulers do so
/// at once, each park is seen to by one.
pub async fn tend(database: &Database) -> Result<u64, sqlx::Error> {
    let mut tx = database.pool().begin().await?;
    // The server's clock was set back: what was to be waited is waited from now on, and no longer.
    sqlx::query(
        "UPDATE tasks.park
         SET until = now() + (until - told_at), told_at = now(), due_at = now(),
             probe_until = CASE WHEN probe_run IS NOT NULL THEN now() + make_interval(secs => $1) END
         WHERE told_at > now() + interval '1 second'",
    )
    .bind(PROBE.as_secs_f64())
    .execute(&mut *tx)
    .await?;
    let due: Vec<Due> = sqlx::query_as(
        "SELECT workspace_id, provider, batch, until > now() OR coalesce(probe_until > now(), false) AS closed
         FROM tasks.park WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED",
    )
    .bind(LOOKED_AT)
    .fetch_all(&mut *tx)
    .await?;
    let mut freed = 0;
    for park in &due {
        freed += if park.batch > 0 {
            let_go(&mut tx, park).await?
        } else if park.closed {
            rest(&mut tx, park).await?;
            0
        } else {
            elect(&mut tx, park).await?
        };
    }
    tx.commit().await?;
    Ok(freed)
}

/// Nothing is to be done before it may be called, or before the one that goes first is late.
async fn rest(connection: &mut PgConnection, park: &Due) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.park
         SET due_at = greatest(until, probe_until),
             probe_run = CASE WHEN probe_until > now() THEN probe_run END,
             probe_until = CASE WHEN probe_until > now() THEN probe_until END
         WHERE workspace_id = $1 AND provider = $2",
    )
    .bind(park.workspace_id)
    .bind(&park.provider)
    .execute(connection)
    .await
    .map(drop)
}

async fn elect(connection: &mut PgConnection, park: &Due) -> Result<u64, sqlx::Error> {
    let chosen: bool = sqlx::query_scalar(include_str!("../../queries/elect_probe.sql"))
        .bind(park.workspace_id)
        .bind(&park.provider)
        .bind(PROBE.as_secs_f64())
        .fetch_one(&mut *connection)
        .await?;
    if !chosen {
        go_on_or_end(connection, park, 0).await?;
    }
    Ok(u64::from(chosen))
}

async fn let_go(connection: &mut PgConnection, park: &Due) -> Result<u64, sqlx::Error> {
    let gone: i64 = sqlx::query_scalar(include_str!("../../queries/open_park.sql"))
        .bind(park.workspace_id)
        .bind(&park.provider)
        .bind(i64::from(park.batch))
        .fetch_one(&mut *connection)
        .await?;
    go_on_or_end(connection, park, (park.batch * 2).min(LARGEST_BATCH)).await?;
    Ok(gone.unsigned_abs())
}

/// Another look soon, at no time that others share; or none, where nobody waits any more.
async fn go_on_or_end(connection: &mut PgConnection, park: &Due, batch: i32) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH waits AS MATERIALIZED (
             SELECT EXISTS (SELECT FROM tasks.ready WHERE workspace_id = $1 AND provider = $2 AND calls)
                 OR EXISTS (SELECT FROM tasks.delayed WHERE workspace_id = $1 AND provider = $2) AS so
         ),
         over AS (
             DELETE FROM tasks.park WHERE workspace_id = $1 AND provider = $2 AND NOT (SELECT so FROM waits)
         )
         UPDATE tasks.park
         SET batch = $3, told_at = now(), probe_run = NULL, probe_until = NULL, due_at = now() + make_interval(secs => 0.25 + random() / 2)
         WHERE workspace_id = $1 AND provider = $2 AND (SELECT so FROM waits)",
    )
    .bind(park.workspace_id)
    .bind(&park.provider)
    .bind(batch)
    .execute(connection)
    .await
    .map(drop)
}

/// A park as people see it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Park {
    /// The provider.
    pub provider: String,
    /// Nobody calls before this.
    pub until: OffsetDateTime,
    /// Since when.
    pub since: OffsetDateTime,
    /// Refusals, one behind the other.
    pub refusals: i32,
    /// What the provider said.
    pub message: String,
    /// The run that goes first.
    pub probe_run: Option<Uuid>,
    /// Whether calls are taken again, and runs let go.
    pub opening: bool,
    /// Runs that wait for it, up to [`COUNTED`].
    pub waiting: i64,
}

/// Whether a limit may have to do with where a run is: it is neither at work nor waits for something else.
pub fn may_concern(run: &Run) -> bool {
    match run.status {
        status::QUEUED => run.wake_time.is_none(),
        status::WAITING => run.wait_reason == wait_number(WaitReason::Quota),
        _ => false,
    }
}

/// The limits of a workspace that may concern these runs of it; none is looked for where none could.
pub async fn list_for(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    runs: &[Run],
) -> Result<Vec<Park>, sqlx::Error> {
    if runs.iter().any(may_concern) { list(connection, workspace).await } else { Ok(Vec::new()) }
}

/// The parks of the transaction's workspace.
pub async fn list(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<Vec<Park>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.provider, p.until, p.since, p.refusals, p.message, p.probe_run, p.batch > 0 AS opening,
             least($2, ready.runs + delayed.runs) AS waiting
         FROM tasks.park p
         CROSS JOIN LATERAL (SELECT count(*) AS runs FROM (
             SELECT FROM tasks.ready r WHERE r.workspace_id = p.workspace_id AND r.provider = p.provider AND r.calls LIMIT $2) r
         ) ready
         CROSS JOIN LATERAL (SELECT count(*) AS runs FROM (
             SELECT FROM tasks.delayed d WHERE d.workspace_id = p.workspace_id AND d.provider = p.provider LIMIT $2) d
         ) delayed
         WHERE p.workspace_id = $1 ORDER BY p.provider",
    )
    .bind(workspace.uuid())
    .bind(COUNTED)
    .fetch_all(connection)
    .await
}

/// No finer than times are kept, and never negative.
fn seconds(span: f64) -> Duration {
    Duration::from_millis((span.max(0.0) * 1_000.0).ceil() as u64)
}
