//! Keeping journals: makes their partitions ahead of the runs that need them. Any number may run at once.

use std::time::Duration;

use mc_chassis::Lifecycle;
use mc_chassis::clock::SharedClock;
use mc_chassis::db::Database;

use crate::store::partition;

/// Time between two looks at the partitions.
const INTERVAL: Duration = Duration::from_hours(1);
/// Time until the next look after one that failed, as when somebody held the table.
const AGAIN: Duration = Duration::from_mins(1);
/// Partitions that there are ahead of time: a fleet may go without a scheduler for as long as they last.
const AHEAD: u32 = 4;

/// Looks again and again, until the lifecycle drains; partitions are `width` wide.
pub(crate) async fn run(width: Duration, engine: &Database, clock: &SharedClock, lifecycle: &Lifecycle) {
    let draining = lifecycle.draining();
    loop {
        let wait = if make(width, engine, clock).await { INTERVAL } else { AGAIN };
        if draining.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return;
        }
    }
}

/// Makes what is missing; false if it is to be tried again soon.
async fn make(width: Duration, engine: &Database, clock: &SharedClock) -> bool {
    match partition::make(engine.pool(), clock.now(), width, width * AHEAD).await {
        Ok(0) => true,
        Ok(made) => {
            tracing::info!(made, "made partitions of the journal");
            true
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "make partitions of the journal");
            false
        }
    }
}
