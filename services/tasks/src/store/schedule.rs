//! Schedules as people see and change them.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{AgentId, FireId, ScheduleId, UserId, WorkspaceId};
use crate::domain::schedule::{MissedPolicy, OverlapPolicy};
use crate::store::fire::Fire;
use crate::store::task::Content;

/// A schedule as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Schedule {
    /// Its id.
    pub schedule_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// The expression.
    pub cron: String,
    /// Name of the zone.
    pub time_zone: String,
    /// Number of `OverlapPolicy`.
    pub overlap_policy: i16,
    /// Number of `MissedFirePolicy`.
    pub missed_policy: i16,
    /// Whether its clock stands.
    pub paused: bool,
    /// The next tick.
    pub next_fire_time: Option<OffsetDateTime>,
    /// Ticks up to here are seen to.
    pub settled_until: OffsetDateTime,
    /// The run that it started last.
    pub latest_run: Option<Uuid>,
    /// Fires that are due or wait.
    pub open_fires: i32,
    /// Fires that started a run.
    pub started_fires: i64,
    /// Fires that were skipped.
    pub skipped_fires: i64,
    /// Fires that could not be started.
    pub failed_fires: i64,
    /// Ticks without a fire of their own.
    pub missed_times: i64,
    /// Who made it.
    pub creator: Uuid,
    /// When.
    pub create_time: OffsetDateTime,
    /// When people last changed it.
    pub update_time: OffsetDateTime,
    /// Counts what people changed.
    pub revision: i64,
    /// Its name.
    pub display_name: String,
    /// What a fire puts on the board.
    #[sqlx(flatten)]
    pub content: StoredContent,
}

/// What a fire puts on the board, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredContent {
    /// One line.
    pub title: String,
    /// What is to be done.
    pub brief: String,
    /// The agent that does it.
    pub assignee: Uuid,
    /// What must be true of the result.
    pub acceptance_checks: Vec<String>,
}

/// What people say of a schedule, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its name, 1 to 80 characters.
    pub display_name: String,
    /// The expression, as it was written.
    pub cron: String,
    /// Name of the zone.
    pub time_zone: String,
    /// What a fire puts on the board; with an assignee.
    pub content: Content,
    /// What a fire does beside a live run.
    pub overlap: OverlapPolicy,
    /// What becomes of times that nobody saw to.
    pub missed: MissedPolicy,
}

/// When a schedule goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Whether it stands.
    pub paused: bool,
    /// The next tick; none while it stands.
    pub next: Option<OffsetDateTime>,
    /// Ticks up to here are seen to.
    pub settled_until: OffsetDateTime,
}

/// Number of `OverlapPolicy`.
pub const fn overlap_number(policy: OverlapPolicy) -> i16 {
    match policy {
        OverlapPolicy::Skip => 1,
        OverlapPolicy::Queue => 2,
        OverlapPolicy::Replace => 3,
    }
}

/// The policy of this number.
pub const fn overlap_of(number: i16) -> OverlapPolicy {
    match number {
        2 => OverlapPolicy::Queue,
        3 => OverlapPolicy::Replace,
        _ => OverlapPolicy::Skip,
    }
}

/// Number of `MissedFirePolicy`.
pub const fn missed_number(policy: MissedPolicy) -> i16 {
    match policy {
        MissedPolicy::Skip => 1,
        MissedPolicy::Once => 2,
        MissedPolicy::All => 3,
    }
}

/// The policy of this number.
pub const fn missed_of(number: i16) -> MissedPolicy {
    match number {
        1 => MissedPolicy::Skip,
        3 => MissedPolicy::All,
        _ => MissedPolicy::Once,
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.schedule_id, s.workspace_id, s.cron, s.time_zone, s.overlap_policy, s.missed_policy, s.paused, ",
            "s.next_fire_time, s.settled_until, s.latest_run, s.open_fires, s.started_fires, s.skipped_fires, ",
            "s.failed_fires, s.missed_times, s.creator, s.create_time, s.update_time, s.revision, c.display_name, ",
            "c.title, c.brief, c.assignee, c.acceptance_checks ",
            "FROM tasks.schedule s JOIN tasks.schedule_content c USING (schedule_id) ",
            $rest
        )
    };
}

/// A schedule of the transaction's workspace.
pub async fn get(
    connection: &mut PgConnection,
    schedule: ScheduleId,
) -> Result<Option<Schedule>, sqlx::Error> {
    sqlx::query_as(select!("WHERE s.schedule_id = $1")).bind(schedule.uuid()).fetch_optional(connection).await
}

/// A schedule of the transaction's workspace, which neither people nor schedulers change until the transaction ends.
pub async fn lock(
    connection: &mut PgConnection,
    schedule: ScheduleId,
) -> Result<Option<Schedule>, sqlx::Error> {
    sqlx::query_as(select!("WHERE s.schedule_id = $1 FOR UPDATE OF s"))
        .bind(schedule.uuid())
        .fetch_optional(connection)
        .await
}

