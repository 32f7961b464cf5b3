//! Leases: which run may run where, handed out fairly over workspaces and taken back from the dead.

use std::time::Duration;

use mc_chassis::db::Database;
use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::fold::WaitReason;
use crate::domain::id::{AgentId, RunId, TaskId, UserId, WorkspaceId};
use crate::store::run::{status, wait_number};

/// Runs that may be leased at once. They share workers out: claims at the same moment may exceed each by one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Of a workspace, over all workers.
    pub workspace: i64,
    /// Of a workspace with this worker: what is left is for other workspaces.
    pub here: i64,
    /// Of an agent whose version names no number of its own, over all workers.
    pub agent: i64,
    /// Of a provider of a workspace, over all workers. A provider has one credential, or none.
    pub provider: i64,
}

impl Caps {
    /// No caps that anybody reaches.
    pub const NONE: Self = Self::all(i32::MAX as i64);

    /// The same for all.
    pub const fn all(runs: i64) -> Self {
        Self { workspace: runs, here: runs, agent: runs, provider: runs }
    }
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    /// Who asks.
    pub worker: Uuid,
    /// Runs at most, at least 1.
    pub limit: i64,
    /// The workspace served last: those behind it come first. Nil to begin with the first.
    pub after: WorkspaceId,
    /// What may be leased.
    pub caps: Caps,
    /// The newest fold that this worker has.
    pub fold_version: i16,
    /// What this worker can do besides; runs that ask for nothing have the empty label, so it belongs here too.
    pub capabilities: &'a [String],
}

/// A run that a worker has, until it gives it back or stops beating.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its task.
    pub task: TaskId,
    /// The agent that does it.
    pub agent: AgentId,
    /// The agent's version.
    pub agent_version: i32,
    /// The epoch under which the worker may commit.
    pub epoch: i64,
    /// `seq` of the run's newest event.
    pub head_seq: i64,
    /// Claims since the last result, this one included.
    pub claims: i16,
    /// Who started it.
    pub starter: UserId,
    /// True when there are letters in its mailbox that the journal takes no note of.
    pub mail: bool,
}

#[derive(sqlx::FromRow)]
struct LeaseRow {
    run_id: Uuid,
    workspace_id: Uuid,
    task_id: Uuid,
    agent_id: Uuid,
    agent_version: i32,
    lease_epoch: i64,
    head_seq: i64,
    claims: i16,
    starter: Uuid,
    mail: bool,
}

impl From<LeaseRow> for Lease {
    fn from(row: LeaseRow) -> Self {
        Self {
            run: RunId::new(row.run_id),
            workspace: WorkspaceId::new(row.workspace_id),
            task: TaskId::new(row.task_id),
            agent: AgentId::new(row.agent_id),
            agent_version: row.agent_version,
            epoch: row.lease_epoch,
            head_seq: row.head_seq,
            claims: row.claims,
            starter: UserId::new(row.starter),
            mail: row.mail,
        }
    }
}

pub(crate) const CLAIM: &str = include_str!("../../queries/claim.sql");

/// Takes runs that are ready: each workspace in its turn, and within one the run whose turn is first.
pub async fn claim(database: &Database, claim: &Claim<'_>) -> Result<Vec<Lease>, sqlx::Error> {
    claim_by(database.pool(), claim).await
}

pub(crate) async fn claim_by(
    executor: impl PgExecutor<'_>,
    claim: &Claim<'_>,
) -> Result<Vec<Lease>, sqlx::Error> {
    let rows: Vec<LeaseRow> = sqlx::query_as(CLAIM)
        .bind(claim.limit)
        .bind(claim.worker)
        .bind(claim.after.uuid())
        .bind(claim.caps.workspace)
        .bind(claim.caps.here)
        .bind(claim.caps.agent)
        .bind(claim.caps.provider)
        .bind(claim.fold_version)
        .bind(claim.capabilities)
        .fetch_all(executor)
        .await?;
    Ok(rows.into_iter().map(Lease::from).collect())
}

