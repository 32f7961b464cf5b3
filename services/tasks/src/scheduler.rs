//! The scheduler: takes runs from workers that are dead, wakes runs whose time has come or whose provider takes calls again,
//! fires schedules, escalates approvals that nobody gives, tells people, numbers what changes, and keeps the journal's
//! partitions. Any number may run at once.

use std::time::Duration;

use mc_chassis::auth::ServiceIdentity;
use mc_chassis::bus::Bus;
use mc_chassis::client::Upstream;
use mc_chassis::clock::SharedClock;
use mc_chassis::db::{self, Database};
use mc_chassis::egress::Egress;
use mc_chassis::{Ambient, Lifecycle};
use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior};
use url::Url;

use crate::domain::notice::message::Links;
use crate::notify::{self, Mailer, Notifier};
use crate::schedules::{self, Clockwork};
use crate::store::{beat, inbox, lease, park};
use crate::{keeping, relay, topics};

/// How a scheduler works.
#[derive(Debug, Clone)]
pub struct SchedulerSettings {
    /// A worker that has not beaten for this long is taken for dead. Workers must agree on it.
    pub ttl: Duration,
    /// Time between two looks.
    pub interval: Duration,
    /// How long numbered changes of a workspace are kept for watches that come back.
    pub activity_kept: Duration,
    /// How much time one partition of the journal spans; within [`PARTITION_WIDTHS`].
    ///
    /// [`PARTITION_WIDTHS`]: crate::store::partition::PARTITION_WIDTHS
    pub journal_partition: Duration,
    /// Where the web app is, for links in notifications; none where nobody said so.
    pub public_url: Option<Url>,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(6),
            interval: Duration::from_millis(500),
            activity_kept: Duration::from_hours(7 * 24),
            journal_partition: Duration::from_hours(7 * 24),
            public_url: None,
        }
    }
}

/// What a scheduler works with.
#[derive(Debug, Clone)]
pub struct Means {
    /// The database, as `mc_tasks_engine`.
    pub engine: Database,
    /// The registry, which has the agents that schedules start.
    pub registry: Upstream,
    /// The llm service, which knows the prices of their models.
    pub llm: Upstream,
    /// Identity, which knows what the people may on whose behalf schedules fire.
    pub identity: Upstream,
    /// Who the scheduler is to them.
    pub service: ServiceIdentity,
    /// The way out for notifications.
    pub egress: Egress,
    /// Sends mail; none where no server is set.
    pub mailer: Option<Mailer>,
    /// Hints.
    pub bus: Bus,
    /// Time and ids.
    pub ambient: Ambient,
}

/// Schedules, fires, sends and relays until the lifecycle drains.
pub async fn run(settings: SchedulerSettings, means: Means, lifecycle: &Lifecycle) {
    let Means { engine, registry, llm, identity, service, egress, mailer, bus, ambient } = means;
    let clock = ambient.clock.clone();
    let notifier = Notifier {
        engine: engine.clone(),
        identity: identity.clone(),
        service: service.clone(),
        egress,
        mailer,
        links: Links { public: settings.public_url.clone() },
        ambient: ambient.clone(),
    };
    let clockwork =
        Clockwork { engine: engine.clone(), registry, llm, identity, service, bus: bus.clone(), ambient };
    let relayed = relay::run(settings.activity_kept, &engine, &bus, lifecycle);
    let fired = schedules::run(&clockwork, lifecycle);
    let sent = notify::run(&notifier, lifecycle);
    let kept = keeping::run(settings.journal_partition, &engine, &clock, lifecycle);
    futures::join!(schedule(&settings, &engine, &bus, &clock, lifecycle), relayed, fired, sent, kept);
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
        let woken = match insist(|| promote(engine)).await {
            Ok((woken, clock)) => {
                reaper.database_reached(clock);
                woken
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "wake delayed runs");
                reaper.database_lost();
                0
            }
        };
        let freed = park::tend(engine).await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "see to providers that take no calls");
            0
        });
        if let Err(error) = inbox::escalate(engine, clock.now()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "escalate what nobody decides");
        }
        let reaped = reaper.look(engine).await;
        if reaped > 0 {
            tracing::warn!(runs = reaped, "took runs from workers that are silent");
        }
        if woken + reaped + freed > 0 {
            topics::publish(bus, topics::READY, &"");
        }
    }
}

/// Wakes what is due; answers how many, and what time it is to the database.
async fn promote(engine: &Database) -> Result<(u64, OffsetDateTime), sqlx::Error> {
    Ok((lease::promote(engine).await?, beat::clock(engine.pool()).await?))
}

/// Asks again for a moment: that connections were cut is no outage, and others may have beaten over theirs.
async fn insist<T, F>(ask: impl Fn() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let until = Instant::now() + Duration::from_secs(1);
    loop {
        match ask().await {
            Err(error) if db::is_unavailable(&error) && Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            asked => return asked,
        }
    }
}