/// Schedules of the transaction's workspace, newest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Schedule>, sqlx::Error> {
    sqlx::query_as(select!(
        "WHERE s.workspace_id = $1 AND ($2::uuid IS NULL OR s.schedule_id < $2) ORDER BY s.schedule_id DESC LIMIT $3"
    ))
    .bind(workspace.uuid())
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// How many schedules the transaction's workspace has. Nobody adds one until the transaction ends.
pub async fn count(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<i64, sqlx::Error> {
    let (high, _) = workspace.uuid().as_u64_pair();
    // Of the transaction, so that it passes a pool; two workspaces with one key wait for each other and no more.
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(high as i64).execute(&mut *connection).await?;
    sqlx::query_scalar("SELECT count(*) FROM tasks.schedule WHERE workspace_id = $1")
        .bind(workspace.uuid())
        .fetch_one(connection)
        .await
}

/// Makes a schedule whose clock goes, from now.
pub async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    schedule: ScheduleId,
    settings: &Settings,
    creator: UserId,
    clock: Clock,
) -> Result<(), sqlx::Error> {
    let Settings { display_name, cron, time_zone, content, overlap, missed } = settings;
    sqlx::query(
        "INSERT INTO tasks.schedule (schedule_id, workspace_id, cron, time_zone, overlap_policy, missed_policy,
             next_fire_time, settled_until, creator, create_time, update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $8)",
    )
    .bind(schedule.uuid())
    .bind(workspace.uuid())
    .bind(cron)
    .bind(time_zone)
    .bind(overlap_number(*overlap))
    .bind(missed_number(*missed))
    .bind(clock.next)
    .bind(clock.settled_until)
    .bind(creator.uuid())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO tasks.schedule_content
             (schedule_id, workspace_id, display_name, title, brief, assignee, acceptance_checks)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(schedule.uuid())
    .bind(workspace.uuid())
    .bind(display_name)
    .bind(&content.title)
    .bind(&content.brief)
    .bind(content.assignee.map(AgentId::uuid))
    .bind(&content.acceptance_checks)
    .execute(connection)
    .await
    .map(drop)
}

/// Replaces what people say of a schedule that the transaction has locked, and has its open fires looked at: another policy
/// may have other plans for them.
pub async fn update(
    connection: &mut PgConnection,
    schedule: ScheduleId,
    settings: &Settings,
    clock: Clock,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let Settings { display_name, cron, time_zone, content, overlap, missed } = settings;
    sqlx::query(
        "UPDATE tasks.schedule SET cron = $2, time_zone = $3, overlap_policy = $4, missed_policy = $5 WHERE schedule_id = $1",
    )
    .bind(schedule.uuid())
    .bind(cron)
    .bind(time_zone)
    .bind(overlap_number(*overlap))
    .bind(missed_number(*missed))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE tasks.schedule_content
         SET display_name = $2, title = $3, brief = $4, assignee = $5, acceptance_checks = $6 WHERE schedule_id = $1",
    )
    .bind(schedule.uuid())
    .bind(display_name)
    .bind(&content.title)
    .bind(&content.brief)
    .bind(content.assignee.map(AgentId::uuid))
    .bind(&content.acceptance_checks)
    .execute(&mut *connection)
    .await?;
    set_clock(connection, schedule, clock, now).await
}

/// Sets the clock of a schedule that the transaction has locked, raises its revision, and has its open fires looked at.
pub async fn set_clock(
    connection: &mut PgConnection,
    schedule: ScheduleId,
    clock: Clock,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.schedule
         SET paused = $2, next_fire_time = $3, behind = CASE WHEN settled_until = $4 THEN behind ELSE 0 END,
             settled_until = $4, update_time = $5, revision = revision + 1,
             look_at = CASE WHEN open_fires > 0 THEN $5 END
         WHERE schedule_id = $1",
    )
    .bind(schedule.uuid())
    .bind(clock.paused)
    .bind(clock.next)
    .bind(clock.settled_until)
    .bind(now)
    .execute(connection)
    .await
    .map(drop)
}

/// Adds a fire that a person asks for to a schedule that the transaction has locked.
pub async fn ask(
    connection: &mut PgConnection,
    schedule: &Schedule,
    fire: FireId,
    requester: UserId,
    note: &str,
    now: OffsetDateTime,
) -> Result<Fire, sqlx::Error> {
    sqlx::query_as(
        "WITH asked AS (
             UPDATE tasks.schedule SET open_fires = open_fires + 1, look_at = $5 WHERE schedule_id = $1
         )
         INSERT INTO tasks.schedule_fire (schedule_id, due_time, fire_id, workspace_id, requester, state, create_time, note)
         VALUES ($1, $5, $3, $2, $4, 1, $5, $6) RETURNING *",
    )
    .bind(schedule.schedule_id)
    .bind(schedule.workspace_id)
    .bind(fire.uuid())
    .bind(requester.uuid())
    .bind(now)
    .bind(note)
    .fetch_one(connection)
    .await
}

/// Deletes a schedule that the transaction has locked, with its fires.
pub async fn delete(connection: &mut PgConnection, schedule: ScheduleId) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM tasks.schedule_fire WHERE schedule_id = $1",
        "DELETE FROM tasks.schedule_content WHERE schedule_id = $1",
        "DELETE FROM tasks.schedule WHERE schedule_id = $1",
    ] {
        sqlx::query(statement).bind(schedule.uuid()).execute(&mut *connection).await?;
    }
    Ok(())
}
