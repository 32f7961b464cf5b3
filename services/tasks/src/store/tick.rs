//! Ticks: which schedules are due, and how what is planned for them is recorded.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::schedule::plan::Plan;
use crate::domain::schedule::{OPEN_FIRES, SkipReason};
use crate::store::fire::state;

/// A schedule with a tick that nobody has seen to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DueSchedule {
    /// Which.
    pub schedule_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// The expression.
    pub cron: String,
    /// Name of the zone.
    pub time_zone: String,
    /// Number of `MissedFirePolicy`.
    pub missed_policy: i16,
    /// Ticks up to here are seen to.
    pub settled_until: OffsetDateTime,
    /// Missed ticks up to there that are not accounted for.
    pub behind: i64,
    /// Fires that are due or wait.
    pub open_fires: i32,
}

/// Locks up to `limit` schedules of all workspaces that have a tick; those that others hold are left to them.
pub async fn due(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<DueSchedule>, sqlx::Error> {
    sqlx::query_as(
        "SELECT schedule_id, workspace_id, cron, time_zone, missed_policy, settled_until, behind, open_fires
         FROM tasks.schedule WHERE next_fire_time <= $1 ORDER BY next_fire_time LIMIT $2 FOR UPDATE SKIP LOCKED",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Puts off the ticks of a locked schedule that this release cannot read.
pub async fn put_off(
    connection: &mut PgConnection,
    schedule: Uuid,
    until: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE tasks.schedule SET next_fire_time = $2 WHERE schedule_id = $1")
        .bind(schedule)
        .bind(until)
        .execute(connection)
        .await
        .map(drop)
}

/// Ticks of several locked schedules, on their way into the tables.
#[derive(Debug, Default)]
pub struct Ticks {
    fires: Vec<(Uuid, OffsetDateTime, Uuid, Uuid, Option<SkipReason>, i64)>,
    schedules: Vec<(Uuid, OffsetDateTime, i64, Option<OffsetDateTime>, i64, i64)>,
}

impl Ticks {
    /// Adds what is planned for a schedule. Of its fires, those that are too many to wait are skipped.
    pub fn add(&mut self, schedule: &DueSchedule, plan: &Plan, mut id: impl FnMut() -> Uuid) {
        let mut room = OPEN_FIRES.saturating_sub(usize::try_from(schedule.open_fires).unwrap_or(0));
        let mut skipped = 0;
        for fire in &plan.fires {
            let skip = match (fire.starts, room) {
                (false, _) => Some(SkipReason::Missed),
                (true, 0) => {
                    skipped += 1;
                    Some(SkipReason::QueueFull)
                }
                (true, _) => {
                    room -= 1;
                    None
                }
            };
            let missed = fire.missed as i64;
            self.fires.push((schedule.schedule_id, fire.due, id(), schedule.workspace_id, skip, missed));
        }
        let progress = plan.progress;
        self.schedules.push((
            schedule.schedule_id,
            progress.settled_until,
            progress.behind as i64,
            plan.next,
            skipped,
            plan.missed as i64,
        ));
    }

    /// Records them, in the transaction that holds the schedules.
    pub async fn record(self, connection: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
        let Self { fires, schedules } = self;
        let text = |fire: &Option<SkipReason>, of: fn(SkipReason) -> String| fire.map(of).unwrap_or_default();
        sqlx::query(include_str!("../../queries/record_ticks.sql"))
            .bind(fires.iter().map(|fire| fire.0).collect::<Vec<_>>())
            .bind(fires.iter().map(|fire| fire.1).collect::<Vec<_>>())
            .bind(fires.iter().map(|fire| fire.2).collect::<Vec<_>>())
            .bind(fires.iter().map(|fire| fire.3).collect::<Vec<_>>())
            .bind(fires.iter().map(|fire| fire.4.map_or(state::DUE, |_| state::SKIPPED)).collect::<Vec<_>>())
            .bind(fires.iter().map(|fire| text(&fire.4, |skip| skip.as_str().into())).collect::<Vec<_>>())
            .bind(fires.iter().map(|fire| text(&fire.4, |skip| skip.to_string())).collect::<Vec<_>>())
            .bind(fires.iter().map(|fire| fire.5).collect::<Vec<_>>())
            .bind(now)
            .bind(schedules.iter().map(|schedule| schedule.0).collect::<Vec<_>>())
            .bind(schedules.iter().map(|schedule| schedule.1).collect::<Vec<_>>())
            .bind(schedules.iter().map(|schedule| schedule.2).collect::<Vec<_>>())
            .bind(schedules.iter().map(|schedule| schedule.3).collect::<Vec<_>>())
            .bind(schedules.iter().map(|schedule| schedule.4).collect::<Vec<_>>())
            .bind(schedules.iter().map(|schedule| schedule.5).collect::<Vec<_>>())
            .execute(connection)
            .await
            .map(drop)
    }
}
