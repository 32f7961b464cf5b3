//! The scheduler: takes runs from workers that are dead, wakes runs whose time has come, and numbers what changes. Any number
//! may run at once.

use std::time::Duration;

use mc_chassis::Lifecycle;
use mc_chassis::bus::Bus;
use mc_chassis::clock::SharedClock;
use mc_chassis::db::Database;
use tokio::time::{Instant, MissedTickBehavior};

use crate::store::{beat, lease};
use crate::{relay, topics};

/// How a scheduler works.
#[derive(Debug, Clone)]
pub struct SchedulerSettings {
    /// A worker that has not beaten for this long is taken for dead. Workers must agree on it.
    pub ttl: Duration,
    /// Time between two looks.
    pub interval: Duration,
    /// How long numbered changes of a workspace are kept for watches that come back.
    pub activity_kept: Duration,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(6),
            interval: Duration::from_millis(500),
            activity_kept: Duration::from_hours(7 * 24),
        }
    }
}

/// Schedules and relays until the lifecycle drains.
pub async fn run(
    settings: SchedulerSettings,
    engine: Database,
    bus: Bus,
    clock: SharedClock,
    lifecycle: &Lifecycle,
) {
    let relayed = relay::run(settings.activity_kept, &engine, &bus, lifecycle);
    futures::join!(schedule(&settings, &engine, &bus, &clock, lifecycle), relayed);
}

/// Looks again and again.
async fn schedule(
    settings: &SchedulerSettings,
    engine: &Database,
    bus: &Bus,
    clock: &SharedClock,
    lifecycle: &Lifecycle,
) {
    let draining = lifecycle.draining();
    let mut tick = tokio::time::interval(settings.interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reaper = Reaper::new(settings.ttl);
    while draining.run_until_cancelled(tick.tick()).await.is_some() {
        let woken = match lease::promote(engine, clock.now()).await {
            Ok(woken) => woken,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "wake delayed runs");
                reaper.database_lost();
                0
            }
        };
        let reaped = reaper.look(engine).await;
        if reaped > 0 {
            tracing::warn!(runs = reaped, "took runs from workers that are silent");
        }
        if woken + reaped > 0 {
            topics::publish(bus, topics::READY, &"");
        }
    }
}

/// Reaps, but not before everybody had the chance to beat.
struct Reaper {
    ttl: Duration,
    /// The database could not be reached until a moment ago, so nobody could beat: silence is no proof before this.
    not_before: Option<Instant>,
    forget_at: Instant,
}

impl Reaper {
    fn new(ttl: Duration) -> Self {
        Self { ttl, not_before: None, forget_at: Instant::now() + ttl }
    }

    fn database_lost(&mut self) {
        self.not_before = Some(Instant::now() + self.ttl);
    }

    async fn look(&mut self, engine: &Database) -> u64 {
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return 0;
        }
        let reaped = match lease::reap(engine, self.ttl).await {
            Ok(reaped) => reaped,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "look for silent workers");
                self.database_lost();
                return 0;
            }
        };
        if Instant::now() >= self.forget_at {
            self.forget_at = Instant::now() + self.ttl * 10;
            if let Err(error) = beat::forget_dead(engine.pool(), self.ttl).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "forget dead workers");
            }
        }
        reaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{Tables, workspace};

    #[tokio::test]
    async fn after_the_database_was_lost_silence_is_no_proof_for_one_limit() {
        let tables = Tables::new().await;
        tables.run(workspace(1)).await;
        let worker = tables.worker().await;
        tables.claim(worker, 1).await;
        let mut reaper = Reaper::new(Duration::from_millis(300));
        reaper.database_lost();
        tables.silence(worker, 60.0).await;
        assert_eq!(reaper.look(&tables.engine).await, 0, "nobody could beat");
        tokio::time::sleep_until(reaper.not_before.expect("waits")).await;
        assert_eq!(reaper.look(&tables.engine).await, 1, "now it had its chance");
    }

    #[tokio::test]
    async fn error_of_the_database_makes_the_reaper_wait() {
        let tables = Tables::new().await;
        let engine = tables.kit.login("tasks", "engine").await;
        engine.close().await;
        let mut reaper = Reaper::new(Duration::from_secs(6));
        assert_eq!(reaper.look(&engine).await, 0);
        assert!(reaper.not_before.is_some());
    }
}