/// Reaps, but not before everybody had the chance to beat: the database has to have been within reach for a whole limit.
struct Reaper {
    ttl: Duration,
    /// Since when the database answers; none while it does not. A reaper begins without: what was before it, it has not
    /// seen. (That the server itself was started just now, which the statement looks at, is not so of a standby that was
    /// promoted.)
    reached_since: Option<Instant>,
    /// When the database answered last.
    reached: Instant,
    /// What its clock said then.
    clock: Option<OffsetDateTime>,
    forget_at: Instant,
}

impl Reaper {
    fn new(ttl: Duration) -> Self {
        let now = Instant::now();
        Self { ttl, reached_since: None, reached: now, clock: None, forget_at: now + ttl }
    }

    /// The database answers, and says what time it is.
    fn database_reached(&mut self, clock: OffsetDateTime) {
        // A process that was stopped, or kept waiting for an answer, has not seen what was meanwhile. What is shorter than
        // the time between two beats makes a worker miss one, which does it no harm.
        let passed = self.reached.elapsed();
        let unseen = passed > self.ttl / 3;
        // The server's clock was set: how old a beat is says nothing until all have beaten by the new time.
        let by_clock =
            self.clock.replace(clock).map_or(passed.as_secs_f64(), |last| (clock - last).as_seconds_f64());
        let set = (by_clock - passed.as_secs_f64()).abs() > (self.ttl / 3).as_secs_f64();
        self.reached += passed;
        if unseen || set || self.reached_since.is_none() {
            self.reached_since = Some(self.reached);
        }
    }

    /// It does not: nobody can beat.
    fn database_lost(&mut self) {
        self.reached_since = None;
    }

    async fn look(&mut self, engine: &Database) -> u64 {
        if self.reached_since.is_some_and(|since| since.elapsed() >= self.ttl) {
            self.reap(engine).await
        } else {
            0
        }
    }

    async fn reap(&mut self, engine: &Database) -> u64 {
        let reaped = match insist(|| lease::reap(engine, self.ttl)).await {
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
        let mut reaper = patient(Duration::from_millis(400));
        assert_eq!(reaper.look(&tables.engine).await, 0, "it beats");
        reaper.database_lost();
        assert_eq!(reaper.look(&tables.engine).await, 0, "it is not known that anybody can beat");
        tables.silence(worker, 60.0).await;
        assert_eq!(waits_for(&mut reaper, &tables).await, 1, "now it had its chance");
    }

    /// A reaper of which it is known that the database could be reached for a limit.
    fn patient(ttl: Duration) -> Reaper {
        let now = Instant::now();
        Reaper { reached_since: Some(now - ttl), reached: now, ..Reaper::new(ttl) }
    }

    /// What it takes at the end of its wait; nothing before.
    async fn waits_for(reaper: &mut Reaper, tables: &Tables) -> u64 {
        let begun = Instant::now();
        loop {
            reaper.database_reached(beat::clock(tables.engine.pool()).await.expect("clock"));
            let reaped = reaper.look(&tables.engine).await;
            if begun.elapsed() < reaper.ttl {
                assert_eq!(reaped, 0, "nobody could beat");
            } else if reaped > 0 || begun.elapsed() > reaper.ttl * 4 {
                return reaped;
            }
            tokio::time::sleep(reaper.ttl / 10).await;
        }
    }

    #[tokio::test]
    async fn reaper_that_has_just_begun_or_was_stopped_takes_silence_for_no_proof() {
        let tables = Tables::new().await;
        tables.run(workspace(1)).await;
        let worker = tables.worker().await;
        tables.claim(worker, 1).await;
        tables.silence(worker, 60.0).await;
        let ttl = Duration::from_millis(400);
        assert_eq!(waits_for(&mut Reaper::new(ttl), &tables).await, 1, "begun");

        tables.claim(tables.worker().await, 1).await;
        sqlx::query("UPDATE tasks.worker SET beat_time = beat_time - interval '1 hour'")
            .execute(&tables.kit.admin())
            .await
            .expect("silence everybody");
        let mut stopped = patient(ttl);
        stopped.reached -= ttl / 3 + Duration::from_millis(1);
        assert_eq!(waits_for(&mut stopped, &tables).await, 1, "stopped");
    }

    #[tokio::test]
    async fn error_of_the_database_makes_the_reaper_wait() {
        let tables = Tables::new().await;
        let engine = tables.kit.login("tasks", "engine").await;
        engine.close().await;
        let mut reaper = Reaper::new(Duration::from_secs(6));
        reaper.reached_since = Some(Instant::now() - Duration::from_secs(6));
        assert_eq!(reaper.look(&engine).await, 0);
        assert!(reaper.reached_since.is_none());
    }
}