/// Why a worker lets a run go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The run is not to blame: the worker stops, or there is nothing to be done yet.
    HandBack,
    /// The attempt broke; the claim counts against the run.
    Broken,
}

/// Gives a lease back; the run is ready at once. False if the lease was lost already.
pub async fn release(database: &Database, run: RunId, epoch: i64, why: Release) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/release.sql"))
        .bind(run.uuid())
        .bind(epoch)
        .bind(why == Release::HandBack)
        .execute(database.pool())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Makes runs ready that a worker has on paper and not in hand; answers how many. So it is with a claim whose answer got
/// lost, and with runs that were let go while the database could not be told: the worker beats, so nobody would reap them.
pub async fn give_back(database: &Database, worker: Uuid, in_hand: &[Uuid]) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/give_back.sql"))
        .bind(worker)
        .bind(in_hand)
        .execute(database.pool())
        .await?;
    Ok(done.rows_affected())
}

/// What a run rests for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// A person, until there is mail.
    Waiting(WaitReason),
    /// This, until there is mail or the time has come.
    WaitingUntil(WaitReason, OffsetDateTime),
    /// Nothing, until it is resumed or cancelled.
    Paused,
    /// A time, until then or until it is paused or cancelled.
    Until(OffsetDateTime),
}

/// What came of letting a run rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspended {
    /// It rests, and the lease is given back.
    Done,
    /// There is mail: the lease is kept, and the letters are to be read first.
    MailArrived,
    /// The lease was lost already.
    Lost,
}

pub(crate) const SUSPEND: &str = include_str!("../../queries/suspend.sql");

/// Gives a lease back until something comes. The statement itself refuses that while there is unread mail, so that no
/// letter falls between the last look and the rest.
pub async fn suspend(
    database: &Database,
    run: RunId,
    epoch: i64,
    rest: Rest,
) -> Result<Suspended, sqlx::Error> {
    let (status, reason, wake_at) = match rest {
        Rest::Waiting(reason) => (status::WAITING, wait_number(reason), None),
        Rest::WaitingUntil(reason, wake_at) => (status::WAITING, wait_number(reason), Some(wake_at)),
        Rest::Paused => (status::PAUSED, 0, None),
        Rest::Until(wake_at) => (status::QUEUED, 0, Some(wake_at)),
    };
    let became: Option<i16> = sqlx::query_scalar(SUSPEND)
        .bind(run.uuid())
        .bind(epoch)
        .bind(status)
        .bind(reason)
        .bind(wake_at)
        .fetch_optional(database.pool())
        .await?;
    Ok(match became {
        None => Suspended::Lost,
        Some(status::RUNNING) => Suspended::MailArrived,
        Some(_) => Suspended::Done,
    })
}

/// Gives a lease back until `wake_at`, whatever mail there is: for an attempt that broke, or that another release must make.
/// False if the lease was lost already.
pub async fn delay(
    database: &Database,
    run: RunId,
    epoch: i64,
    wake_at: OffsetDateTime,
    why: Release,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(include_str!("../../queries/delay.sql"))
        .bind(run.uuid())
        .bind(epoch)
        .bind(wake_at)
        .bind(why == Release::HandBack)
        .execute(database.pool())
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(crate) const PROMOTE: &str = include_str!("../../queries/promote.sql");

/// Makes runs ready whose time has come by the database's clock; answers how many. However many schedulers do so at once,
/// each run is woken once.
pub async fn promote(database: &Database) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(PROMOTE).execute(database.pool()).await?;
    Ok(done.rows_affected())
}

pub(crate) const REAP: &str = include_str!("../../queries/reap.sql");

/// Makes runs ready again whose worker has not beaten for `ttl`; answers how many. Time is the database's own, the one
/// clock that all workers beat by.
pub async fn reap(database: &Database, ttl: Duration) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(REAP).bind(ttl.as_secs_f64()).execute(database.pool()).await?;
    Ok(done.rows_affected())
}
