//! The clock's part of every scheduler: makes fires of ticks, and runs of fires. Any number may be at it at once.
//!
//! A tick becomes a fire in the transaction that moves its schedule on, under the lock of the schedule's row, and by the
//! fire's key only once. A fire becomes a run in the transaction that settles it, under the same lock. Whoever dies in between
//! has changed nothing, and what it had taken is taken by another a moment later. The services that have a say in a start
//! are asked between transactions.

mod delegate;
mod fires;
mod ticks;

pub(crate) use delegate::may_pass;

use std::time::Duration;

use futures::StreamExt;
use mc_chassis::auth::ServiceIdentity;
use mc_chassis::bus::Bus;
use mc_chassis::client::Upstream;
use mc_chassis::db::Database;
use mc_chassis::{Ambient, Lifecycle};
use tokio::time::{Instant, MissedTickBehavior};

use crate::store::fire;

/// Time between two looks at the clock: how late a fire may start, at most, where nothing is wrong.
const INTERVAL: Duration = Duration::from_millis(500);
/// Schedules that are looked at at once by one scheduler, and how many of those it has under way.
const LOOKS: i64 = 64;
const AT_ONCE: usize = 8;
/// Who has taken a schedule and not been heard of for this long is taken for dead. More than one start may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long settled fires are kept, how often is looked for older ones, and how many are forgotten at once.
const KEPT: time::Duration = time::Duration::days(30);
const PRUNE_INTERVAL: Duration = Duration::from_mins(1);
const PRUNED: i64 = 5_000;

/// What schedules are fired with.
#[derive(Debug, Clone)]
pub(crate) struct Clockwork {
    pub(crate) engine: Database,
    pub(crate) registry: Upstream,
    pub(crate) llm: Upstream,
    pub(crate) identity: Upstream,
    /// Who this is to them.
    pub(crate) service: ServiceIdentity,
    pub(crate) bus: Bus,
    pub(crate) ambient: Ambient,
}

/// Fires again and again, until the lifecycle drains.
pub(crate) async fn run(clockwork: &Clockwork, lifecycle: &Lifecycle) {
    let draining = lifecycle.draining();
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut prune_at = Instant::now();
    while draining.run_until_cancelled(tick.tick()).await.is_some() {
        while clockwork.round().await && !draining.is_cancelled() {}
        if Instant::now() >= prune_at && !clockwork.prune().await {
            prune_at = Instant::now() + PRUNE_INTERVAL;
        }
    }
}

impl Clockwork {
    /// Sees to ticks, and to some of the fires; true where there may be more at once.
    pub(crate) async fn round(&self) -> bool {
        let ticks = self.see_to_ticks().await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "see to the ticks of schedules");
            false
        });
        let fires = self.see_to_fires().await.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "look at the fires of schedules");
            false
        });
        ticks || fires
    }

    /// Looks at schedules with open fires; true where there may be more.
    async fn see_to_fires(&self) -> Result<bool, sqlx::Error> {
        let now = self.ambient.clock.now();
        fire::wake(self.engine.pool(), now, LOOKS).await?;
        let taken = fire::take(self.engine.pool(), now, PATIENCE, LOOKS).await?;
        let full = taken.len() as i64 >= LOOKS;
        futures::stream::iter(taken)
            .for_each_concurrent(AT_ONCE, async |(schedule, workspace)| {
                if let Err(error) = self.look(workspace, schedule).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, %schedule, "look at the fires of a schedule");
                }
            })
            .await;
        Ok(full)
    }

    /// Forgets old fires; true where there may be more.
    async fn prune(&self) -> bool {
        let before = self.ambient.clock.now() - KEPT;
        match fire::prune(self.engine.pool(), before, PRUNED).await {
            Ok(forgotten) => forgotten >= PRUNED as u64,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "forget old fires of schedules");
                false
            }
        }
    }
}
