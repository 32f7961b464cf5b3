//! The relay: numbers what changes in workspaces, says so on the bus, and forgets what is old. Any number may run at once.

use std::time::Duration;

use mc_chassis::Lifecycle;
use mc_chassis::bus::Bus;
use mc_chassis::db::Database;
use tokio::time::{Instant, MissedTickBehavior};

use crate::store::activity;
use crate::topics::{self, Grown};

/// Time between two looks at what has no number yet: how late a change may be told, at most, where nothing is wrong.
const INTERVAL: Duration = Duration::from_millis(200);
/// Time between two looks for what is old, unless the last one found all that it may forget at once.
const PRUNE_INTERVAL: Duration = Duration::from_mins(1);

/// Numbers again and again, until the lifecycle drains; forgets what was numbered longer than `kept` ago.
pub(crate) async fn run(kept: Duration, engine: &Database, bus: &Bus, lifecycle: &Lifecycle) {
    let draining = lifecycle.draining();
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut prune_at = Instant::now();
    while draining.run_until_cancelled(tick.tick()).await.is_some() {
        while number(engine, bus).await && !draining.is_cancelled() {}
        if Instant::now() >= prune_at && !prune(engine, kept).await {
            prune_at = Instant::now() + PRUNE_INTERVAL;
        }
    }
}

/// Numbers one batch and tells the watches; true where there may be more at once.
async fn number(engine: &Database, bus: &Bus) -> bool {
    match activity::relay(engine.pool(), activity::BATCH).await {
        Ok(round) => {
            for (workspace, seq) in round.heads {
                topics::publish(bus, &topics::workspace(workspace), &Grown { seq });
            }
            round.numbered >= activity::BATCH
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "number what changed in workspaces");
            false
        }
    }
}

/// Forgets one batch; true where there may be more at once.
async fn prune(engine: &Database, kept: Duration) -> bool {
    match activity::prune(engine.pool(), kept, activity::PRUNED).await {
        Ok(forgotten) => forgotten >= activity::PRUNED as u64,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "forget old changes of workspaces");
            false
        }
    }
}
