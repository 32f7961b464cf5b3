//! Ticks become fires: each once, in the transaction that moves its schedule on.

use std::time::Duration;

use crate::domain::schedule::Timetable;
use crate::domain::schedule::cron::Cron;
use crate::domain::schedule::plan::{Progress, plan};
use crate::domain::schedule::ticks::Zone;
use crate::store::schedule::missed_of;
use crate::store::tick::{self, DueSchedule, Ticks};

use super::Clockwork;

/// Schedules that one transaction moves on.
pub(super) const BATCH: i64 = 50;
/// How long a schedule is left alone that this release cannot read.
const PUT_OFF: Duration = Duration::from_hours(1);

impl Clockwork {
    /// Moves on up to a batch of schedules that have ticks; true where there may be more.
    pub(crate) async fn see_to_ticks(&self) -> Result<bool, sqlx::Error> {
        let now = self.ambient.clock.now();
        let mut tx = self.engine.begin_open().await?;
        let due = tick::due(&mut tx, now, BATCH).await?;
        if due.is_empty() {
            // What another has just moved on was locked by looking at it again: it is let go of now, not when the pool gets to it.
            tx.rollback().await?;
            return Ok(false);
        }
        let mut ticks = Ticks::default();
        let mut more = due.len() as i64 >= BATCH;
        for schedule in &due {
            let Some(timetable) = timetable(schedule) else {
                tracing::error!(schedule = %schedule.schedule_id, "the timetable of a schedule cannot be read");
                tick::put_off(&mut tx, schedule.schedule_id, now + PUT_OFF).await?;
                continue;
            };
            let progress = Progress {
                settled_until: schedule.settled_until,
                behind: u64::try_from(schedule.behind).unwrap_or(0),
            };
            let plan = plan(&timetable, missed_of(schedule.missed_policy), progress, now);
            more |= plan.next.is_some_and(|next| next <= now);
            ticks.add(schedule, &plan, || self.ambient.ids.uuid());
        }
        ticks.record(&mut tx, now).await?;
        tx.commit().await?;
        Ok(more)
    }
}

fn timetable(schedule: &DueSchedule) -> Option<Timetable> {
    Some(Timetable { cron: Cron::parse(&schedule.cron).ok()?, zone: Zone::named(&schedule.time_zone)? })
}
